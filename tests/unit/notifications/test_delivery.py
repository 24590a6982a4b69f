"""Every run from the first on is delivered; what is late is counted, and what can never be told holds nothing up."""

import asyncio
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from phasegate.app import Mirror, open_app
from phasegate.core import FixedClock
from phasegate.ledger import DecisionKind, Mirrors
from phasegate.notifications.setup import follower_of, grant_all
from phasegate.notifications.undelivered import channels, delivered, undelivered
from phasegate.reports import outside as outside_of
from phasegate.reports import remarks
from unit.authors.sample_spec import FOLDER, NOW, sample_repository
from unit.notifications.fixtures import (
    EVERYTHING,
    KEY,
    RELEASED,
    TASKS,
    Inside,
    NotifiedEngine,
    Services,
    notified,
    services,
)


@pytest.fixture
def there() -> Iterator[Services]:
    with services() as found:
        yield found


@pytest.mark.parametrize("clock_moves", [2, 0, -3600], ids=["later", "at once", "set back an hour"])
@pytest.mark.parametrize("granted", ["before", "after"])
async def test_the_first_run_after_the_configuration_is_told(
    tmp_path: Path, there: Services, clock_moves: int, granted: str
) -> None:
    clock = FixedClock(NOW)
    target = sample_repository(tmp_path / "target", managers={"ada": KEY})
    async with open_app(target, clock=clock) as app:
        mirror = Mirror.model_validate(EVERYTHING)
        object.__setattr__(app, "config", app.config.model_copy(update={"mirror": mirror}))
        sessions = Inside(there)
        if granted == "before":
            await grant_all(app, sessions, "ada", KEY)
        d = NotifiedEngine(app, clock, follower_of(app, sessions), sessions, there, None)  # type: ignore[arg-type]
        d.passes(clock_moves)
        run = await app.start(target / FOLDER, by="mia")
        d.passes(7200)
        if granted == "after":
            await grant_all(app, sessions, "ada", KEY)
        await d.step(3)
        assert [issue.summary for issue in there.jira.issues.values()] == ["Free volumes"], run.id


async def test_what_is_not_told_yet_is_counted_as_behind(tmp_path: Path, there: Services) -> None:
    async with notified(tmp_path / "target", there) as d:
        await d.opens("plan")
        found = {channel.name: channel for channel in await channels(d.app)}
        assert {name: [each.news for each in c.behind] for name, c in found.items()} == {
            "jira": [2],
            "confluence": [],
            "slack": [1],
            "teams": [1],
        }
        assert [c.runs for c in found.values()] == [1, 0, 1, 1]
        there.dead.add("slack")
        await d.step()
        (late,) = await undelivered(d.app, "slack")
        assert (late.news, late.mirrored.tries, late.waits(d.clock.now())) == (1, 1, True)
        there.dead.clear()
        d.passes(60)
        await d.step()
        assert not [c.name for c in await channels(d.app) if c.behind]


@pytest.mark.parametrize("dead", [set(), {"slack"}], ids=["all take it", "one is down"])
async def test_waiting_for_delivery_ends_when_all_is_told_or_cannot_be(
    tmp_path: Path, there: Services, dead: set[str]
) -> None:
    async with notified(tmp_path / "target", there) as d:
        await d.opens("plan")
        there.dead |= dead

        async def pause(_: float) -> None:
            await d.follower.step()

        async with asyncio.timeout(30):
            left = await delivered(d.app, d.run.id, 25, pause)
        assert {each.mirrored.place for each in left} == dead
        assert len(there.jira.issues) == len(there.teams.messages) == 1


async def test_waiting_for_delivery_ends_in_time(tmp_path: Path, there: Services) -> None:
    async with notified(tmp_path / "target", there) as d:
        left = await delivered(d.app, d.run.id, 0)
        assert [each.mirrored.place for each in left] == ["jira"]


async def test_what_was_deleted_holds_nothing_up(tmp_path: Path, there: Services) -> None:
    async with notified(tmp_path / "target", there) as d:
        gate = await d.opens("plan")
        await d.step()
        there.slack.ops.messages.clear()
        there.jira.issues.clear()
        await d.says(gate, DecisionKind.approve)
        await d.opens("tasks", files={f"{FOLDER}/tasks.md": TASKS})
        await d.step()
        assert not await Mirrors(d.app.database).troubled()
        assert "Test planning" in there.slack.ops.messages[-1].text
        (issue,) = there.jira.issues.values()
        said = [str(comment.body).splitlines()[0] for comment in issue.comments]
        assert said == [
            "Free volumes: architecture review approved by ada",
            "Free volumes: test planning waits for a decision",
        ]
        left = {each.says for each in (await remarks(d.app))[d.run.id]}
        shown = await outside_of(d.app, d.run.id, await d.app.ledger.events(d.run.id))
        assert left == {each.says for each in shown[-2:]}
        assert [each for each in left if each.startswith("OPS-1 is gone")]


async def test_an_archived_channel_is_a_remark_and_other_channels_hear_all(tmp_path: Path, there: Services) -> None:
    async with notified(tmp_path / "target", there) as d:
        there.slack.ops.archived = True
        await d.opens("plan")
        await d.step()
        assert not await undelivered(d.app, "slack")
        (left,) = (await remarks(d.app))[d.run.id]
        assert (left.place, "is_archived" in left.says, left.trouble) == ("slack", True, True)
        there.slack.ops.archived = False
        await d.opens("tasks")
        await d.step()
        assert len(there.slack.ops.messages) == 1


async def test_a_bot_that_was_removed_is_waited_for(tmp_path: Path, there: Services) -> None:
    async with notified(tmp_path / "target", there, {"slack": {"channel": "C0OPS"}}) as d:
        there.slack.ops.members.discard(there.slack.bot.id)
        there.slack.ops.private = True
        await d.opens("plan")
        await d.step()
        (late,) = await undelivered(d.app, "slack")
        assert "/invite" in late.mirrored.trouble
        there.slack.ops.members.add(there.slack.bot.id)
        d.passes(3600)
        await d.step()
        assert len(there.slack.ops.messages) == 1


async def test_a_wrong_sub_task_type_leaves_the_rest_of_the_ticket(tmp_path: Path, there: Services) -> None:
    there.jira.types = {"Task": "10001"}
    async with notified(tmp_path / "target", there) as d:
        await d.approved("tasks", {f"{FOLDER}/tasks.md": TASKS})
        await d.opens("build")
        await d.step()
        (issue,) = there.jira.issues.values()
        assert (issue.status, len(issue.comments)) == ("In Review", 3)
        assert "sub-task" in (await remarks(d.app))[d.run.id][0].says


async def test_a_service_that_is_down_is_one_line_of_the_log(
    tmp_path: Path, there: Services, caplog: pytest.LogCaptureFixture
) -> None:
    async with notified(tmp_path / "target", there, {"slack": {"channel": "C0OPS"}}) as d:
        there.dead.add("slack")
        await d.opens("plan")
        with caplog.at_level(logging.INFO, "phasegate.mirror"):
            for _ in range(10):
                d.passes(3600)
                await d.step()
            there.dead.clear()
            d.passes(3600)
            await d.step()
        lines = [record for record in caplog.records if record.name == "phasegate.mirror"]
        assert [(record.levelname, bool(record.exc_info)) for record in lines] == [("WARNING", False), ("INFO", False)]


async def test_a_release_is_told_after_everything_before_it_was_refused_for_good(
    tmp_path: Path, there: Services
) -> None:
    async with notified(tmp_path / "target", there, {**EVERYTHING, "jira": {"project": "OPS", "type": "Story"}}) as d:
        await d.approved("plan")
        await d.step()
        assert not there.jira.issues
        there.jira.types = {"Story": "10009"}
        await d.approved("release", RELEASED)
        await d.ends()
        await d.step()
        (issue,) = there.jira.issues.values()
        assert str(issue.comments[-1].body).startswith("Free volumes: released")
