"""Known roots: the first root that a person saw of each repository, as ssh keeps the keys of hosts."""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from phasegate.core import InvalidInput, digest
from phasegate.core.files import OWNER_FILE, owner_folder, write_whole
from phasegate.core.locks import lock_file
from phasegate.ledger.signing.roots import Chain


def personal_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """Return the folder of a person's own configuration: their keys, and the roots that they know."""
    base = environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "phasegate"


@dataclass(frozen=True, kw_only=True)
class KnownRoot:
    """A repository's root as this person saw it."""

    repository: str
    """The repository's id."""
    fingerprint: str
    """SHA-256 of its first version."""
    version: int
    """The newest version that was seen."""
    digest: str
    """SHA-256 of that version."""


class KnownRoots:
    """The roots that a person knows, in a folder with a file for each repository and each place of one."""

    def __init__(self, folder: Path | None = None) -> None:
        """Take the folder, by default the person's own."""
        self.folder = folder or personal_folder() / "known_roots"

    def of_place(self, place: Path) -> KnownRoot | None:
        """Return the root that was pinned for the repository with its state directory there."""
        name = _read(self.file_of_place(place))
        return self.of_repository(name.strip()) if name else None

    def of_repository(self, repository: str) -> KnownRoot | None:
        """Return the root that was pinned for the repository of that id.

        Raises:
            InvalidInput: what was kept cannot be read.
        """
        file = self.file_of(repository)
        text = _read(file)
        if text is None:
            return None
        try:
            return KnownRoot(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise InvalidInput(
                f"'{file}' cannot be read: {error}", fix=f"compare the fingerprint with a manager, and remove '{file}'"
            ) from error

    def keep(self, place: Path, chain: Chain) -> None:
        """Pin a chain for the repository there, or note a newer version of one that is pinned."""
        newest = chain.newest
        assert newest is not None
        known = KnownRoot(
            repository=newest.root.repository,
            fingerprint=chain.fingerprint,
            version=newest.root.version,
            digest=newest.digest,
        )
        owner_folder(self.folder, parents=True)
        with lock_file(self.folder / ".lock"):
            before = self.of_repository(known.repository)
            # Another process may have seen a newer one meanwhile, which must not be forgotten.
            if before and before.fingerprint == known.fingerprint and before.version > known.version:
                known = replace(before)
            write_whole(self.file_of(known.repository), json.dumps(asdict(known)).encode(), OWNER_FILE)
            write_whole(self.file_of_place(place), f"{known.repository}\n".encode(), OWNER_FILE)

    def file_of(self, repository: str) -> Path:
        """Return the file with the root of the repository of that id."""
        return self.folder / f"{digest(repository.encode())[:32]}.json"

    def file_of_place(self, place: Path) -> Path:
        """Return the file that names the repository with its state directory there."""
        return self.folder / f"{digest(os.fsencode(os.path.realpath(place)))[:32]}.place"


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"'{file}' cannot be read: {error}", fix="make it readable for you alone") from error
