"""Delegating and taking back at the terminal, with the real commands in a real repository."""

import asyncio
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from phasegate.app import open_app
from phasegate.cli.keys import home_of_keys
from phasegate.cli.program import root
from phasegate.core import FixedClock, InvalidInput, Refused, UsageError
from phasegate.ledger import GateStatus, Run
from phasegate.team import Surface
from phasegate.workflow import RunState
from unit.cli.repository import NOW, at_home, lay, refused, said, sign

HERE = ("--passphrase-file", "passphrase", "--manager", "ada")
GATE, SECOND = "r1/specify/1", "r1/specify/2"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the managers ada and dee, where a run waits at its first gate; keys take a while to make."""
    top = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        lay(top, patch)
        asyncio.run(_open_gate())
    return top


@pytest.fixture(autouse=True)
def target(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it to work in."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    at_home(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path / "acme")
    return tmp_path / "acme"


async def _open_gate() -> None:
    async with open_app(Path.cwd(), clock=FixedClock(NOW)) as app:
        head = app.workspace.head()
        run = Run(id="r1", spec="specs/001-x", flow="sdlc", branch="run/r1", base=head, started_at=NOW)
        await app.ledger.add_run(run, (await app.queue.opened()).dispatch, app.keeper.terms(run))

        state = RunState(run="r1", commit=head, since=head, attempt=1)
        await app.keeper.open(state, app.flow.phase("specify"))


def digest(gate: str = "r1/specify/1") -> str:
    """What the gate shows."""
    return str(json.loads(said("gate", gate, "--json"))["digest"])


async def _status() -> GateStatus:
    async with open_app(Path.cwd(), clock=FixedClock(NOW)) as app:
        (gate,) = await app.ledger.gates("r1")
        return gate.status


def test_a_delegation_is_told_with_its_window_and_how_to_end_it() -> None:
    told = said("delegate", "dee", "--from", "2026-11-20", "--until", "2026-11-30", "--gate", "plan", *HERE)
    assert "dee decides for ada at plan" in told
    assert "2026-11-20 00:00 to the end of 2026-11-30 UTC" in " ".join(told.split())
    assert "→ end it before: phasegate delegate dee --end\n" in told


def test_it_begins_at_once_and_holds_through_its_last_day_where_nothing_else_is_said() -> None:
    given = json.loads(said("delegate", "dee", "--until", "2026-11-18", "--json", *HERE))
    last = datetime(2026, 11, 18, 23, 59, 59, tzinfo=UTC)
    assert given == {
        "by": "ada",
        "to": "dee",
        "from": int(NOW.timestamp()),
        "until": int(last.timestamp()),
        "gates": [],
    }


def test_what_was_delegated_can_be_ended_once() -> None:
    said("delegate", "dee", "--until", "2026-11-30", *HERE)
    assert json.loads(said("delegate", "dee", "--end", "--json", *HERE)) == {"by": "ada", "to": "dee", "ended": 1}
    error = refused("delegate", "dee", "--end", *HERE)
    assert isinstance(error, Refused)
    assert error.reason == "nothing_to_end"
    said("delegate", "dee", "--until", "2026-11-30", *HERE)
    assert "dee does not decide for ada any more" in said("delegate", "dee", "--end", *HERE)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("eve", "--until", "2026-11-30"), "unknown_delegate"),  # a stranger
        (("ada", "--until", "2026-11-30"), "unknown_delegate"),  # herself
        (("dee", "--until", "2026-11-17"), "empty_window"),  # yesterday
        (("dee", "--from", "2026-11-30", "--until", "2026-11-29"), "empty_window"),  # back to front
        (("dee", "--until", "2026-11-30", "--gate", "plna"), "unknown_gate"),  # a slip of the pen
    ],
)
def test_what_cannot_be_delegated_says_why(words: tuple[str, ...], reason: str) -> None:
    error = refused("delegate", *words, *HERE)
    assert isinstance(error, Refused)
    assert error.reason == reason


def test_what_stands_is_listed_without_a_key() -> None:
    assert said("delegate", "--list") == "Everybody decides for themselves.\n"
    assert json.loads(said("delegate", "--list", "--json")) == []
    said("delegate", "dee", "--from", "2026-11-20", "--until", "2026-11-30", "--gate", "plan", *HERE)
    said("delegate", "ada", "--until", "2026-11-19", *HERE[:-1], "dee")
    assert said("delegate", "--list").splitlines() == [
        "ada decides for dee at every gate, 2026-11-18 20:10 to the end of 2026-11-19 UTC",
        "dee decides for ada at plan, 2026-11-20 00:00 to the end of 2026-11-30 UTC; not yet",
    ]
    rows = json.loads(said("delegate", "--list", "--json"))
    assert [(row["by"], row["to"], row["gates"]) for row in rows] == [("dee", "ada", []), ("ada", "dee", ["plan"])]
    said("delegate", "dee", "--end", *HERE)
    assert "dee decides for ada" not in said("delegate", "--list")


def test_what_is_over_or_was_given_by_nobody_here_any_more_is_not_listed(
    target: Path,
) -> None:
    said("delegate", "dee", "--until", "2026-11-30", *HERE)
    toml = target / "phasegate.toml"
    text = toml.read_text()
    toml.write_text(text.replace('name = "ada"', 'name = "ann"'))
    assert len(json.loads(said("delegate", "--list", "--json"))) == 1, "nobody signed it"
    sign()
    assert json.loads(said("delegate", "--list", "--json")) == []
    toml.write_text(text)
    (home_of_keys() / "ada.key").rename(home_of_keys() / "ann.key")
    sign("ann")
    assert len(json.loads(said("delegate", "--list", "--json"))) == 1
    assert json.loads(said("delegate", "--list", "--json", at=datetime(2026, 12, 1, tzinfo=UTC))) == []


@pytest.mark.parametrize(
    "words",
    [
        (),  # who?
        ("--list", "dee"),  # a list is of all
        ("--list", "--end"),  # one thing at a time
        ("--list", "--until", "2026-11-30"),
        ("dee",),  # for how long?
        ("dee", "--end", "--until", "2026-11-30"),  # both
        ("dee", "--end", "--gate", "plan"),  # an end has no gates
    ],
)
def test_half_of_what_is_needed_says_what_is_missing(words: tuple[str, ...]) -> None:
    assert isinstance(refused("delegate", *words, *HERE), UsageError)


def test_a_date_that_is_none_is_refused_by_name() -> None:
    done = CliRunner().invoke(root, ["delegate", "dee", "--until", "tomorrow", *HERE])
    assert done.exit_code == 2
    assert "'tomorrow' does not match" in done.output


def test_the_delegate_decides_with_their_own_key_where_the_approver_alone_could(target: Path) -> None:
    toml = target / "phasegate.toml"
    text = toml.read_text()
    toml.write_text(text.replace('name = "dee"', 'name = "dee"\ncard = "deputy"'))
    sign()
    as_dee = ("--passphrase-file", "passphrase", "--manager", "dee")
    decide = ("decide", GATE, "reject", "--digest", digest(), "--json", *as_dee)
    error = refused(*decide)
    assert isinstance(error, Refused)
    assert error.reason == "not_an_approver"
    said("delegate", "dee", "--until", "2026-11-30", *HERE)
    moved = refused(*decide)
    assert isinstance(moved, Refused)
    assert (moved.reason, "approvers − dee" in str(moved)) == ("rules_moved", True)
    taken = json.loads(said("decide", SECOND, "reject", "--digest", digest(SECOND), "--json", *as_dee))
    assert (taken["by"], taken["instead_of"]) == ("dee", "ada")


@pytest.mark.parametrize("name", [GATE, "r1/specify", "r1"])
def test_a_decision_is_taken_back_before_it_is_used(name: str) -> None:
    said("decide", GATE, "reject", "--digest", digest(), *HERE)
    told = said("revoke", name, *HERE)
    assert f"taken back; gate {GATE} is void" in told
    assert "→ no worker runs: phasegate run --resume r1, or phasegate worker\n" in told
    assert asyncio.run(_status()) is GateStatus.void
    error = refused("revoke", name, *HERE)
    assert isinstance(error, Refused)
    assert error.reason == "nothing_to_revoke"


def test_taking_back_prints_json_for_programs() -> None:
    said("decide", GATE, "reject", "--digest", digest(), *HERE)
    told = json.loads(said("revoke", GATE, "--json", *HERE))
    assert (told["gate"], told["by"], told["attended"]) == (GATE, "ada", False)
    assert told["at"] == int(NOW.timestamp())


@pytest.mark.parametrize("name", [GATE, "r1"])
def test_there_has_to_be_something_to_take_back(name: str) -> None:
    error = refused("revoke", name, *HERE)
    assert isinstance(error, Refused)
    assert error.reason == "nothing_to_revoke"


def test_one_manager_does_not_take_back_what_another_said() -> None:
    said("decide", GATE, "reject", "--digest", digest(), *HERE)
    error = refused("revoke", GATE, "--passphrase-file", "passphrase", "--manager", "dee")
    assert isinstance(error, Refused)
    assert error.reason == "nothing_to_revoke"
    assert asyncio.run(_status()) is GateStatus.decided


@pytest.mark.parametrize("name", ["r9", "r9/specify/1", "r1/specify/7", "r1/nothing"])
def test_a_gate_that_is_not_there_says_how_to_find_one(name: str) -> None:
    assert isinstance(refused("revoke", name, *HERE), UsageError | InvalidInput)


def test_the_gate_says_who_approved_so_far_where_it_asks_for_several(target: Path) -> None:
    graph = yaml.safe_load(Surface().read("graphs", "sdlc.yaml").text)
    graph["phases"][0]["gate"]["quorum"] = 2
    (target / "graphs").mkdir(exist_ok=True)
    (target / "graphs" / "sdlc.yaml").write_text(yaml.safe_dump(graph))
    sign()
    assert "out of date: rules of gate 'spec review' changed: quorum 1 → 2" in " ".join(said("gate", GATE).split())
    assert isinstance(refused("decide", GATE, "approve", "--digest", digest(), *HERE), Refused)
    assert "since the run began: quorum 1 → 2" in said("gate", SECOND)
    assert "0 of 2 approvals" in said("gate", SECOND)
    said("decide", SECOND, "approve", "--digest", digest(SECOND), *HERE)
    shown = said("gate", SECOND)
    assert "1 of 2 approvals: ada, 0 s ago" in shown
    assert "1 of 2 approvals" in said("gates")
    (row,) = json.loads(said("gates", "--json"))
    assert (row["approved"], row["quorum"]) == (1, 2)
    assert "no model is called: $0 so far, $0 to come" in shown
    told = json.loads(said("gate", SECOND, "--json"))
    assert (told["quorum"], [row["by"] for row in told["said"]], told["decision"]) == (2, ["ada"], None)
