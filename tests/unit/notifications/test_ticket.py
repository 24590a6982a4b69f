"""A ticket ends where its run's work ended, its tasks with it, and belongs to the manager who decides."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from phasegate.ledger import DecisionKind
from phasegate.notifications.jira_changes import TicketWatch
from phasegate.reports import by_hand, remarks
from services.jira import JiraService
from services.jira_state import WORKFLOW, Issue, Transition
from unit.authors.sample_spec import FOLDER
from unit.notifications.fixtures import RELEASED, TASKS, NotifiedEngine, Services, notified, services
from unit.tools.servers.jira.fixtures import MIA

STATUSES = {"working": "In Progress", "waiting": "In Review", "released": "Done"}
JIRA: dict[str, Any] = {"project": "OPS", "statuses": STATUSES}


@pytest.fixture
def there() -> Iterator[Services]:
    with services() as found:
        yield found


def ticket(jira: JiraService) -> Issue:
    (found,) = [issue for issue in jira.issues.values() if "phasegate-run" in issue.labels]
    return found


async def released(d: NotifiedEngine) -> None:
    for phase, files in (("tasks", {f"{FOLDER}/tasks.md": TASKS}), ("release", RELEASED)):
        gate = await d.opens(phase, files=files)
        await d.step()
        await d.says(gate, DecisionKind.approve)
        await d.step()
    await d.ends()
    d.passes(60)
    await d.step()


async def test_a_released_ticket_is_done_and_its_sub_tasks_with_it(tmp_path: Path, there: Services) -> None:
    async with notified(tmp_path / "target", there, {"jira": {**JIRA, "subtasks": True}}) as d:
        await released(d)
        assert [issue.status for issue in there.jira.issues.values()] == ["Done"] * 3
        assert not await remarks(d.app)


async def test_tasks_are_a_list_in_the_description_ticked_at_the_end(tmp_path: Path, there: Services) -> None:
    async with notified(tmp_path / "target", there, {"jira": JIRA}) as d:
        await d.approved("tasks", {f"{FOLDER}/tasks.md": TASKS})
        await d.step()
        (issue,) = there.jira.issues.values()
        assert "☐ T001 Write src/a.py (FR-001)" in str(issue.description)
        await TicketWatch(d.app, d.follower, d.app.config.mirror.jira).look()  # type: ignore[arg-type]
        assert not by_hand(await d.app.ledger.events(d.run.id)), "ours is not taken for theirs"
        await d.approved("release", RELEASED)
        await d.ends()
        await d.step()
        assert (str(issue.description).count("☑"), issue.status) == (2, "Done")


async def test_a_description_that_somebody_wrote_stays(tmp_path: Path, there: Services) -> None:
    async with notified(tmp_path / "target", there, {"jira": JIRA}) as d:
        await d.step()
        there.jira.edit(ticket(there.jira).key, MIA, description="Ours")
        await released(d)
        issue = ticket(there.jira)
        assert (issue.description, issue.status) == ("Ours", "Done")
        assert "☐ T002" in "".join(str(comment.body) for comment in issue.comments)


async def test_a_required_resolution_is_given_from_the_configuration(tmp_path: Path, there: Services) -> None:
    close = Transition("50", "Close", "In Review", "Done", ("resolution",))
    there.jira.workflow = (close, *(way for way in WORKFLOW if way.to != "Done"))
    there.jira.required = {"priority"}
    config = {"jira": {**JIRA, "fields": {"Resolution": "Fixed", "priority": "Low"}}}
    async with notified(tmp_path / "target", there, config) as d:
        await released(d)
        assert ticket(there.jira).more == {"priority": {"name": "Low"}, "resolution": {"name": "Fixed"}}
        assert ticket(there.jira).status == "Done"


@pytest.mark.parametrize("known", [True, False])
async def test_a_ticket_belongs_to_the_manager_who_decides(tmp_path: Path, there: Services, known: bool) -> None:
    there.jira.accounts = {"712020:ada"} if known else set()
    async with notified(tmp_path / "target", there, {"jira": JIRA}) as d:
        rows = tuple(row.model_copy(update={"jira": "712020:ada"}) for row in d.app.config.managers)
        object.__setattr__(d.app, "config", d.app.config.model_copy(update={"managers": rows}))
        await d.step()
        assigned = ticket(there.jira).assignee
        assert (assigned.name if assigned else None) == ("712020:ada" if known else None)
        left = (await remarks(d.app)).get(d.run.id, [])
        assert [("cannot be assigned" in each.says) for each in left] == ([] if known else [True])
