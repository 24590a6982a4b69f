"""The local services refuse what the real ones refuse."""

from datetime import timedelta
from typing import Any

import pytest

from services.confluence import ConfluenceService
from services.confluence import Refusal as Unpublished
from services.jira import BOT, JiraService
from services.jira_routes import offered
from services.jira_state import MOST, Refusal
from services.slack import NOW, SlackService
from services.slack import Refusal as Unposted
from services.slack import _check as check
from services.slack_clicks import TRIGGERS_FOR, Unknown

TASK = {"project": {"key": "OPS"}, "issuetype": {"name": "Task"}, "summary": "One"}
CHILD = {**TASK, "issuetype": {"name": "Sub-task"}}


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({**TASK, "summary": "x" * 256}, "summary"),
        ({**TASK, "summary": "x\ny"}, "summary"),
        ({**TASK, "description": "x" * (MOST + 1)}, "description"),
        ({**TASK, "labels": ["a b"]}, "labels"),
        ({**TASK, "labels": ["x" * 256]}, "labels"),
        ({**TASK, "resolution": {"name": "Done"}}, "resolution"),
        ({**TASK, "parent": {"key": "OPS-1"}}, "parent"),
        (CHILD, "parent"),
        ({**CHILD, "parent": {"key": "OPS-2"}}, "parent"),
        ({**CHILD, "parent": {"key": "PG-1"}}, "parent"),
    ],
)
def test_jira(fields: dict[str, Any], field: str) -> None:
    jira = JiraService()
    jira.add("A task", project="OPS")
    jira.add("A sub-task", project="OPS", type="Sub-task", parent="OPS-1")
    jira.add("In another project", project="PG")
    with pytest.raises(Refusal) as refusal:
        jira.create({"fields": fields}, BOT)
    assert field in refusal.value.errors


def test_open_sub_tasks_keep_a_ticket_open() -> None:
    jira = JiraService()
    parent = jira.add("A task", project="OPS", status="In Review")
    child = jira.add("A sub-task", project="OPS", type="Sub-task", parent="OPS-1")
    assert [way.to for way in offered(jira, parent)] == ["In Progress"]
    child.status = "Done"
    assert [way.to for way in offered(jira, parent)] == ["In Progress", "Done"]


@pytest.mark.parametrize("title", ["x" * 256, "", "TAKEN"])
def test_confluence_refuses_titles(title: str) -> None:
    confluence = ConfluenceService()
    confluence.write("OPS", "Taken", "<p>1&nbsp;000</p>", by="mia")
    with pytest.raises(Unpublished):
        confluence.write("OPS", title, "<p>x</p>", by="mia")


def plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text}


@pytest.mark.parametrize(
    "block",
    [
        {"type": "actions", "elements": [{"type": "button", "text": plain("x" * 76), "action_id": "a"}]},
        {"type": "actions", "elements": [{"type": "button", "text": plain("x"), "action_id": "a"}] * 2},
        {"type": "section", "fields": [plain("x")] * 11},
        {"type": "context", "elements": [plain("x")] * 11},
        {"type": "section", "text": plain("x" * 3001)},
        {"type": "header", "text": plain("x" * 151)},
    ],
)
def test_slack_refuses_blocks(block: dict[str, Any]) -> None:
    with pytest.raises(Unposted, match="invalid_blocks"):
        check({"text": "x", "blocks": [block]})


def test_slack_limits_calls_and_forgets_triggers() -> None:
    slack, now = SlackService(), [NOW]
    slack.now, slack.limited, slack.clicks.address = (lambda: now[0]), True, "http://slack.test"
    for _ in range(20):
        slack._slower("conversations.list")
    with pytest.raises(Unposted, match="ratelimited"):
        slack._slower("conversations.list")
    trigger = slack.clicks.button("U0MIA", "phasegate-changes", "x")["trigger_id"]
    now[0] += TRIGGERS_FOR + timedelta(seconds=1)
    with pytest.raises(Unknown, match="expired_trigger_id"):
        slack.clicks.open({"trigger_id": trigger, "view": {}})
