"""State of a repository's root at this moment, beside the one that this person knows."""

import json
import shlex
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from phasegate.core import InvalidInput, Refused, canonical
from phasegate.core.files import OWNER_FILE, owner_folder, write_whole
from phasegate.core.locks import lock_file
from phasegate.ledger.signing.keys import PublicKey
from phasegate.ledger.signing.roots import Chain, Root, SignedRoot, follow
from phasegate.trust.known_roots import KnownRoot, KnownRoots

ROOTS = "phasegate.roots.jsonl"
"""Name of the file with a repository's roots, beside `phasegate.toml` and in the state directory."""
_NO_CHAIN = Chain()
SHORT = 16
"""Digits of a digest in a sentence, where a fingerprint is always shown whole."""


class Standing(StrEnum):
    """State of a root."""

    absent = "absent"
    """The repository has none yet, so nobody can decide in it."""
    unknown = "unknown"
    """It has one, which this person has not pinned."""
    refused = "refused"
    """It is not the one that was pinned, or not all of it."""
    held = "held"
    """It is the one that was pinned."""


@dataclass(frozen=True, kw_only=True)
class Trust:
    """A repository's root, as it was read."""

    standing: Standing
    chain: Chain = _NO_CHAIN
    pinned: KnownRoot | None = None
    wrong: tuple[str, ...] = ()
    """Sentences that say what is not as it should be, shown wherever the repository's state is."""
    fix: str = ""

    @property
    def root(self) -> Root | None:
        """The root that counts, or None."""
        newest = self.chain.newest if self.standing is Standing.held else None
        return newest.root if newest else None

    @property
    def digests(self) -> tuple[str, ...]:
        """Digests of the versions that count, in order."""
        return self.chain.digests if self.standing is Standing.held else ()

    def managers(self) -> dict[str, PublicKey]:
        """Return the keys of those who may decide, by name, none where the root does not count."""
        return self.root.managers if self.root else {}

    def keys_of(self, name: str) -> list[PublicKey]:
        """Return the keys that versions of the root named for a person, the newest first."""
        counts = reversed(self.chain.versions) if self.standing is Standing.held else ()
        return [version.root.managers[name] for version in counts if name in version.root.managers]

    def require(self, system: PublicKey | None = None) -> Root:
        """Return the root that counts.

        Args:
            system: the key that this repository's events are signed with; it has to be one that the root names.

        Raises:
            Refused: `root_absent`, `root_unknown` or `root_refused`, or `system_unknown`.
        """
        root = self.root
        if root is None:
            raise self.refusal()
        if system is not None and str(system) not in root.system:
            raise Refused(
                f"the root does not name the key {system.key_id[:SHORT]}, with which this copy signs events",
                reason="system_unknown",
                fix="have a manager sign it: 'phasegate trust sign'",
            )
        return root

    @contextmanager
    def told_first(self) -> Iterator[None]:
        """Raise the refusal of the root in place of what is wrong with files that count for nothing without it."""
        try:
            yield
        except InvalidInput as error:
            if self.standing in (Standing.refused, Standing.unknown):
                raise self.refusal() from error
            raise

    def refusal(self) -> Refused:
        """Return the error of a root that does not count."""
        says = {
            Standing.absent: "this repository has no manager yet, and so no root of trust",
            Standing.unknown: f"the root of this repository is not known here: {self.chain.fingerprint}",
        }
        return Refused(
            says.get(self.standing, "; ".join(self.wrong)), reason=f"root_{self.standing.value}", fix=self.fix
        )


class TrustStore:
    """Reader and writer of a repository's roots, which notices what another process wrote."""

    def __init__(self, state: Path, folder: Path, known: KnownRoots | None = None) -> None:
        """Take the state directory, the top of the work tree, and the person's known roots."""
        self._state, self._folder = state / ROOTS, folder / ROOTS
        self.known = known or KnownRoots()
        """The roots that this person pinned."""
        self._seen: tuple[object, ...] = ()
        self._read: Trust | None = None

    def read(self) -> Trust:
        """Return the root as it is now.

        A newer version that came with the work tree is taken over where it follows from what was known.
        """
        seen = tuple(_mark(path) for path in (self._state, self._folder, self.known.folder))
        if self._read is None or seen != self._seen:
            self._read, self._seen = self._look(), seen
        return self._read

    def _look(self) -> Trust:
        kept, given = _chain(self._state), _chain(self._folder)
        pinned = self.known.of_place(self._state.parent)
        chain, wrong = _joined(kept, given)
        newest = chain.newest
        if newest is None:
            return _without(chain, pinned, wrong, self.known.file_of_place(self._state.parent))
        pinned = pinned or self.known.of_repository(newest.root.repository)
        if pinned is None:
            fix = f"compare it with what a manager tells you, then: phasegate trust pin {chain.fingerprint}"
            return Trust(standing=Standing.unknown, chain=chain, wrong=wrong, fix=fix)
        unlike = _unlike(chain, pinned)
        if unlike:
            fix = (
                f"put '{ROOTS}' back as it was (git checkout, or a backup); if the managers began anew, remove the"
                f" file of {pinned.repository[:SHORT]} in '{self.known.folder}', and pin what they tell you"
            )
            return Trust(standing=Standing.refused, chain=chain, pinned=pinned, wrong=(unlike, *wrong), fix=fix)
        if chain.digests != kept.digests or newest.digest != pinned.digest:
            self._keep(chain)
        elif self.known.of_place(self._state.parent) is None:
            self.known.keep(self._state.parent, chain)
        return Trust(standing=Standing.held, chain=chain, pinned=pinned, wrong=wrong)

    def pin(self, fingerprint: str) -> Trust:
        """Know a repository's root from now on.

        Args:
            fingerprint: SHA-256 of its first version, as a manager told it.

        Raises:
            Refused: `root_unknown`, where the repository's root is another; `root_refused`, where one is pinned.
        """
        trust = self.read()
        if trust.standing in (Standing.refused, Standing.absent):
            raise trust.refusal()
        if fingerprint.removeprefix("SHA256:").lower() != trust.chain.fingerprint:
            raise Refused(
                f"the root of this repository is {trust.chain.fingerprint}, and not {fingerprint}",
                reason="root_unknown",
                fix="ask a manager, on another way than the one by which you got the repository",
            )
        self._keep(trust.chain)
        return self._renewed()

    def establish(self, signed: SignedRoot) -> Trust:
        """Write the first version of a repository's root, and pin it.

        Raises:
            Refused: there is one already, or it does not hold.
        """
        with lock_file(self._lock()):
            trust = self._renewed()
            if trust.standing is Standing.refused:
                raise trust.refusal()
            if trust.standing is not Standing.absent:
                raise Refused("this repository has a root", reason="root_exists", fix="see 'phasegate trust show'")
            self._store(follow([signed]))
            return self._renewed()

    def add(self, make: Callable[[Trust], SignedRoot]) -> Trust:
        """Write the next version, or a signature more under the one that waits for others.

        Args:
            make: returns the signed version that follows the root it is given.

        Raises:
            Refused: it does not follow.
        """
        with lock_file(self._lock()):
            trust = self._renewed()
            trust.require()
            self._store(follow([*trust.chain.versions, make(trust)]))
            return self._renewed()

    def _store(self, chain: Chain) -> None:
        if chain.wrong or not (chain.versions or chain.pending):
            raise Refused(
                f"this root does not hold: {chain.wrong}",
                reason="root_refused",
                fix="mend what the working files propose ('phasegate trust diff'), and sign again",
            )
        if not chain.versions:
            raise Refused("nobody whom this root names has signed it", reason="root_refused", fix="sign it anew")
        self._keep(chain)
        write_whole(self._folder, _lines(chain))

    def _keep(self, chain: Chain) -> None:
        owner_folder(self._state.parent, parents=True)
        write_whole(self._state, _lines(chain), OWNER_FILE)
        self.known.keep(self._state.parent, chain)

    def _renewed(self) -> Trust:
        self._read = None
        return self.read()

    def _lock(self) -> Path:
        owner_folder(self._state.parent, parents=True)
        return self._state.with_name(f".{ROOTS}.lock")


def list_approvers(file: Path, chain: Chain) -> bool:
    """Write the file in which a package carries whose approval counts, where it has one, and return whether it has.

    The chain of roots is what a released package judges by; the list beside it is for people.
    """
    newest = chain.newest
    if newest is None or not file.is_file():
        return False
    listed = [{name: row[name] for name in ("name", "public_key", "card")} for row in newest.root.settings["managers"]]
    document = {"approvers": listed, "roots": [version.as_json() for version in chain.versions]}
    write_whole(file, (json.dumps(document, indent=2) + "\n").encode())
    return True


def _joined(kept: Chain, given: Chain) -> tuple[Chain, tuple[str, ...]]:
    """Return the longer of two chains of which one begins the other, and what is wrong with either."""
    wrong = [f"'{ROOTS}' of the {name}: {chain.wrong}" for name, chain in _named(kept, given) if chain.wrong]
    if kept.begins(given):
        return (given if _says_more(given, kept) else kept), tuple(wrong)
    if given.begins(kept):
        return kept, tuple(wrong)
    other = f"'{ROOTS}' of the work tree has other versions than this repository had so far, and counts for nothing"
    return kept, (*wrong, other)


def _named(kept: Chain, given: Chain) -> Sequence[tuple[str, Chain]]:
    return (("state directory", kept), ("work tree", given))


def _says_more(given: Chain, kept: Chain) -> bool:
    if len(given.versions) != len(kept.versions):
        return len(given.versions) > len(kept.versions)
    return len(given.pending.signatures if given.pending else ()) > len(kept.pending.signatures if kept.pending else ())


def _without(chain: Chain, pinned: KnownRoot | None, wrong: tuple[str, ...], place: Path) -> Trust:
    if pinned is None and not wrong:
        fix = "make a key, and with it the root: 'phasegate manager init'"
        return Trust(standing=Standing.absent, chain=chain, fix=fix)
    gone = f"the root of this repository is gone: version {pinned.version} was seen here" if pinned else ""
    fix = f"put '{ROOTS}' back as it was (git checkout, or a backup)"
    if pinned:
        fix += f"; where you removed that repository yourself, and this is another: rm {shlex.quote(str(place))}"
    says = tuple(filter(None, (gone, *wrong)))
    return Trust(standing=Standing.refused, chain=chain, pinned=pinned, wrong=says, fix=fix)


def _unlike(chain: Chain, pinned: KnownRoot) -> str:
    """Return how a chain is not the one that was pinned, or an empty string."""
    if chain.fingerprint != pinned.fingerprint:
        return f"the root of this repository is {chain.fingerprint}, and the one known here is {pinned.fingerprint}"
    if len(chain.versions) < pinned.version:
        return f"version {len(chain.versions)} of the root is the newest here, and version {pinned.version} was seen"
    if chain.digests[pinned.version - 1] != pinned.digest:
        return f"version {pinned.version} of the root is another one than was seen here"
    return ""


def _chain(file: Path) -> Chain:
    """Read a file of roots, up to what does not hold."""
    try:
        lines = file.read_bytes().splitlines()
    except FileNotFoundError:
        return Chain()
    except OSError as error:
        return Chain(wrong=f"it cannot be read: {error.strerror}")
    signed: list[SignedRoot] = []
    for number, line in enumerate(lines, start=1):
        try:
            signed.append(SignedRoot.of_json(json.loads(line)))
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError, InvalidInput) as error:
            chain = follow(signed)
            return Chain(chain.versions, chain.pending, chain.wrong or f"line {number} is no root: {error}")
    return follow(signed)


def _lines(chain: Chain) -> bytes:
    rows = [*chain.versions, *([chain.pending] if chain.pending else [])]
    return b"".join(canonical(row.as_json()) + b"\n" for row in rows)


def _mark(path: Path) -> object:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
