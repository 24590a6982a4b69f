"""Installs a published wheel into a fresh virtual environment, without network.

The environment holds the wheel, and links to exactly those distributions of the running environment that its declared
dependencies come to. pip resolves the wheel's requirements against them as anywhere else, and whatever the package uses
without declaring it is not there to be imported.
"""

import asyncio
import os
import shutil
import sys
import sysconfig
import venv
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import distributions
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.utils import canonicalize_name

from phasegate.core.canonical import digest
from phasegate.core.errors import Exhausted, InvalidInput, PhasegateError, Refused
from phasegate.core.locks import lock_file
from phasegate.release.environment import Resolved, resolve
from phasegate.release.index import Receipt
from phasegate.release.process import Ran, run
from phasegate.release.project import Project
from phasegate.release.wheel import read_wheel

_SECONDS = 120
_WHOLE = "phasegate-installed"
"""Written last: what the environment was made of."""


@dataclass(frozen=True, kw_only=True)
class Installation:
    """A release, installed."""

    project: str
    """Normalised."""
    version: str
    folder: Path
    """The virtual environment."""

    @property
    def python(self) -> Path:
        """Interpreter of the environment."""
        return self.folder / "bin" / "python"

    def script(self, name: str) -> Path:
        """A console script of it."""
        return self.folder / "bin" / name


async def install(receipt: Receipt, project: Project, into: Path) -> Installation:
    """Install a release from the index that a receipt names, once: whoever comes second finds it.

    One process at a time works on a folder. An environment that is whole stays as it is, since somebody may run it;
    what a killed process left is made anew.

    Args:
        receipt: Of the release; the index must still hold the bytes that it tells of.
        project: What the release was built from; its declared dependencies are resolved in the running environment.
        into: Where the virtual environment is to stand.

    Raises:
        Refused: The index holds other bytes by now; reason `index_changed`.
        InvalidInput: `into` holds something that is no virtual environment.
        Missing: A declared dependency is not installed here.
        Exhausted: The environment cannot be written.
        PhasegateError: pip failed; the message carries the last of what it said.
    """
    needed = resolve(project.requirements)
    _refuse_changed(receipt)
    # Interpreter and versions of the dependencies belong to it: after an upgrade of either, the environment is made
    # anew.
    wanted = _mark(receipt, needed)
    with _written(into):
        into.parent.mkdir(parents=True, exist_ok=True)
        # Beside the folder and not in it, which is removed and made anew under the lock.
        lock = await asyncio.to_thread(lock_file, into.with_name(f".{into.name}.lock"))
    with lock:
        if not _is_whole(into, wanted):
            await asyncio.to_thread(_prepare, into, needed.values())
            await _pip(receipt, into)
            _check_installed(receipt, into)
            with _written(into):
                # Last of all: what a killed process left has no mark, and is not taken for whole.
                (into / _WHOLE).write_text(wanted, encoding="utf-8")
    return Installation(project=receipt.project, version=receipt.version, folder=into)


def changed_files(installation: Installation, wheel: bytes, package: str) -> list[str]:
    """Return the files of an environment that differ from those of the wheel that was installed there, or are more.

    Args:
        installation: Where.
        wheel: Content of the released wheel.
        package: Its Python package, which holds nothing else.
    """
    site, files = _site_packages(installation.folder), read_wheel(wheel).files
    # pip writes a RECORD of its own, and the folder that Python runs from is not the wheel's.
    told = {name: content for name, content in files.items() if not name.endswith(".dist-info/RECORD")}
    changed = [name for name, content in told.items() if not _holds(site / name, content)]
    more = [path.relative_to(site).as_posix() for path in (site / package).rglob("*") if not _is_bytecode(path, site)]
    strange = [name for name in more if name not in files and not (site / name).is_dir()]
    known = (package, _LINKS, "__pycache__")
    beside = [path.name for path in site.iterdir() if path.name not in known and path.suffix != ".dist-info"]
    linked = installation.folder / _LINKED
    # A line of a .pth file that begins with "import" is run at each start.
    links = [] if _holds(site / _LINKS, _link_line(linked, site)) else [_LINKS]
    return sorted([*changed, *strange, *beside, *links])


_LINKED, _LINKS = "dependencies", "dependencies.pth"


def _link_line(linked: Path, site: Path) -> bytes:
    # Relative, so it is plain ASCII, whatever the locale of who reads it, and holds where the folder is moved to.
    return f"{os.path.relpath(linked, site)}\n".encode("ascii")


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and not path.is_symlink() and path.read_bytes() == content


def _is_bytecode(path: Path, site: Path) -> bool:
    """Return whether it lies in a folder of byte code, which a command with one of its own does not read."""
    return "__pycache__" in path.relative_to(site).parts


def _mark(receipt: Receipt, needed: Mapping[str, Resolved]) -> str:
    """Record the parts of an environment."""
    versions = {name: resolved.version for name, resolved in needed.items()}
    return digest([sys.executable, sys.version, {file.name: file.sha256 for file in receipt.files}, versions])


def _is_whole(into: Path, wanted: str) -> bool:
    mark = into / _WHOLE
    return mark.is_file() and mark.read_text(encoding="utf-8") == wanted


@contextmanager
def _written(into: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        fix = "make room, or give the right to write there"
        raise Exhausted(f"the environment {into} cannot be made: {error.strerror}", fix=fix) from error


def _refuse_changed(receipt: Receipt) -> None:
    for file in receipt.files:
        path = Path(url2pathname(urlsplit(file.address).path))
        if not path.is_file() or digest(path.read_bytes()) != file.sha256:
            message = f"{path} is no longer what was published"
            raise Refused(message, reason="index_changed", fix="find out who changed the index, and release again")


def _prepare(into: Path, needed: Iterable[Resolved]) -> None:
    if into.exists() and any(into.iterdir()) and not (into / "pyvenv.cfg").is_file():
        raise InvalidInput(f"{into} holds something that is no virtual environment", fix="name another folder")
    with _written(into):
        shutil.rmtree(into, ignore_errors=True)
        venv.EnvBuilder(symlinks=True, with_pip=False).create(into)
        _link(into, needed)


def _link(into: Path, needed: Iterable[Resolved]) -> None:
    # In a folder of their own: through links in site-packages itself, `pip install --upgrade` there would write
    # into the running environment.
    linked = into / _LINKED
    linked.mkdir()
    for distribution in needed:
        for root in distribution.roots:
            (linked / root.name).symlink_to(root)
    site = _site_packages(into)
    (site / _LINKS).write_bytes(_link_line(linked, site))


async def _pip(receipt: Receipt, into: Path) -> None:
    command = [sys.executable, "-I", "-m", "pip", "--python", str(into / "bin" / "python"), "--isolated"]
    command += ["--no-input", "--no-cache-dir", "--disable-pip-version-check", "install", "--no-compile", "--quiet"]
    command += ["--only-binary=:all:", "--index-url", receipt.index, f"{receipt.project}=={receipt.version}"]
    try:
        ran = await run(command, env={}, seconds=_SECONDS)
    except TimeoutError:
        ran = Ran(exit_code=1, stdout="", stderr=f"it did not end within {_SECONDS} s")
    if ran.exit_code:
        fix = f"try it by hand: pip install --index-url {receipt.index} {receipt.project}=={receipt.version}"
        raise PhasegateError(f"pip could not install {receipt.project} {receipt.version}: {ran.tail}", fix=fix)


def _check_installed(receipt: Receipt, into: Path) -> None:
    found = {(canonicalize_name(d.name), d.version) for d in distributions(path=[str(_site_packages(into))])}
    if (receipt.project, receipt.version) not in found:
        message = f"{receipt.project} {receipt.version} is not in {into} after pip installed it"
        raise PhasegateError(message, fix="remove the folder, and resume the run")


def _site_packages(into: Path) -> Path:
    return Path(sysconfig.get_path("purelib", "venv", {"base": str(into), "platbase": str(into)}))
