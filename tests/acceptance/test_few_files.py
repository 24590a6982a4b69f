"""A process that may open few files, or write little, ends with a line."""

import subprocess
from pathlib import Path

import pytest

from acceptance.person import COMMAND, environment, phasegate
from unit.authors.sample_spec import FOLDER, sample_repository

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("limit", [20, 30, 40, 63])
def test_a_worker_that_may_open_few_files_ends_and_says_what_to_do(tmp_path: Path, limit: int) -> None:
    done = limited(sample_repository(tmp_path / "repo"), tmp_path, f"ulimit -n {limit}", "worker")
    assert done.returncode == 8, done.stderr
    assert "ulimit -n 1024" in done.stderr


@pytest.mark.parametrize("words", ["", " --detach"])
def test_no_run_begins_that_no_worker_here_could_take(tmp_path: Path, words: str) -> None:
    folder = sample_repository(tmp_path / "repo")
    done = limited(folder, tmp_path, "ulimit -n 30", f"run {FOLDER}{words}")
    assert done.returncode == 8, done.stderr
    assert "ulimit -n 1024" in done.stderr
    assert phasegate(folder, "status", "--json", home=tmp_path).json == []


def test_a_file_that_may_not_grow_is_told_with_the_limit(tmp_path: Path) -> None:
    done = limited(sample_repository(tmp_path / "repo"), tmp_path, "ulimit -f 50", f"run {FOLDER}")
    assert done.returncode == 8, done.stderr
    assert "ulimit -f unlimited" in done.stderr
    assert "Warning" not in done.stderr, "a command that ends early leaves no coroutine behind"


def limited(folder: Path, home: Path, limit: str, words: str) -> "subprocess.CompletedProcess[str]":
    """Run the command under a limit of the shell."""
    return subprocess.run(
        ["/bin/sh", "-c", f"{limit}; exec '{COMMAND}' {words}"],
        cwd=folder,
        env=environment(home),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
