"""Programs of others, as they are: each in an environment of its own under .venv/real, made once for its lock."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

TOP = Path(__file__).parents[2]
LOCKS = TOP / "lock"
MADE = TOP / ".venv" / "real"


def environment(name: str) -> Path:
    """The folder of the programs of `lock/real-NAME.txt`, installed with their hashes."""
    lock, folder = LOCKS / f"real-{name}.txt", MADE / name
    _once(folder, lock.read_bytes(), lambda: _install(folder, lock))
    return folder / "bin"


def inspector() -> Path:
    """The MCP Inspector, installed by npm as its lock says; without running what packages bring to be run."""
    locks, folder = LOCKS / "inspector", MADE / "inspector"
    _once(folder, (locks / "package-lock.json").read_bytes(), lambda: _npm(folder, locks))
    return folder / "node_modules" / ".bin" / "mcp-inspector"


def with_node() -> dict[str, str]:
    """Our environment, with Node first on the path."""
    return {**os.environ, "PATH": f"{environment('node')}{os.pathsep}{os.environ['PATH']}"}


def _install(folder: Path, lock: Path) -> None:
    uv, python = str(Path(sys.executable).parent / "uv"), f"{folder}/bin/python"
    _run(uv, "venv", "-q", "--python", sys.executable, str(folder))
    # The lock has all that is needed; what it leaves out is not.
    locked = ("-q", "--no-deps", "--require-hashes", "-r", str(lock))
    try:
        _run(uv, "pip", "install", "--python", python, *locked)
    except subprocess.CalledProcessError:  # as in the Makefile: pip may reach an index that uv cannot
        _run(sys.executable, "-m", "pip", "--python", python, "install", *locked)


def _npm(folder: Path, locks: Path) -> None:
    folder.mkdir(parents=True)
    for file in locks.iterdir():
        shutil.copy(file, folder)
    # Not `npm ci`: it wants optional parts for other systems, too, which not every index has.
    words = ("npm", "install", "--ignore-scripts", "--no-fund", "--no-audit")
    subprocess.run(words, cwd=folder, env=with_node(), check=True, capture_output=True)


def _run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


def _once(folder: Path, lock: bytes, make: Callable[[], None]) -> None:
    """Makes the folder anew where it was made from another lock, or not to its end."""
    stamp, wanted = folder / "made-from", hashlib.sha256(lock).hexdigest()
    with _turn(folder):
        if stamp.is_file() and stamp.read_text() == wanted:
            return
        shutil.rmtree(folder, ignore_errors=True)
        make()
        stamp.write_text(wanted)


@contextmanager
def _turn(folder: Path) -> Iterator[None]:
    MADE.mkdir(parents=True, exist_ok=True)
    with (MADE / f"{folder.name}.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
