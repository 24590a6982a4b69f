"""A process that may open few files, or write little, ends with a line."""

import subprocess
from pathlib import Path

import pytest

from acceptance.person import COMMAND, environment
from unit.authors.sample_spec import sample_repository

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("limit", [20, 30, 40, 63])
def test_a_worker_that_may_open_few_files_ends_and_says_what_to_do(tmp_path: Path, limit: int) -> None:
    folder = sample_repository(tmp_path / "repo")
    done = subprocess.run(
        ["/bin/sh", "-c", f"ulimit -n {limit}; exec '{COMMAND}' worker"],
        cwd=folder,
        env=environment(tmp_path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 8, done.stderr
    assert "ulimit -n 1024" in done.stderr
