"""A worker that ends while runs wait leaves no coroutine behind, of which Python would warn on the terminal."""

import subprocess
import sys
from pathlib import Path

import pytest

from acceptance.person import environment, phasegate
from unit.authors.sample_spec import sample_repository

pytestmark = pytest.mark.slow
PROGRAM = Path(__file__).with_name("stopping.py")


def test_a_worker_that_is_stopped_as_runs_wait_takes_none_and_warns_of_nothing(tmp_path: Path) -> None:
    folder = sample_repository(tmp_path / "repo")
    done = subprocess.run(
        [sys.executable, PROGRAM, folder],
        cwd=folder,
        env={**environment(tmp_path), "PYTHONPATH": str(PROGRAM.parents[1])},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "never awaited" not in done.stderr
    runs = phasegate(folder, "status", "--json", home=tmp_path).json
    assert [run["status"] for run in runs] == ["working"] * 3
