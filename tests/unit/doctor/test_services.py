"""What `phasegate doctor` says of Jira, Confluence, Slack and Teams, asked on loopback with the real clients."""

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from phasegate.app import Mirror
from phasegate.cli.program import root
from phasegate.core import InvalidInput, Missing, PhasegateError, Refused
from phasegate.doctor.services import PROBES, Asked
from services import serve
from services.confluence import BOT as WRITER
from services.confluence import ConfluenceService
from services.jira import BOT, JiraService
from services.jira_state import SCREEN
from services.slack import TOKEN, SlackService
from unit.authors.sample_spec import sample_repository


@dataclass(frozen=True)
class Town:
    """All services, and the variables that lead there."""

    jira: JiraService
    confluence: ConfluenceService
    slack: SlackService
    environ: Mapping[str, str]

    def ask(self, service: str, *writes: str, mirror: Mapping[str, Any] | None = None, **only: list[str]) -> str:
        """What the check of a service says."""
        told = Mirror.model_validate(mirror or {})
        return PROBES[service](Asked(environ=self.environ, writes=frozenset(writes), only=only, mirror=told))


@pytest.fixture(scope="module")
def running() -> Iterator[Town]:
    jira, confluence, slack = JiraService(), ConfluenceService(), SlackService()
    with ExitStack() as stack:
        there, wiki, chat = (stack.enter_context(serve(each)) for each in (jira, confluence, slack))
        environ = {"JIRA_URL": there, "JIRA_EMAIL": BOT.email, "JIRA_TOKEN": BOT.token}
        environ |= {"CONFLUENCE_URL": f"{wiki}/wiki", "CONFLUENCE_EMAIL": WRITER[0], "CONFLUENCE_TOKEN": WRITER[1]}
        environ |= {"SLACK_API_URL": f"{chat}/api/", "SLACK_BOT_TOKEN": TOKEN, "SLACK_CHANNEL": "C0OPS"}
        environ |= {"TEAMS_WEBHOOK_URL": "https://teams.invalid/workflows/x"}
        yield Town(jira, confluence, slack, environ)


@pytest.fixture
def town(running: Town) -> Iterator[Town]:
    """Everything works."""
    running.slack.clear()
    yield running
    running.jira.forbidden.clear()
    running.jira.required.clear()
    running.jira.screen = SCREEN
    running.jira.faults.clear()
    running.confluence.faults.clear()


def test_all_are_well(town: Town) -> None:
    assert town.ask("jira", "create_issue", "add_comment", project=["OPS"]) == "as Phasegate, in OPS"
    assert town.ask("jira") == "as Phasegate"
    assert town.ask("confluence", space=["ADR"]) == "the token is accepted, in ADR"
    assert town.ask("slack", "post_message", channel=["C0OPS"]) == "as U0BOT, in C0OPS"
    assert "only a post would tell" in town.ask("teams")


@pytest.mark.parametrize("deployment", ["Cloud", "Server"])
def test_jira_of_both_kinds(deployment: str) -> None:
    jira = JiraService(deployment=deployment)
    with serve(jira) as address:
        environ = {"JIRA_URL": address, "JIRA_TOKEN": BOT.token}
        environ |= {"JIRA_EMAIL": BOT.email} if deployment == "Cloud" else {}
        asked = Asked(environ=environ, only={"project": ["PG"]})
        assert PROBES["jira"](asked) == "as Phasegate, in PG"


def test_expired_tokens_are_told_with_the_variable(town: Town) -> None:
    for service, faults in (("jira", town.jira.faults), ("confluence", town.confluence.faults)):
        faults.expired(times=5)
        with pytest.raises(Missing) as told:
            town.ask(service)
        assert f"{service.upper()}_TOKEN" in told.value.fix
    town.slack.refusing["auth.test"] = "token_expired"
    with pytest.raises(Missing) as told:
        town.ask("slack")
    assert "SLACK_BOT_TOKEN" in told.value.fix
    assert TOKEN not in f"{told.value} {told.value.fix}"


def test_a_permission_that_is_missing_is_named(town: Town) -> None:
    town.jira.forbidden |= {"CREATE_ISSUES", "LINK_ISSUES"}
    assert town.ask("jira", project=["OPS"]) == "as Phasegate, in OPS"  # nothing is granted that needs them
    with pytest.raises(Refused, match="lacks CREATE_ISSUES in OPS") as told:
        town.ask("jira", "create_issue", "create_exception", "add_comment", project=["OPS"])
    assert "administrator of OPS" in told.value.fix
    town.jira.forbidden.add("BROWSE_PROJECTS")
    with pytest.raises(Refused, match="lacks BROWSE_PROJECTS in PG"):
        town.ask("jira", project=["PG"])
    with pytest.raises(PhasegateError, match="not found"):
        town.ask("jira", project=["NONE"])


def test_a_space_that_is_not_there_is_named(town: Town) -> None:
    with pytest.raises(PhasegateError, match="no space NONE"):
        town.ask("confluence", space=["OPS", "NONE"])


@pytest.mark.parametrize(("scope", "word"), [("chat:write", "chat:write"), ("channels:history", "channels:history")])
def test_a_scope_that_is_missing_is_named(town: Town, scope: str, word: str) -> None:
    town.slack.bot.scopes.discard(scope)
    with pytest.raises(Refused, match=word) as told:
        town.ask("slack")
    assert "install it again" in told.value.fix


@pytest.mark.parametrize(("channel", "word"), [("C0CLOSED", "invite the bot"), ("C0SECRET", "invited")])
def test_a_channel_that_the_bot_is_not_in_is_trouble(town: Town, channel: str, word: str) -> None:
    with pytest.raises(PhasegateError) as told:
        town.ask("slack", channel=[channel])
    assert word in told.value.fix


@pytest.mark.parametrize(
    ("config", "says", "fix"),
    [
        ({"type": "Story"}, "no type 'Story'", "Epic, Task, Bug"),
        ({"statuses": {"released": "Closed"}}, "no status 'Closed'", "To Do, In Progress, In Review, Done"),
        ({"fields": {"priority": "Low"}}, "needs Team", "fields = {"),
    ],
)
def test_a_project_that_does_not_take_such_tickets_is_trouble(
    town: Town, config: dict[str, Any], says: str, fix: str
) -> None:
    town.jira.required = {"customfield_10010", "priority"}
    with pytest.raises(InvalidInput, match=says) as told:
        town.ask("jira", mirror={"jira": {"project": "OPS", **config}})
    assert fix in told.value.fix


def test_a_project_that_takes_such_tickets_is_well(town: Town) -> None:
    town.jira.required = {"customfield_10010"}
    fields = {"Team": "FinOps"}
    town.ask("jira", mirror={"jira": {"project": "OPS", "fields": fields, "statuses": {"released": "done"}}})
    town.jira.screen = SCREEN - {"labels"}
    with pytest.raises(InvalidInput, match="takes no labels"):
        town.ask("jira", mirror={"jira": {"project": "OPS", "fields": fields}})


def test_an_archived_channel_and_a_page_that_is_gone_are_trouble(town: Town) -> None:
    with pytest.raises(InvalidInput, match="C0OLD is archived"):
        town.ask("slack", mirror={"slack": {"channel": "C0OLD"}})
    with pytest.raises(InvalidInput, match="no page 17"):
        town.ask("confluence", mirror={"confluence": {"space": "OPS", "parent": "17"}})


def test_an_address_of_teams_must_be_https(town: Town) -> None:
    with pytest.raises(InvalidInput):
        PROBES["teams"](Asked(environ={"TEAMS_WEBHOOK_URL": "http://teams.example/x"}, only={}))


@pytest.mark.slow
def test_the_command_asks_all_of_them(town: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in town.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(sample_repository(tmp_path / "target", endpoint=""))
    fine = _checks(0)
    assert {fine[f"server {name}"]["state"] for name in PROBES} == {"ok"}
    assert fine["server slack"]["says"].endswith("as U0BOT, in C0OPS")
    town.jira.faults.expired(times=50)
    town.slack.bot.scopes.discard("chat:write")
    monkeypatch.setenv("SLACK_CHANNEL", "C0CLOSED")
    broken = _checks(Missing.exit_code)
    troubled = {name for name, check in broken.items() if check["state"] == "trouble"}
    assert troubled == {"server jira", "server slack"}
    assert "JIRA_TOKEN" in broken["server jira"]["fix"]
    assert "chat:write" in broken["server slack"]["fix"]
    town.slack.bot.scopes.add("chat:write")
    assert "invite the bot" in _checks(Missing.exit_code)["server slack"]["fix"]


def _checks(exit_code: int) -> dict[str, dict[str, Any]]:
    said = CliRunner().invoke(root, ["doctor", "--json"])
    assert said.exit_code == exit_code, said.output
    return {check["name"]: check for check in json.loads(said.stdout)["checks"]}
