"""`phasegate eval` lists, tries, keeps and compares."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from phasegate.cli.program import root
from phasegate.core import InvalidInput, UsageError
from phasegate.evaluation import load_suite
from phasegate.models import UnknownPrice

ONE = ("--intent", "eip-unassociated")


@pytest.fixture(autouse=True)
def _somewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def said(*words: str) -> Result:
    return CliRunner().invoke(root, ["eval", *words], catch_exceptions=True)


def kept(path: str, **changed: Any) -> str:
    totals = {
        "intents": 1,
        "right": 0,
        "untestable": 0,
        "calls": 1,
        "tokens_in": 1,
        "tokens_out": 1,
        "usd": "0.1",
        "seconds": 1,
    }
    outcomes = dict.fromkeys(("at once", "after rounds", "wrong findings", "no spec", "asked", "failed"), 0)
    outcome = changed.pop("outcome", "asked")
    result = {"intent": "eip-unassociated", "outcome": outcome, "calls": 1}
    found: dict[str, Any] = {"model": path, "suite": "s1", "prompt": "p1", "results": [result]}
    found["totals"] = {**totals, "outcomes": {**outcomes, outcome: 1}}
    Path(path).write_text(json.dumps({**found, **changed}))
    return path


def test_the_list_names_every_intent_and_the_suite() -> None:
    listed = json.loads(said("--list", "--json").stdout)
    assert [row["id"] for row in listed["intents"]] == [intent.id for intent in load_suite().intents]
    assert listed["suite"] == load_suite().version
    assert "Elastic IP addresses that are associated with" in said("--list", *ONE).stdout


@pytest.mark.parametrize(
    ("words", "kind", "why"),
    [
        (("--model", "ollama:unheard"), UnknownPrice, "an unknown price never counts as zero"),
        (("--model", "assistant"), UsageError, "'assistant' is no chat model"),
        (("--model", "scripted:wise"), UsageError, "there is no author 'scripted:wise'"),
        (("--model", "scripted:perfect", "--intent", "none"), UsageError, "there is no intent 'none'"),
        (("--model", "scripted:perfect", "--output", "full"), InvalidInput, "'full' holds something already"),
        (("--model", "scripted:perfect", "--output", "no/where"), InvalidInput, "'no/where' cannot be written"),
    ],
)
def test_what_cannot_be_tried_is_refused_before_any_call(
    words: tuple[str, ...], kind: type[Exception], why: str
) -> None:
    Path("full").write_text("{}")
    done = said(*words)
    assert isinstance(done.exception, kind)
    assert why in str(done.exception)
    assert Path("full").read_text() == "{}"


def test_two_results_of_a_suite_are_shown_side_by_side() -> None:
    shown = said("--compare", kept("one"), kept("two", outcome="no spec", prompt="p2"))
    assert [line.split() for line in shown.stdout.splitlines()[:2]] == [
        ["intent", "one", "two"],
        ["eip-unassociated", "asked", "no", "spec"],
    ]
    assert "given different instructions" in shown.stderr


def test_results_of_two_suites_do_not_compare() -> None:
    done = said("--compare", kept("one"), kept("two", suite="s2"))
    assert isinstance(done.exception, InvalidInput)
    assert "of different suites, s1 and s2" in str(done.exception)


def test_a_file_that_holds_no_evaluation_is_refused() -> None:
    done = said("--compare", kept("one"), kept("two", totals={}))
    assert isinstance(done.exception, InvalidInput)
    assert "'two' holds no evaluation: totals.intents" in str(done.exception)


def test_a_limit_that_is_too_low_leaves_a_whole_document_and_exit_code_6(tmp_path: Path) -> None:
    price = '[models.prices."scripted:perfect"]\ninput = 5\noutput = 5\nas_of = 2026-11-30\n'
    CliRunner().invoke(root, ["init", "acme"])
    config = tmp_path / "acme" / "phasegate.toml"
    config.write_text(f"{config.read_text()}\n{price}")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path / "acme")
        done = said("--model", "scripted:perfect", *ONE, "--limit-usd", "0.01", "--json", "--output", "../kept")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["totals"]["calls"], found["results"][0]["outcome"]) == (6, 0, "failed")
    assert "the next one may take" in found["stopped"]
    assert json.loads((tmp_path / "kept").read_text()) == found


@pytest.mark.slow
def test_a_recorded_evaluation_is_replayed_without_its_author() -> None:
    first = said("--model", "scripted:careless", *ONE, "--record", "calls", "--json")
    again = said("--model", "scripted:careless", *ONE, "--replay", "calls")
    found = json.loads(first.stdout)["results"][0]
    assert (first.exit_code, again.exit_code) == (0, 0)
    assert (found["outcome"], found["extra"]) == ("wrong findings", ["on-interface"])
    assert "too many: on-interface" in again.stdout
    assert "1/1 wrong findings eip-unassociated" in again.stderr


@pytest.mark.slow
def test_an_interrupted_evaluation_keeps_the_results_that_there_are() -> None:
    command = [str(Path(sys.executable).parent / "phasegate"), "eval", "--model", "scripted:perfect", "--jobs", "1"]
    with subprocess.Popen([*command, "--output", "kept"], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr
        first = process.stderr.readline()
        process.send_signal(signal.SIGINT)
        process.stderr.read()
    found = json.loads(Path("kept").read_text())
    assert process.returncode == 130
    assert found["stopped"] == "interrupted"
    assert first.split()[0] == f"1/{len(load_suite().intents)}"
    assert 0 < found["totals"]["intents"] < len(load_suite().intents)
