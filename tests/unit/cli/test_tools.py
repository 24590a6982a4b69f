"""What a manager sees and grants at the terminal, with a real server behind it."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from phasegate.cli.console import THEME
from phasegate.cli.program import root
from phasegate.cli.views.tools import show_answer
from phasegate.core import digest
from unit.authors.sample_spec import sample_repository

STRANGE = Path(__file__).parents[2] / "services" / "faulty_server.py"
FILE = f"""\
name: strange
command: [{sys.executable}, {STRANGE}]
env: [STRANGE_STATE, STRANGE_WAYS]
needs: [STRANGE_STATE]
roles: [sre-automation]
tools: {{drop: destructive, store: write, "*": read}}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with a server of its own, and a manager."""
    target: Path = sample_repository(tmp_path / "target")
    (target / "tools").mkdir()
    (target / "tools" / "strange.yaml").write_text(FILE)
    (tmp_path / "passphrase").write_text("correct horse battery\n")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("STRANGE_STATE", str(tmp_path))
    monkeypatch.chdir(target)
    assert say("manager", "init", "--name", "ada", "--passphrase-file", "../passphrase").exit_code == 0
    return tmp_path


def say(*words: str) -> Result:
    return CliRunner().invoke(root, words)


def listed() -> dict[str, Any]:
    (server,) = json.loads(say("tools", "list", "strange", "--json").output)
    return dict(server)


def states() -> dict[str, str]:
    return {tool["name"]: tool["state"] for tool in listed()["tools"]}


def test_nothing_of_a_repository_is_started_before_a_manager_granted_it(here: Path) -> None:
    waiting = listed()
    assert (waiting["waits"], waiting["tools"]) == (True, [])
    assert f"it runs '{sys.executable} {STRANGE}', is given STRANGE_STATE, STRANGE_WAYS" in waiting["trouble"]
    assert f"server strange waits for you: it runs '{sys.executable}" in " ".join(say("gates").output.split())
    report = {check["name"]: check for check in json.loads(say("doctor", "--json").output)["checks"]}
    assert "waits for a manager" in json.dumps(report["server strange"])
    assert not (here / "pid").exists()


@pytest.mark.slow
def test_a_definition_that_changes_waits_again(here: Path) -> None:
    assert say("tools", "grant", "strange", "--passphrase-file", "../passphrase").exit_code == 0
    assert states()["echo"] == "callable"
    (here / "pid").unlink()
    file = here / "target" / "tools" / "strange.yaml"
    for changed in (
        FILE.replace("STRANGE_WAYS]", "STRANGE_WAYS, AWS_PROFILE]"),
        FILE.replace(str(STRANGE), f"{STRANGE}, --more"),
        FILE.replace("store: write", "store: read"),
        FILE.replace("name: strange", "name: strange\ncwd: ."),
    ):
        file.write_text(changed)
        assert listed()["waits"], changed
    assert not (here / "pid").exists()
    file.write_text(f"# a remark\n{FILE}")
    assert states()["echo"] == "callable"


@pytest.mark.slow
def test_a_manager_grants_and_takes_back(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert listed()["waits"]
    given = say("tools", "grant", "strange", "--write", "store", "--passphrase-file", "../passphrase")
    assert given.exit_code == 0, given.output
    assert "writing with store" in given.output
    after = states()
    assert (after["echo"], after["store"], after["drop"]) == ("callable", "callable", "never granted")
    monkeypatch.setenv("STRANGE_WAYS", "changed more")
    later = states()
    assert (later["echo"], later["extra"], later["store"]) == (
        "changed since it was granted",
        "not granted",
        "callable",
    )
    monkeypatch.delenv("STRANGE_WAYS")
    assert say("tools", "end", "strange").exit_code == 0
    assert listed()["waits"]


@pytest.mark.slow
def test_a_tool_is_called_as_a_role_by_the_same_rules(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    call = ("tools", "call", "strange")
    assert getattr(say(*call, "echo", "text=x").exception, "reason", "") == "server_not_granted"
    grant = ("tools", "grant", "strange", "--write", "store", "--only", "project=OPS")
    assert say(*grant, "--passphrase-file", "../passphrase").exit_code == 0
    answered = say(*call, "echo", "text=hello", 'options={"a": "b"}')
    assert (answered.exit_code, json.loads(answered.output)) == (0, {"result": "hello"})
    monkeypatch.setenv("FORCE_COLOR", "1")
    shown = say(*call, "echo", "text=in a terminal")
    assert (shown.stdout, "asking strange.echo as sre-automation" in shown.stderr) == ("in a terminal\n", True)
    assert json.loads(say(*call, "echo", "--json", '{"text": "x"}').stdout) == {"result": "x"}
    monkeypatch.delenv("FORCE_COLOR")
    by_json = CliRunner().invoke(root, [*call, "echo", "--json", "-"], input='{"text": "from JSON"}')
    assert json.loads(by_json.output) == {"result": "from JSON"}
    assert json.loads(say(*call, "store", "text=x", "project=OPS").output) == {"result": "stored"}
    for words, reason in (
        (("store", "text=x", "project=PAY"), "needs_grant"),
        (("drop", "name=x"), "never_granted"),
        (("echo", "text=x", "--role", "cloud-architect"), "role_not_allowed"),
        (("echo", "region=us-west-9"), "outside_scope"),
        (("echo", "text=xoxb-" + "1234567890-abcdefgh"), "secret_in_arguments"),
    ):
        assert getattr(say(*call, *words).exception, "reason", "") == reason, words
    assert say(*call, "refuses").exit_code == 1
    assert "there is no role 'phasegate'" in str(say(*call, "echo", "--role", "phasegate").exception)
    assert "names no value" in str(say(*call, "echo", "text").exception)
    log = (here / "target" / ".git" / "phasegate" / "tools.log").read_text()
    assert '"outcome": "refused: needs_grant"' in log
    assert '"outcome": "answered"' in log


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("--write", "drop"), "never_granted"),
        (("--write", "echo"), "nothing_to_grant"),
        (("--write", "other"), "tool_unknown"),
        (("--until", "2020-01-01"), "empty_window"),
    ],
)
def test_what_cannot_be_granted(here: Path, words: tuple[str, ...], reason: str) -> None:
    said = say("tools", "grant", "strange", *words, "--passphrase-file", "../passphrase")
    assert getattr(said.exception, "reason", "") == reason
    assert "callable" not in states().values()


def test_a_server_that_is_not_configured_is_left_out(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STRANGE_STATE")
    said = say("tools", "list", "strange")
    assert said.exit_code == 0
    assert "STRANGE_STATE is not set (left out)" in said.output
    assert "no tools/none.yaml" in str(say("tools", "list", "none").exception)
    assert "names no value" in str(say("tools", "grant", "strange", "--only", "project").exception)


@pytest.mark.parametrize("whole", [True, False], ids=["under its digest", "under another"])
def test_a_grant_that_was_laid_into_the_database_counts_for_nothing(here: Path, whole: bool) -> None:
    from sqlalchemy import create_engine, text

    engine = create_engine(f"sqlite:///{here / 'target' / '.phasegate' / 'phasegate.db'}")
    payload = json.dumps(
        {"predicate": {"by": "ada", "server": "strange", "pins": {}, "writes": [], "only": {}, "window": [0, 9**10]}}
    )
    say("tools", "list", "none")  # it makes the database
    row = {
        "digest": digest(payload.encode()) if whole else "x",
        "payload": payload,
        "key_id": "x",
        "signature": b"0" * 64,
    }
    insert = "insert into grants (digest, payload, key_id, signature) values (:digest, :payload, :key_id, :signature)"
    with engine.begin() as connection:
        connection.execute(text(insert), row)
    engine.dispose()
    said = listed()
    assert (said["waits"], said["tools"]) == (whole, [])
    assert whole or "'x' of the table 'grants' is not the statement that was stored" in said["trouble"]


def test_an_answer_is_shown_as_tables() -> None:
    said = io.StringIO()
    console = Console(file=said, width=100, theme=THEME)
    regions = [{"region": "eu-west-1", "count": 5, "error": None}, {"region": "us-east-1", "error": "no\n" * 40}]
    show_answer(
        console, {"operation": "ec2.DescribeVolumes", "regions": regions, "rows": [], "complete": False, "next": ""}
    )
    lines = [" ".join(line.split()) for line in said.getvalue().splitlines()]
    assert lines[:3] == ["regions: 2", "region count error", "eu-west-1 5 –"]
    assert lines[3].startswith("us-east-1 – no no no")
    assert lines[3].endswith("…")
    assert lines[4:] == ["rows: none", "operation ec2.DescribeVolumes", "complete false"]


def test_servers_of_a_client_are_taken_over_and_wait_for_a_manager(here: Path) -> None:
    program = {"command": sys.executable, "args": [str(STRANGE)], "env": {"STRANGE_STATE": str(here), "A_TOKEN": "x"}}
    (here / "mcp.json").write_text(json.dumps({"mcpServers": {"Other": program, "strange": {"command": "x"}}}))
    said = say("tools", "import", "../mcp.json")
    assert (said.exit_code, str(said.exception)) == (1, "not every server was taken over")
    assert (
        f"tools/other.yaml: it runs '{sys.executable} {STRANGE}', is given A_TOKEN, with STRANGE_STATE=" in said.output
    )
    assert "set where Phasegate runs: A_TOKEN" in said.output
    assert "strange: there is a tools/strange.yaml already" in said.output
    assert (here / "target" / "tools" / "strange.yaml").read_text() == FILE
    (server,) = json.loads(say("tools", "list", "other", "--json").output)
    assert (server["waits"], (here / "pid").exists()) == (True, False)
    assert "0 roles may call other.echo" in str(say("tools", "call", "other", "echo").exception)
    assert say("tools", "grant", "other", "--passphrase-file", "../passphrase").exit_code == 0
    (server,) = json.loads(say("tools", "list", "other", "--json").output)
    assert {tool["state"] for tool in server["tools"]} == {"not listed"}
