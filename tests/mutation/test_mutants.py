"""Rules are taken out, one at a time, and the tests that guard them have to fail.

A mutant that survives shows a test that is missing: write it, or say in `areas.py` why nobody could see the mutant.
Each is tried first with the test that killed it last time; 'UPDATE_KILLERS=1 make slow ARGS=tests/mutation' keeps
anew which test that is.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from mutation.areas import AREAS
from mutation.rules import RULES
from mutation.runner import BROKEN, KILLERS, find_target, keep_killers

TESTS = Path(__file__).parents[1]
COUNT, SUBSTITUTES = 150, 7
"""Rules that are broken on purpose, and how many of them no edit of the syntax tree breaks."""


def test_every_rule_is_one_of_the_mutants() -> None:
    known, equivalent = set[str](), set[str]()
    for area in AREAS.values():
        for name, functions in area.modules.items():
            target = find_target(name, functions, area.thorough)
            known |= {f"{name}.{mutant.address}" for mutant in target.mutants(target.tree())}
        equivalent |= set(area.equivalent)
    assert (BROKEN | equivalent) - known == set()
    assert BROKEN & equivalent == set()
    named = [rule for rules in RULES.values() for rule in rules] + [
        name for a in AREAS.values() for name in a.substitutes
    ]
    assert len(named) == len(BROKEN) + SUBSTITUTES == COUNT


def test_a_function_that_is_not_there_is_found_out() -> None:
    with pytest.raises(LookupError, match="has no Policy\\.gone"):
        find_target("phasegate.tools.client.policy", ["Policy.judge", "Policy.gone"], ())


def test_killers_are_kept_of_areas_alone() -> None:
    assert {file.stem for file in KILLERS.glob("*.json")} <= set(AREAS)


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("area", AREAS)
def test_each_rule_that_is_taken_out_is_missed_by_a_test(area: str, tmp_path: Path) -> None:
    found = _run(area, tmp_path)
    if os.environ.get("UPDATE_KILLERS"):
        keep_killers(area, found["answers"])
    assert found["problem"] == ""
    assert {name: said for name, said in found["answers"].items() if not said.startswith("killed by ")} == {}
    assert set(AREAS[area].substitutes) - set(found["answers"]) == set()


@pytest.mark.slow
def test_a_rule_without_its_test_is_found_out(tmp_path: Path) -> None:
    rule = "phasegate.workflow.gates.tokens.token_holds drop-operand 6"
    assert _run("tokens", tmp_path, rule, "-k", "has_its_time")["answers"][rule].startswith("killed by ")
    assert _run("tokens", tmp_path, rule, "-k", "not has_its_time")["answers"][rule].startswith("survived ")


@pytest.mark.slow
def test_a_rule_that_no_test_reaches_is_found_out(tmp_path: Path) -> None:
    rule = "phasegate.workflow.gates.tokens.token_holds drop-operand 6"
    found = _run("tokens", tmp_path, rule, "-k", "looking_stores_nothing")["answers"]
    assert found[rule].startswith("survived: no test runs it")


@pytest.mark.slow
def test_tests_that_fail_without_a_mutant_prove_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "test_broken.py"
    broken.write_text("def test_that_fails() -> None:\n    raise RuntimeError\n")
    found = _run("runtime", tmp_path, "", str(broken), "-k", "that_fails")
    assert "without any mutant" in found["problem"]
    assert found["answers"] == {}


def _run(area: str, tmp_path: Path, only: str = "", *words: str) -> dict[str, Any]:
    """What came of the mutants of an area, or of one of them."""
    command = [sys.executable, "-m", "mutation.runner", area, json.dumps([only] if only else [])]
    done = subprocess.run(
        [*command, f"--basetemp={tmp_path / 'base'}", *words],
        cwd=TESTS.parent,
        env=os.environ | {"PYTHONPATH": str(TESTS), "PYTHONDONTWRITEBYTECODE": "1"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found
