"""What Phasegate does not run on is named before anything else is imported."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from phasegate.supported import EXIT_CODE, MACHINES, PYTHONS, unsupported

PROJECT = Path(__file__).parents[3] / "pyproject.toml"
HERE = {"python": "3.13.0", "sqlite": "3.40.1", "system": "Linux", "machine": "x86_64"}


@pytest.mark.parametrize(
    ("other", "named"),
    [
        ({"python": "3.10.13"}, "this is 3.10.13"),
        ({"python": "3.14.0rc1"}, "this is 3.14.0rc1"),
        ({"python": "3.1.3"}, "this is 3.1.3"),
        ({"sqlite": "3.36.0"}, "has 3.36.0"),
        ({"sqlite": ""}, "no module sqlite3"),
        ({"system": "Windows", "machine": "AMD64", "python": "3.10.0"}, "this is Windows"),
        ({"system": "Darwin", "machine": "arm64"}, "this is Darwin"),
        ({"machine": "riscv64"}, "this is riscv64"),
        ({"machine": "x86_64-32"}, "this is x86_64-32"),
    ],
    ids=str,
)
def test_each_is_named_with_what_to_do(other: dict[str, str], named: str) -> None:
    says, fix = unsupported(**HERE | other) or ("", "")
    assert named in says
    assert fix


@pytest.mark.parametrize("other", [{}, {"sqlite": "3.37.0"}, {"sqlite": "3.100.0"}, {"sqlite": "4.0"}], ids=str)
def test_what_is_supported_is_let_through(other: dict[str, str]) -> None:
    for major, minor in PYTHONS:
        for machine in MACHINES:
            assert unsupported(**HERE | {"python": f"{major}.{minor}.1", "machine": machine} | other) is None


def test_the_command_refuses_before_it_imports_the_rest() -> None:
    code = """
import sqlite3, sys
sqlite3.sqlite_version = "3.31.1"
from phasegate.cli import main
try:
    main()
finally:
    assert not [name for name in sys.modules if name in ("click", "sqlalchemy", "phasegate.core")]
"""
    said = subprocess.run([sys.executable, "-c", code, "status", "--json"], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr.splitlines()[0]) == (
        EXIT_CODE,
        "✗ Phasegate needs SQLite 3.37 or newer, and this Python has 3.31.1",
    )
    assert json.loads(said.stdout)["error"]["exit_code"] == EXIT_CODE


def test_the_package_promises_the_same_pythons() -> None:
    project = tomllib.loads(PROJECT.read_text())["project"]
    first, last = PYTHONS[0], PYTHONS[-1]
    assert project["requires-python"] == f">={first[0]}.{first[1]},<{last[0]}.{last[1] + 1}"
    named = {text.rpartition(" ")[2] for text in project["classifiers"] if "Python :: 3." in text}
    assert named == {f"{major}.{minor}" for major, minor in PYTHONS}
