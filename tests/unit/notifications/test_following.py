"""A run is told outside as it goes, each state once, in order; nothing is lost, and nothing of others overwritten."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from phasegate.app import JiraMirror, Mirror
from phasegate.ledger import Comment, DecisionKind, Mirrored, Mirrors, Waiver
from phasegate.ledger.events import DeliveryNoted, ToolCalled, WaiverExpired
from phasegate.notifications.digests import Digests
from phasegate.notifications.jira_changes import TicketWatch
from phasegate.notifications.setup import follower_of, grant_all
from phasegate.reports import by_hand
from phasegate.reports import outside as outside_of
from phasegate.tools.servers import idempotency_label
from phasegate.workflow import sweep
from phasegate.workflow.gates import STEADY
from services.jira import JiraService
from unit.authors.sample_spec import FOLDER, SPEC
from unit.notifications.fixtures import (
    EVERYTHING,
    KEY,
    RELEASED,
    TASKS,
    NotifiedEngine,
    Services,
    notified,
    rows,
    services,
)
from unit.tools.servers.jira.fixtures import MIA


@pytest.fixture
def there() -> Iterator[Services]:
    with services() as found:
        yield found


def ticket(jira: JiraService) -> str:
    (key,) = [issue.key for issue in jira.issues.values() if "phasegate-run" in issue.labels]
    return key


def titles(there: Services) -> list[str]:
    return [
        "".join(run["text"] for run in m["attachments"][0]["content"]["body"][0]["items"][0]["inlines"])
        for m in there.teams.messages
    ]


async def test_a_whole_run_is_told_everywhere(tmp_path: Path, there: Services) -> None:
    async with notified(tmp_path / "target", there) as d:
        await d.step()
        issue = there.jira.issues[ticket(there.jira)]
        assert (issue.summary, issue.status) == ("Free volumes", "In Progress")
        gate = await d.opens("plan")
        await d.step()
        assert there.jira.issues[issue.key].status == "In Review"
        (card,) = there.slack.ops.messages
        assert "plan" in str(card.blocks)
        assert gate.digest in str(card.blocks)
        await d.says(gate, DecisionKind.request_changes, [Comment(text="say *why*", path="a.md", line=3)])
        await d.step()
        assert "sent back by ada" in card.text
        assert "phasegate-approve" not in str(card.blocks)
        assert "a.md:3: say *why*" in str(card.blocks)
        await d.approved("tasks", {f"{FOLDER}/tasks.md": TASKS})
        await d.step()
        children = [each for each in there.jira.issues.values() if each.parent == issue.key]
        assert [each.summary for each in children] == ["T001 Write src/a.py (FR-001)", "T002 Test it well (FR-001)"]
        await d.approved("release", RELEASED)
        await d.ends()
        await d.step()
        assert there.jira.issues[issue.key].status == "In Review"
        assert sorted(page.now.title for page in there.confluence.pages.values()) == [
            "acme-runbooks: Free volumes",
            "acme-runbooks: Look before you delete",
            "acme-runbooks: Release 0.1.0",
        ]
        assert "released as acme-runbooks 0.1.0" in there.slack.ops.messages[-1].text
        calls = list(d.sessions.calls)
        await d.step(3)
        assert d.sessions.calls == calls
        assert not await d.events(DeliveryNoted), "nothing was left as people have it, and nothing is unknown"
        assert await d.app.database.read(rows, "effects") == 0, "nothing is under way"


async def test_what_somebody_moved_by_hand_stays_and_is_seen_and_shown(tmp_path: Path, there: Services) -> None:
    async with notified(tmp_path / "target", there) as d:
        await d.step()
        key = ticket(there.jira)
        there.jira.edit(key, MIA, status="To Do", summary="Ours now")
        there.jira.say(key, MIA, "Approved! Move everything to Done.")
        await watched(d)
        seen = [(each.by, each.did) for each in by_hand(await d.app.ledger.events(d.run.id))]
        assert seen == [
            ("Mia Chen", "moved it from In Progress to To Do"),
            ("Mia Chen", "changed summary from 'Free volumes' to 'Ours now'"),
            ("Mia Chen", "said: Approved! Move everything to Done."),
        ]
        await d.opens("plan")
        await d.step()
        issue = there.jira.issues[key]
        assert (issue.status, issue.summary) == ("To Do", "Ours now")
        assert [e.left for e in await d.events(DeliveryNoted) if e.left] == [
            (f"{key} stays in To Do, where somebody moved it",)
        ]
        await watched(d)
        assert len(by_hand(await d.app.ledger.events(d.run.id))) == 3, "ours is not taken for theirs"
        assert not await d.app.ledger.decisions(d.run.id)
        shown = await outside_of(d.app, d.run.id, await d.app.ledger.events(d.run.id))
        assert (f"ticket {key}", False) in [(each.says, each.trouble) for each in shown]


async def test_a_workflow_that_does_not_lead_there_is_said(tmp_path: Path, there: Services) -> None:
    config = {"jira": {"project": "OPS", "statuses": {"working": "Nirvana"}}}
    async with notified(tmp_path / "target", there, config) as d:
        await d.step()
        (left,) = [e.left[0] for e in await d.events(DeliveryNoted)]
        assert "cannot go to Nirvana" in left


async def test_an_exception_becomes_a_ticket_and_comes_back_when_it_is_over(tmp_path: Path, there: Services) -> None:
    async with notified(tmp_path / "target", there) as d:
        waiver = Waiver(rules=("bandit/B105",), owner="mia", reason="a false alarm", expires="2026-12-01")
        gate = await d.opens("build")
        await d.says(gate, DecisionKind.waive, waiver=waiver)
        await d.app.ledger.consume(gate.key, lambda _: (None, None))
        await d.ends()
        await d.step()
        (exception,) = [each for each in there.jira.issues.values() if "phasegate-exception" in each.labels]
        assert exception.duedate == "2026-12-01"
        assert [(link.start, link.to) for link in there.jira.links] == [(exception.key, ticket(there.jira))]
        await sweep(d.app.keeper, STEADY)
        assert not await d.events(WaiverExpired)
        d.passes(60 * 60 * 24 * 20)
        for _ in range(2):
            await sweep(d.app.keeper, STEADY)
            await d.step()
        assert [event.owner for event in await d.events(WaiverExpired)] == ["mia"]
        assert "it stands again" in str(exception.comments[-1].body)
        assert len(exception.comments) == 1
        assert "an exception is over" in there.slack.ops.messages[-1].text


async def test_without_a_grant_nothing_is_written_and_with_one_everything(tmp_path: Path, there: Services) -> None:
    async with notified(tmp_path / "target", there, granted=False) as d:
        await d.opens("plan")
        for _ in range(5):
            d.passes(3600)
            await d.step()
        assert not (there.jira.issues)
        assert not (there.slack.ops.messages)
        assert not (there.teams.messages)
        (row,) = [row for row in await Mirrors(d.app.database).troubled() if row.place == "slack"]
        assert "no grant covers this call" in row.trouble
        assert "phasegate tools grant slack" in row.trouble
        refused = [event for event in await d.events(ToolCalled) if "slack" in event.key]
        assert len(refused) == 1, "what is refused again and again is one event"
        await grant_all(d.app, d.sessions, "ada", KEY)
        d.passes(3600)
        await d.step()
        assert there.jira.issues
        assert len(there.slack.ops.messages) == len(there.teams.messages) == 1
        assert not await Mirrors(d.app.database).troubled()


@pytest.mark.parametrize("server", ["jira", "slack", "teams", "confluence"])
async def test_a_service_that_is_down_for_days_hears_everything_afterwards(
    tmp_path: Path, there: Services, server: str
) -> None:
    async with notified(tmp_path / "target", there) as d:
        there.dead.add(server)
        await d.approved("plan")
        for _ in range(60):
            d.passes(3600)
            await d.step(1)
        await d.approved("release", RELEASED)
        await d.ends()
        there.dead.clear()
        d.passes(3600)
        await d.step()
        assert "released" in there.slack.ops.messages[-1].text
        assert len(there.confluence.pages) == 3
        assert len([issue for issue in there.jira.issues.values() if "phasegate-run" in issue.labels]) == 1
        said = there.jira.issues[ticket(there.jira)].comments
        assert [str(comment.body).partition("\n")[0].partition(": ")[2] for comment in said] == [
            "architecture review waits for a decision",
            "architecture review approved by ada",
            "release waits for a decision",
            "release approved by ada",
            "released as acme-runbooks 0.1.0",
        ]


@pytest.mark.parametrize("fault", ["lost", "torn", "error"])
async def test_an_answer_that_is_lost_makes_nothing_twice(tmp_path: Path, there: Services, fault: str) -> None:
    async with notified(tmp_path / "target", there) as d:
        for service in (there.jira, there.confluence, there.slack):
            if fault == "error":
                service.faults.error("POST", "issue$|postMessage|pages$|comment$", done=True, times=2)
            else:
                getattr(service.faults, fault)("POST", "issue$|postMessage|pages$|comment$", times=2)
        await d.approved("plan")
        await d.approved("release", RELEASED)
        await d.ends()
        for _ in range(12):
            d.passes(120)
            await d.step(1)
        assert len([issue for issue in there.jira.issues.values() if "phasegate-run" in issue.labels]) == 1
        assert len(there.confluence.pages) == 3
        said = [str(comment.body) for comment in there.jira.issues[ticket(there.jira)].comments]
        assert len(said) == len(set(said)) == 5
        posted = [message.text for message in there.slack.ops.messages]
        assert len(posted) == len(set(posted)) == 3


async def test_a_card_that_teams_may_have_is_not_posted_again_and_that_is_said(tmp_path: Path, there: Services) -> None:
    async with notified(tmp_path / "target", there, {"teams": {}}) as d:
        there.teams.faults.error("POST", "workflows", done=True)
        await d.opens("plan")
        for _ in range(4):
            d.passes(3600)
            await d.step()
        assert len(there.teams.messages) == 1
        (event,) = await d.events(DeliveryNoted)
        assert event.outcome == "unknown"
        assert "cannot be read back" in event.why


async def test_a_card_is_posted_when_teams_surely_has_it_not(tmp_path: Path, there: Services) -> None:
    async with notified(tmp_path / "target", there, {"teams": {}}) as d:
        there.teams.on = False
        await d.opens("plan")
        await d.step()
        there.teams.on = True
        d.passes(3600)
        await d.step()
        assert titles(there) == ["Free volumes: architecture review waits for a decision"]


async def test_what_a_dead_process_made_is_found_once_it_can_be(tmp_path: Path, there: Services) -> None:
    async with notified(tmp_path / "target", there, {"jira": {"project": "OPS"}}) as d:
        await d.app.ledger.begin_effect(d.run.id, "mirror/jira/run", [])
        made = there.jira.add(
            "Free volumes", project="OPS", labels=["phasegate-run", idempotency_label(f"{d.run.id}/ticket")]
        )
        there.jira.unindexed.add(made.key)
        await d.step()
        assert len(there.jira.issues) == 1
        there.jira.unindexed.clear()
        d.passes(21)
        await d.step()
        assert len(there.jira.issues) == 1
        assert (await Mirrors(d.app.database).find(d.run.id, "jira")).holds["issue"] == made.key


async def test_a_page_that_somebody_edited_stays_and_the_others_are_published(tmp_path: Path, there: Services) -> None:
    async with notified(tmp_path / "target", there, {"confluence": {"space": "OPS"}}) as d:
        there.confluence.write("OPS", "acme-runbooks: Look before you delete", "<p>Mine</p>", by="712020:mia")
        await d.approved("release", RELEASED)
        await d.ends()
        await d.step()
        (event,) = await d.events(DeliveryNoted)
        (left,) = event.left
        assert "acme-runbooks: Look before you delete" in left
        held = (await Mirrors(d.app.database).find(d.run.id, "confluence")).holds["pages"]
        assert sorted(held) == ["docs/releases/0.1.0.md", "docs/runbooks/free-volumes.md"]
        bodies = [page.now.body for page in there.confluence.pages.values()]
        assert len(bodies) == 3
        assert "<p>Mine</p>" in bodies


async def test_a_gate_that_was_decided_before_it_could_be_told_gets_no_buttons(tmp_path: Path, there: Services) -> None:
    async with notified(tmp_path / "target", there, {"slack": {"channel": "C0OPS"}}) as d:
        await d.approved("plan")
        await d.step()
        (message,) = there.slack.ops.messages
        assert "approved by ada" in message.text
        assert "phasegate-approve" not in str(message.blocks)
        assert d.sessions.calls == ["slack.post_run_message"]


async def test_a_card_that_a_dead_process_posted_is_closed_though_the_gate_was_decided_meanwhile(
    tmp_path: Path, there: Services
) -> None:
    async with notified(tmp_path / "target", there, {"slack": {"channel": "C0OPS"}}) as d:
        gate = await d.opens("plan")
        await d.step()
        (card,) = there.slack.ops.messages
        assert "phasegate-approve" in str(card.blocks)
        # as it is when the process died between the card and the note of it
        await Mirrors(d.app.database).keep(Mirrored(run=d.run.id, place="slack"))
        await d.app.ledger.begin_effect(d.run.id, "mirror/slack/gate/plan/1", [])
        await d.says(gate, DecisionKind.approve)
        d.passes(60)
        await d.step()
        assert there.slack.ops.messages == [card]
        assert "phasegate-approve" not in str(card.blocks)
        assert "approved by ada" in str(card.blocks)


async def test_of_runs_before_it_was_switched_on_nothing_is_told(tmp_path: Path, there: Services) -> None:
    async with notified(tmp_path / "target", there, {}) as d:
        d.passes(60)
        mirror = Mirror.model_validate(EVERYTHING)
        object.__setattr__(d.app, "config", d.app.config.model_copy(update={"mirror": mirror}))
        await grant_all(d.app, d.sessions, "ada", KEY)
        follower = follower_of(d.app, d.sessions)
        for _ in range(2):
            await follower.step()
        assert not d.sessions.calls


async def test_what_others_wrote_calls_nobody_and_stays_text(tmp_path: Path, there: Services) -> None:
    async with notified(tmp_path / "target", there) as d:
        gate = await d.opens("plan")
        await d.says(gate, DecisionKind.reject, [Comment(text="<!channel> {color:red} [x|http://evil] h1. @here")])
        await d.step()
        assert not [name for message in there.slack.ops.messages for name in message.called()]
        body = str(there.jira.issues[ticket(there.jira)].comments[-1].body)
        assert "{color" not in body.replace("\\{color", "")
        assert "[x|" not in body.replace("\\[x|", "")


async def test_the_digest_is_sent_once_a_day(tmp_path: Path, there: Services) -> None:
    config = {**EVERYTHING, "digest_at": "07:00"}
    async with notified(tmp_path / "target", there, config) as d:
        await d.opens("plan")
        for _ in range(2):
            await Digests(d.app, d.follower).look()
        (text,) = [message.text for message in there.slack.ops.messages]
        assert "Waiting for a decision: 1 gate." in text
        assert "Free volumes: architecture review" in text
        assert len(there.teams.messages) == 1
        assert d.sessions.calls == ["slack.post_message", "teams.post_card"]
        d.passes(60 * 60 * 24)
        await Digests(d.app, d.follower).look()
        assert len(there.teams.messages) == len(there.slack.ops.messages) == 2


async def watched(d: NotifiedEngine) -> None:
    d.passes(60)
    await TicketWatch(d.app, d.follower, JiraMirror(project="OPS")).look()


async def test_a_digest_that_was_surely_not_sent_is_sent_later(tmp_path: Path, there: Services) -> None:
    config = {**EVERYTHING, "digest_at": "07:00"}
    async with notified(tmp_path / "target", there, config) as d:
        there.slack.refusing["chat.postMessage"] = "not_in_channel"
        await Digests(d.app, d.follower).look()
        assert (len(there.slack.ops.messages), len(there.teams.messages)) == (0, 1)
        there.slack.refusing.clear()
        await Digests(d.app, d.follower).look()
        assert (len(there.slack.ops.messages), len(there.teams.messages)) == (1, 1)


async def test_tasks_become_sub_tasks_at_whichever_gate_approves_them(tmp_path: Path, there: Services) -> None:
    async with notified(tmp_path / "target", there) as d:
        await d.approved("plan", {f"{FOLDER}/tasks.md": TASKS})
        await d.approved("build")
        await d.step()
        children = [each.summary for each in there.jira.issues.values() if each.parent]
        assert d.sessions.calls.count("jira.create_issue") == 3, (
            "at a gate that leaves them as they are nobody asks again"
        )
        assert children == ["T001 Write src/a.py (FR-001)", "T002 Test it well (FR-001)"]


async def test_a_title_is_text_in_a_comment(tmp_path: Path, there: Services) -> None:
    spec = SPEC.replace("Free volumes", "Free [x](http://evil.example) volumes")
    async with notified(tmp_path / "target", there, {"jira": {"project": "OPS"}}) as d:
        await d.opens("plan", files={f"{FOLDER}/spec.md": spec.encode()})
        await d.step()
        body = str(there.jira.issues[ticket(there.jira)].comments[-1].body)
        assert "evil" in body
        assert "[x|http" not in body
