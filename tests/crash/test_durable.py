"""What is acknowledged is on disk: the calls that put it there, as the kernel sees them."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import asyncio, sys
from datetime import UTC, datetime
from pathlib import Path
from phasegate.core.files import write_whole
from phasegate.store.sqlite import SqliteStore
from phasegate.workspace import Signature, Workspace

async def main(folder):
    ada, now = Signature("ada", "ada@example.org"), datetime(2026, 11, 18, tzinfo=UTC)
    workspace = Workspace.create(folder, {"a.md": b"a"}, author=ada, when=now, message="First")
    database = await SqliteStore(folder / "p.db").open()
    print("begun", flush=True)
    commit = workspace.commit([workspace.head()], {"new/b.md": b"b"}, author=ada, when=now, message="More")
    workspace.point("phasegate/r1", commit)
    workspace.mark("intake/r1/0", commit)
    print("committed", commit, flush=True)
    await database.write(lambda c: c.exec_driver_sql("create table t (n)"))
    print("written", flush=True)
    write_whole(folder / "key", b"k")
    print("whole", flush=True)
    await database.close()

asyncio.run(main(Path(sys.argv[1])))
"""


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_what_is_acknowledged_was_put_on_disk(tmp_path: Path) -> None:
    folder, log = tmp_path / "repository", tmp_path / "calls"
    command = ["strace", "-f", "-y", "-s", "80", "-e", "trace=fsync,fdatasync,write", "-o", str(log)]
    ran = subprocess.run([*command, sys.executable, "-c", PROGRAM, str(folder)], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    _, committed, written, whole = _synced(log.read_text(), folder)
    objects = set(re.findall(r"objects/\w\w/tmp_obj_\w+", " ".join(committed)))
    assert len(objects) == 4, "a file, two folders and a commit"
    assert {str(Path(".git") / Path(name).parent) for name in objects} <= committed, "the folder of each"
    refs = ("", "/heads", "/heads/phasegate", "/phasegate", "/phasegate/intake", "/phasegate/intake/r1")
    assert {".git/objects", *(f".git/refs{folder}" for folder in refs)} <= committed
    assert any(name.startswith(".git/refs/heads/phasegate/r1") for name in committed)
    assert "p.db-wal" in written
    assert "" in whole, "the folder of the file, and the file itself under its unfinished name"
    assert any(name.startswith(".unfinished-") for name in whole)


def _synced(log: str, folder: Path) -> list[set[str]]:
    """What was put on disk before each word, from the top of the folder."""
    done: list[set[str]] = [set()]
    begun: dict[str, str] = {}
    for line in log.splitlines():
        thread = line.split()[0]
        if re.search(r'write\(1<.*>, "(begun|committed|written|whole)', line):
            done.append(set())
        elif match := re.search(r"sync\(\d+<([^>]*)>", line):
            begun[thread] = match[1].removeprefix(str(folder)).lstrip("/")
        # One that another thread's call interrupts in the log counts where it returned.
        if re.search(r"sync(\(| resumed>).*= 0$", line):
            done[-1].add(begun.pop(thread))
    return done[:4]
