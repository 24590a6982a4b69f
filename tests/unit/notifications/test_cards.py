"""What a card says: enough to decide whether to look closer, to whom it is addressed, and nothing that pings others."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from phasegate.ledger import Comment, DecisionKind, Mirrors
from phasegate.ledger.events import Observed, Reminded, RunParked
from unit.authors.sample_spec import FOLDER, SPEC
from unit.notifications.fixtures import EVERYTHING, RELEASED, NotifiedEngine, Services, notified, services

SEEN = {
    "operation": "ec2.DescribeVolumes",
    "counted": [
        {"account": "", "region": "eu-west-1", "count": 8, "capped": False, "error": ""},
        {"account": "", "region": "us-east-1", "count": None, "capped": False, "error": "denied"},
    ],
    "trouble": "",
}
LOOKED = Observed(phase="plan", attempt=1, look="inventory", role="cloud-architect", seen=SEEN)
EVIL = "<!channel> <@U0MIA> @here <at>Mia</at> [~mia] {color:red} *b* \u202eevil"


@pytest.fixture
def there() -> Iterator[Services]:
    with services() as found:
        yield found


def is_in_slack(d: NotifiedEngine) -> None:
    rows = tuple(row.model_copy(update={"slack": "U0ADA1"}) for row in d.app.config.managers)
    object.__setattr__(d.app, "config", d.app.config.model_copy(update={"managers": rows}))


async def test_a_card_says_what_a_manager_asks_first(tmp_path: Path, there: Services) -> None:
    async with notified(tmp_path / "target", there, {**EVERYTHING, "timezone": "Europe/Berlin"}) as d:
        is_in_slack(d)
        await d.step()
        await d.happens(LOOKED)
        await d.opens("plan")
        await d.step()
        (card,) = there.slack.ops.messages
        facts = dict(field["text"].split("\n", 1) for field in card.blocks[2]["fields"])
        assert facts == {
            "Resources": "8 in eu-west-1, unknown in us-east-1 (ec2.DescribeVolumes)",
            "Saves a month": "unknown until it is tried after the release",
            "Risk": "low",
            "Findings": "0 findings",
            "Open until": "2 Dec 2026, 21:10 CET",
            "Asked by": "mia",
            "May approve": "ada",
            "Phase": "How it is built",
        }
        assert card.called() == ["@U0ADA1"]
        buttons = {button["text"]["text"]: button.get("url", "") for button in card.blocks[-1]["elements"]}
        assert buttons["ticket OPS-1"].endswith("/browse/OPS-1")
        teams = json.dumps(there.teams.messages)
        assert "8 in eu-west-1" in teams
        assert "To decide" in teams
        assert "Decide: http" not in teams
        (issue,) = there.jira.issues.values()
        assert "* *Resources:* 8 in eu\\-west\\-1" in str(issue.comments[0].body) or "8 in eu" in str(
            issue.comments[0].body
        )


async def test_a_run_is_one_thread_whose_gates_show_in_the_channel(tmp_path: Path, there: Services) -> None:
    async with notified(tmp_path / "target", there, {"slack": {"channel": "C0OPS"}}) as d:
        is_in_slack(d)
        gate = await d.opens("plan")
        await d.step()
        await d.happens(Reminded(phase="plan", attempt=1, number=1, to=("ada",)))
        await d.step()
        await d.says(gate, DecisionKind.approve)
        await d.approved("tasks")
        await d.opens("build")
        await d.approved("release", RELEASED)
        await d.ends()
        await d.step()
        first, *others = there.slack.ops.messages
        assert [message.thread for message in others] == [first.ts] * len(others)
        told = [
            (message.text.split("\n")[0], bool(message.sent.get("reply_broadcast")), message.called())
            for message in others
        ]
        assert told == [
            ("Free volumes: architecture review still waits", False, ["@U0ADA1"]),
            ("Free volumes: test planning approved by ada", False, []),
            (told[2][0], True, ["@U0ADA1"]),
            ("Free volumes: release approved by ada", False, []),
            ("Free volumes: released as acme-runbooks 0.1.0", True, []),
        ]


async def test_a_thread_that_was_deleted_is_begun_anew(tmp_path: Path, there: Services) -> None:
    async with notified(tmp_path / "target", there, {"slack": {"channel": "C0OPS"}}) as d:
        gate = await d.opens("plan")
        await d.step()
        there.slack.ops.messages.clear()
        await d.says(gate, DecisionKind.approve)
        await d.opens("tasks")
        await d.step()
        said, card = there.slack.ops.messages
        assert (said.thread, card.thread) == ("", said.ts)
        assert "approved by ada" in said.text


async def test_a_deleted_card_with_replies_leaves_a_thread_that_goes_on(tmp_path: Path, there: Services) -> None:
    async with notified(tmp_path / "target", there, {"slack": {"channel": "C0OPS"}}) as d:
        gate = await d.opens("plan")
        await d.step()
        await d.happens(Reminded(phase="plan", attempt=1, number=1, to=("ada",)))
        await d.step()
        there.slack.delete(there.slack.ops.messages[0])
        await d.says(gate, DecisionKind.approve)
        await d.opens("tasks")
        await d.step()
        assert [m.text.split("\n")[0] for m in there.slack.ops.messages[2:3]] == [
            "Free volumes: architecture review approved by ada"
        ]
        assert "Test planning" in there.slack.ops.messages[-1].text
        assert not await Mirrors(d.app.database).troubled()


async def test_nothing_that_others_wrote_pings_or_injects(tmp_path: Path, there: Services) -> None:
    spec = SPEC.replace("Free volumes", EVIL)
    async with notified(tmp_path / "target", there) as d:
        gate = await d.opens("plan", files={f"{FOLDER}/spec.md": spec.encode()})
        await d.step()
        await d.says(gate, DecisionKind.request_changes, [Comment(text=EVIL, path="a.md", line=1)])
        await d.happens(RunParked(segment=1, why=EVIL, fix=EVIL))
        await d.step()
        assert not [who for message in there.slack.ops.messages for who in message.called()]
        assert "\u202e" not in json.dumps([m.blocks for m in there.slack.ops.messages], ensure_ascii=False)
        assert "<at>" not in json.dumps(there.teams.messages)
        (issue,) = there.jira.issues.values()
        said = "".join(str(comment.body) for comment in issue.comments)
        for macro in ("{color", "[~", "\u202e"):
            assert macro not in said.replace(f"\\{macro}", "")
