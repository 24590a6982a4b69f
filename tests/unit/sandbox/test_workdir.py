"""Files go into the private directory and come back without anything else."""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from phasegate.core import InvalidInput, process_start
from phasegate.sandbox.workdir import checked, collect, private_directory, sweep


def test_files_are_laid_and_removed() -> None:
    with private_directory({"a/b.txt": b"1"}, None) as top:
        assert (top / "work/a/b.txt").read_bytes() == b"1"
    assert not top.exists()


def test_removed_though_closed() -> None:
    with private_directory({"a/b/c.txt": b"1"}, None) as top:
        os.chmod(top / "work/a/b", 0)
        os.chmod(top / "work/a", 0)
    assert not top.exists()


def test_a_directory_is_swept_once_its_process_has_ended_though_nobody_has_waited_for_it() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        left = Path(tempfile.mkdtemp(prefix=f"phasegate-sandbox-{process.pid}-{process_start(process.pid)}-"))
        sweep()
        assert left.exists()
        process.kill()
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        sweep()
        assert not left.exists()


@pytest.mark.parametrize("path", ["/etc/passwd", "../x", "a/../../x", "", "a\0b"])
def test_paths_that_leave_are_refused(path: str) -> None:
    with pytest.raises(InvalidInput, match="leaves the sandbox"):
        checked(path)


def test_collect_takes_plain_files_only(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"1")
    (tmp_path / "empty").write_bytes(b"")
    (tmp_path / "large").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("plain")
    (tmp_path / "one").write_bytes(b"1")
    os.link(tmp_path / "one", tmp_path / "two")
    files, refused = collect(tmp_path, ["plain", "empty", "large", "link", "one", "absent"], 4)
    assert files == {"plain": b"1", "empty": b""}
    assert set(refused) == {"large", "link", "one"}
