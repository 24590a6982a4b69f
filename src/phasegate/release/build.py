"""Builds wheel and source distribution of a tree: the same bytes for the same tree and date, wherever and whenever."""

import asyncio
import csv
import io
import sys
import tarfile
import zipfile
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from pathlib import Path

from phasegate.core.canonical import digest
from phasegate.core.errors import PhasegateError
from phasegate.release.archives import write_tar_gz, write_zip
from phasegate.release.backend import ensure_safe
from phasegate.release.project import Project, read_project
from phasegate.sandbox import Limits, Outcome, Sandbox

_TREE, _WHEEL, _SDIST = "tree/", "made/wheel", "made/sdist"
_KEPT = 4
_LIMITS = Limits(wall_seconds=60, cpu_seconds=60)


@dataclass(frozen=True, kw_only=True)
class Built:
    """A release as files."""

    project: Project
    wheel: bytes
    sdist: bytes

    @property
    def files(self) -> dict[str, bytes]:
        """File name to content, as an index holds them."""
        return {self.project.wheel_name: self.wheel, self.project.sdist_name: self.sdist}

    @property
    def digests(self) -> dict[str, str]:
        """File name to SHA-256."""
        return {name: digest(content) for name, content in self.files.items()}


async def build(tree: Mapping[str, bytes], *, at: datetime, sandbox: Sandbox) -> Built:
    """Build both distributions with setuptools, in the sandbox, from the running environment and without network.

    Args:
        tree: A target repository.
        at: The time that every file in them gets; derived from the run, never the machine's.
        sandbox: Where the backend runs.

    Raises:
        InvalidInput: pyproject.toml does not hold, or asks for a build that could run the tree's own code.
        PhasegateError: The build failed; the message carries the last of what it said.
    """
    # Before the sandbox is begun: a build backend of the tree's own would choose what the wheel holds.
    ensure_safe(tree)
    project = read_project(tree)
    outcome = await sandbox.run(
        # Isolated from PYTHONPATH and the user's site-packages, which would make another machine build other bytes.
        [sys.executable, "-I", "-c", _backend_text()],
        files={f"{_TREE}{path}": content for path, content in tree.items()},
        limits=_LIMITS,
        collect=[_WHEEL, _SDIST],
    )
    wheel, sdist = _made(outcome, _WHEEL), _made(outcome, _SDIST)
    return Built(project=project, wheel=normal_wheel(wheel, at), sdist=normal_sdist(sdist, at))


def normal_wheel(wheel: bytes, at: datetime) -> bytes:
    """Return the wheel without traces of time, place and author, and with a new RECORD."""
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        files = {entry.filename: archive.read(entry) for entry in archive.infolist() if not entry.is_dir()}
    record = next(name for name in files if name.endswith(".dist-info/RECORD"))
    # The backend's RECORD names the files in the order of its own walk.
    files[record] = record_of({name: content for name, content in files.items() if name != record}, record)
    return write_zip(files, at)


def normal_sdist(sdist: bytes, at: datetime) -> bytes:
    """The same plain files in an archive that says nothing of when, where and by whom it was made."""
    with tarfile.open(fileobj=io.BytesIO(sdist), mode="r:gz") as archive:
        # Folders are left out: their order and modes are the builder's, and tar makes them anew.
        members = [member for member in archive.getmembers() if member.isfile()]
        files = {m.name: stream.read() for m in members if (stream := archive.extractfile(m))}
    return write_tar_gz(files, at)


def record_of(files: Mapping[str, bytes], record: str) -> bytes:
    """A wheel's RECORD: each file's name, SHA-256 and size, sorted, and RECORD itself without either."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerows((name, f"sha256={_hash(content)}", len(content)) for name, content in sorted(files.items()))
    writer.writerow((record, "", ""))
    return lines.getvalue().encode()


def _hash(content: bytes) -> str:
    return urlsafe_b64encode(sha256(content).digest()).rstrip(b"=").decode()


def _backend_text() -> str:
    # As text: below -I the backend sees the environment's packages, and neither ours nor the tree's on its path.
    return Path(__file__).with_name("build_inside.py").read_text(encoding="utf-8")


def _made(outcome: Outcome, path: str) -> bytes:
    if not outcome.ok or path not in outcome.files:
        said = (outcome.stderr or outcome.stdout).decode(errors="replace").strip()[-800:]
        why = f"met its limit of {outcome.limit}" if outcome.limit else outcome.refused.get(path) or said
        raise PhasegateError(
            f"the package build failed: {why}", fix="run `python -m build` in the tree to see all of it"
        )
    return outcome.files[path]


class Builder:
    """Builds in a sandbox, and remembers the last few."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._built: dict[str, Built] = {}
        self._busy = asyncio.Lock()

    async def build(self, tree: Mapping[str, bytes], *, at: datetime) -> Built:
        """Build wheel and sdist of a tree with `phasegate.release.build`."""
        files = dict(tree)
        key = digest([at.isoformat(), {path: digest(content) for path, content in files.items()}])
        # Reviewers work side by side and may ask for the same release at once: one builds, and the others wait.
        async with self._busy:
            if key not in self._built:
                self._built[key] = await build(files, at=at, sandbox=self._sandbox)
                # A wheel is held in memory, and a draft, its review and its release come close together.
                for old in list(self._built)[:-_KEPT]:
                    del self._built[old]
            return self._built[key]
