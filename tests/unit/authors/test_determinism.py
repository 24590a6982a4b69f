"""Two compilations of one spec give the same bytes, whatever order sets and maps have in a process."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
PROGRAM = """
import asyncio, json, sys
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from phasegate.authors import Facts
from phasegate.core import digest
from phasegate.release import Builder
from unit.authors.sample_spec import NOW, compiled
folder = sys.argv[2]
facts = Facts(run="r1", spec=folder, project="acme-runbooks", package="acme_runbooks", started_at=NOW)
given = {f"{folder}/{p.name}": p.read_bytes() for p in (Path(sys.argv[1]).parent / folder).iterdir()}
tree = asyncio.run(compiled(given, facts, Builder(None)))
print(json.dumps({path: digest(content) for path, content in tree.items()}, sort_keys=True))
"""


@pytest.mark.parametrize(
    "spec", ["001-unattached-ebs-volumes", pytest.param("002-snapshot-unreferenced", marks=pytest.mark.slow)]
)
def test_equal_in_other_processes(spec: str) -> None:
    first, second = (_compiled(f"specs/{spec}", seed) for seed in ("1", "2"))
    assert {path for path in first if first[path] != second.get(path)} == set()
    assert first.keys() == second.keys()
    assert f"specs/{spec}/plan.md" in first


def _compiled(folder: str, seed: str) -> dict[str, str]:

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(TESTS), folder],
        env={**os.environ, "PYTHONHASHSEED": seed},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))
