"""A run's ticket in Jira: it follows the phases, and what people do to it by hand stays."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from phasegate.app.config import JiraMirror
from phasegate.core import digest
from phasegate.ledger import GateKey, GateRecord, Waiver
from phasegate.ledger.events import DecisionTaken, RunStarted
from phasegate.notifications.channel import Gone, Never, Telling
from phasegate.notifications.notification import SUBSCRIPTIONS, Kind, News
from phasegate.notifications.run_summary import Story
from phasegate.spec import Task, tasks_of
from phasegate.tools.servers.jira.wiki import fitted, plain_text
from phasegate.tools.texts import cut_note, shown
from phasegate.workflow.gates.approvers import may_approve

LABEL = "phasegate-run"
_SUMMARY = 255
# Characters of Markdown that the tools take.
_LONGEST = 30_000
# Characters of a description that `get_issue` shows.
_SHOWN = 8000
_ENDS = (Kind.released, Kind.rejected)
# What becomes a comment.
_SAID = (Kind.gate, Kind.decided, Kind.void, Kind.parked, Kind.released, Kind.rejected)
_WHERE = {
    Kind.started: "working",
    Kind.gate: "waiting",
    Kind.decided: "working",
    Kind.parked: "parked",
    Kind.released: "released",
    Kind.rejected: "rejected",
}


class Ticket:
    """Jira."""

    name = "jira"
    search_lag = timedelta(seconds=20)
    """The Cloud's search lags behind by some seconds."""
    subscribes_to = SUBSCRIPTIONS[name]

    def __init__(self, config: JiraMirror) -> None:
        self._config = config

    async def tell(self, telling: Telling) -> Mapping[str, Any]:
        """Update the ticket, with a remark for each step that Jira refuses for good."""
        holds: dict[str, Any] = {"comments": [], "subtasks": {}, "exceptions": {}, **telling.holds}
        if "issue" not in holds:
            holds |= await self._created(telling)
        try:
            return await self._told(telling, holds)
        except Gone as error:
            telling.remarks.append(f"{holds['issue']} is gone: {error}")
        # Once a run: an account that lost the sight of a project gets the same 404 as for a ticket that was deleted
        # (decision 0026).
        return holds if "replaces" in holds else await self._anew(telling, {**holds, "replaces": holds["issue"]})

    async def _anew(self, telling: Telling, holds: dict[str, Any]) -> Mapping[str, Any]:
        """Makes another ticket in place of one that is gone: once, for an account may have lost the sight of all."""
        try:
            holds |= {"subtasks": {}, **await self._created(telling, holds["replaces"])}
            return await self._told(telling, holds)
        except Never as error:
            telling.remarks.append(f"nothing takes the place of {holds['replaces']}: {error}")
            return holds

    async def _told(self, telling: Telling, holds: dict[str, Any]) -> Mapping[str, Any]:
        """Apply a notification to the ticket, step by step.

        Raises:
            Gone: the ticket is not there any more.
        """
        news = telling.news
        if news.what is Kind.lapsed:
            return await self._lapsed(telling, holds)
        if news.what in _SAID:
            comment = await _commented(telling, holds["issue"])
            holds |= {"comments": [*holds["comments"], str(comment["id"])], "me": comment["by"]}
        if news.what is Kind.decided:
            await self._follows(telling, holds)
        if news.what is Kind.released and not self._config.subtasks:
            holds |= await self._tasks_listed(telling, holds, done=True)
        return {**holds, **await self._move(telling, holds)}

    async def _tasks_listed(self, telling: Telling, holds: dict[str, Any], *, done: bool) -> Mapping[str, Any]:
        try:
            return await self._listed(telling, holds, done=done)
        except Gone:
            raise
        except Never as error:
            telling.remarks.append(f"the tasks are not in the description: {error}")
            return {}

    async def _created(self, telling: Telling, replaces: str = "") -> Mapping[str, Any]:
        story, text = telling.story, _description(telling.story)
        made = await self._create_assigned(
            telling,
            key=f"{story.run.id}/ticket{f'/instead-of/{replaces}' if replaces else ''}",
            project=self._config.project,
            type=self._config.type,
            summary=line(story.title),
            description=text,
            labels=[LABEL],
        )
        issue = made["issue"]
        return {
            "issue": issue["key"],
            "url": issue["url"],
            "status": issue["status"],
            "seen": issue["updated"],
            "described": _mark(fitted(text)),
        }

    async def _create_assigned(self, telling: Telling, **arguments: Any) -> Mapping[str, Any]:
        """Create the ticket, assigned to a manager where that is possible."""
        fields, assigned = dict(self._config.fields), _assignee(telling.story)
        if assigned:
            try:
                return await self._create(telling, fields={**fields, "assignee": assigned}, **arguments)
            except Never as error:
                telling.remarks.append(f"the ticket is not assigned to {assigned}: {error}")
        return await self._create(telling, fields=fields, **arguments)

    async def _create(self, telling: Telling, **arguments: Any) -> Mapping[str, Any]:
        return await telling.call(self.name, "create_issue", **arguments)

    async def _move(self, telling: Telling, holds: Mapping[str, Any]) -> Mapping[str, Any]:
        """Move the ticket unless a person moved it elsewhere meanwhile, and return what changes in the note of it."""
        wanted = self._config.statuses.get(_WHERE.get(telling.news.what, ""), "")  # type: ignore[call-overload]
        if not wanted or wanted.lower() == holds["status"].lower():
            return {}
        now = await telling.call(self.name, "get_issue", issue=holds["issue"])
        # Jira takes names of statuses in any case, and gives them as its workflow spells them.
        if now["status"].lower() == wanted.lower():
            return {"status": now["status"]}
        if now["status"] != holds["status"] and not _ours(now, holds):
            telling.remarks.append(f"{holds['issue']} stays in {now['status']}, where somebody moved it")
            return {}
        if telling.news.what in _ENDS:
            await self._close(telling, now["sub_tasks"], wanted)
        try:
            moved = await self._transition(telling, holds["issue"], wanted)
        except Gone:
            raise
        except Never as error:  # its workflow does not lead there
            telling.remarks.append(str(error))
            return {}
        return {"status": moved["status"], "ours": [*holds.get("ours", []), *moved["through"]]}

    async def _transition(self, telling: Telling, issue: str, wanted: str) -> Mapping[str, Any]:
        key = f"{telling.key}/status/{issue}"
        fields = dict(self._config.fields)
        moved = await telling.call(self.name, "transition_issue", issue=issue, status=wanted, key=key, fields=fields)
        if moved["left"]:
            telling.remarks.append(moved["left"])
        return moved

    async def _close(self, telling: Telling, tasks: Sequence[Mapping[str, Any]], wanted: str) -> None:
        """Close sub-tasks with their ticket, except those that somebody closed otherwise."""
        for task in (each for each in tasks if not each["done"]):
            try:
                await self._transition(telling, task["key"], wanted)
            except Never as error:
                telling.remarks.append(f"the sub-task {task['key']} stays open: {error}")

    async def _listed(self, telling: Telling, holds: dict[str, Any], *, done: bool) -> Mapping[str, Any]:
        """List the tasks in the description, or in a comment where somebody edited the description."""
        story = telling.story
        tasks = _tasks(story)
        if not tasks:
            return {}
        listed = "\n".join(f"- {'☑' if done else '☐'} {_plain(f'{task.id} {plain_text(task.text)}')}" for task in tasks)
        text = _bounded(f"{_description(story)}\n\n**Tasks**\n\n{listed}")
        now = await telling.call(self.name, "get_issue", issue=holds["issue"])
        if _mark(now["description"]) == _mark(fitted(text)):
            return {"described": _mark(fitted(text))}
        # Only what is still as we wrote it is written again: what a person wrote there stays (decision 0014).
        if _mark(now["description"]) == holds.get("described"):
            changed = {"issue": holds["issue"], "expected_updated": now["updated"], "description": text}
            await telling.call(self.name, "update_issue", **changed)
            return {"described": _mark(fitted(text))}
        if not done:
            telling.remarks.append(f"the description of {holds['issue']} is somebody's: its tasks are a comment")
            body = _bounded(f"**Tasks**\n\n{listed}")
            made = await telling.call(
                self.name, "add_comment", key=f"{telling.key}/tasks", issue=holds["issue"], body=body
            )
            return {"comments": [*holds["comments"], str(made["comment"]["id"])]}
        return {}

    async def _follows(self, telling: Telling, holds: dict[str, Any]) -> None:
        """Apply a decision: sub-tasks once the tasks are approved, a ticket for an exception."""
        gate, statement = telling.news.gate, telling.story.said(telling.news)
        taken = telling.news.event
        passes = (
            gate is not None
            and isinstance(taken, DecisionTaken)
            and taken.passes
            and bool(_approved(telling.story, telling.story.gates[gate]))
        )
        if gate and passes and not self._config.subtasks:
            holds |= await self._tasks_listed(telling, holds, done=False)
        if gate and passes and self._config.subtasks:
            try:
                await self._subtasks(telling, holds, gate)
            except Never as error:
                telling.remarks.append(f"not every task has its sub-task: {error}")
        if gate and statement and statement.waiver:
            try:
                exception = await self._exception(telling, holds, statement.waiver)
            except Never as error:
                telling.remarks.append(f"the exception has no ticket: {error}")
            else:
                holds["exceptions"] = {**holds["exceptions"], _of(gate): exception}

    async def _subtasks(self, telling: Telling, holds: dict[str, Any], gate: GateKey) -> None:
        story = telling.story
        for task in _approved(story, story.gates[gate]):
            answer = await telling.call(
                self.name,
                "create_issue",
                key=f"{story.run.id}/task/{task.id}",
                project=self._config.project,
                type=self._config.subtask_type,
                summary=line(f"{task.id} {plain_text(task.text)}"),
                description=_bounded(task.text),
                fields=dict(self._config.fields),
                parent=holds["issue"],
            )
            holds["subtasks"] = {**holds["subtasks"], task.id: answer["issue"]["key"]}

    async def _exception(self, telling: Telling, holds: Mapping[str, Any], waiver: Waiver) -> str:
        made = await telling.call(
            self.name,
            "create_exception",
            key=f"{telling.key}/exception",
            project=self._config.project,
            type=self._config.type,
            summary=line(f"Exception: {telling.story.title}"),
            reason=waiver.reason,
            owner=line(waiver.owner),
            expires_on=waiver.expires,
            covers=[line(rule) for rule in waiver.rules],
        )
        issue = str(made["exception"]["issue"]["key"])
        await telling.call(self.name, "link_issues", start=issue, to=holds["issue"], type="Relates")
        return issue

    async def _lapsed(self, telling: Telling, holds: dict[str, Any]) -> Mapping[str, Any]:
        assert telling.news.gate
        issue = holds["exceptions"].get(_of(telling.news.gate), holds["issue"])
        try:
            comment = await _commented(telling, issue)
        except Gone as error:
            if issue == holds["issue"]:
                raise
            telling.remarks.append(f"{issue} is gone: {error}")
            comment = await _commented(telling, holds["issue"])
        return {**holds, "comments": [*holds["comments"], str(comment["id"])]}


def _approved(story: Story, gate: GateRecord) -> list[Task]:
    """The tasks that the gate's decision approved: none where they were as they are before."""
    path, tree = f"{story.run.spec}/tasks.md", story.app.workspace.tree
    before, now = (tree(commit).get(path, b"") for commit in (gate.since, gate.commit))
    return [] if before == now else tasks_of(now.decode("utf-8", "replace"))


async def _commented(telling: Telling, issue: str) -> Mapping[str, Any]:
    story, news = telling.story, telling.news
    said = [_plain(text) for text in (story.headline(news), *story.details(news), story.where(news)) if text]
    if news.what is Kind.gate and news.gate:
        card = await story.card(news.gate)
        said.append("\n".join(f"- **{_plain(name)}:** {_plain(value)}" for name, value in card.facts))
    body = _bounded("\n\n".join(said))
    made = await telling.call("jira", "add_comment", key=telling.key, issue=issue, body=body)
    found: Mapping[str, Any] = made["comment"]
    return found


def _description(story: Story) -> str:
    """The ticket's text, as long as there are no tasks."""
    started = next(entry for entry in story.events if isinstance(entry.event, RunStarted))
    said = [_plain(text) for text in story.details(News(what=Kind.started, entry=started))]
    return _bounded("\n\n".join([*filter(None, said), story.link()]).strip())


def _tasks(story: Story) -> list[Task]:
    """The tasks as they were approved last."""
    passed = [d.statement.gate for d in story.decisions if d.statement.kind.passes]
    for key in reversed(passed):
        text = story.app.workspace.tree(story.gates[key].commit).get(f"{story.run.spec}/tasks.md")
        if text is not None:
            return tasks_of(text.decode("utf-8", "replace"))
    return []


def _assignee(story: Story) -> str:
    """Return the Jira account of a manager who may decide at the first gate, or an empty string."""
    gate, people = story.app.flow.phases[0].gate, story.app.config.people()
    mapped = [row for row in story.app.config.managers if row.jira and may_approve(gate, people[row.name])]
    return mapped[0].jira if mapped else ""


def _ours(issue: Mapping[str, Any], holds: Mapping[str, Any]) -> bool:
    """Return whether our own account set the ticket's status, in an attempt that did not come to its end."""
    moves = [change for change in issue["last_changes"] if change["field"].lower() == "status"]
    return bool(moves) and moves[0]["by"] == holds.get("me")


def _mark(text: str) -> str:
    """Return a digest of a description's beginning, without the spaces and line ends that Jira may change."""
    return digest(" ".join(text[:_SHOWN].split()).encode())[:16]


def _of(gate: GateKey) -> str:
    return f"{gate.phase}/{gate.attempt}"


def _plain(text: str) -> str:
    """Escape the text of others as Markdown."""
    return "".join(f"\\{char}" if char in r"\`*_{}[]()#+-.!|<>~" else char for char in shown(text))


def _bounded(markdown: str) -> str:
    """Cut a text to the tools' limit, with a note at the cut."""
    return markdown if len(markdown) <= _LONGEST else f"{markdown[: _LONGEST - 100]}\n\n{cut_note(len(markdown))}"


def line(text: str) -> str:
    """Return the text as one line that fits a summary."""
    flat = " ".join(shown(text).split())
    return flat if len(flat) <= _SUMMARY else f"{flat[: _SUMMARY - 1]}…"
