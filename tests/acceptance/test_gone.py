"""A run whose repository goes while a person attends it ends with what is lost and what to do."""

import subprocess
import sys
from pathlib import Path

import pytest

from acceptance.gone import WAYS
from acceptance.person import environment
from unit.authors.sample_spec import sample_repository

pytestmark = pytest.mark.slow
PROGRAM = Path(__file__).with_name("gone.py")


@pytest.mark.parametrize("how", WAYS)
def test_what_became_of_the_repository_is_said_and_nothing_is_parked_in_a_lost_record(tmp_path: Path, how: str) -> None:
    folder = sample_repository(tmp_path / "repo")
    tests = str(PROGRAM.parents[1])
    done = subprocess.run(
        [sys.executable, PROGRAM, folder, how],
        cwd=folder,
        env={**environment(tmp_path), "PYTHONPATH": tests},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 8, done.stderr
    assert "worker.log" not in done.stderr
    if how in ("moved", "replaced"):
        assert not (folder / ".git" / "phasegate").exists(), "no record is begun for runs that are elsewhere"
        assert f"was moved to '{tmp_path}/moved'" in done.stderr
        assert f"cd {tmp_path}/moved\n" in done.stderr
        assert "phasegate run --resume" in done.stderr
    else:
        assert "was removed" in done.stderr
        assert "is lost" in done.stderr
        assert "phasegate restore" in done.stderr
        assert "--resume" not in done.stderr
