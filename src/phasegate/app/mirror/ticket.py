"""A run's ticket in Jira: it follows the phases, and what people do to it by hand stays."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from phasegate.app.config import JiraMirror
from phasegate.app.mirror.calling import Gone, Never
from phasegate.app.mirror.news import HEEDS, News, What
from phasegate.app.mirror.story import Story
from phasegate.app.mirror.telling import Telling
from phasegate.ledger import DecisionKind, GateKey, GateRecord, Waiver
from phasegate.spec import Task, tasks_of

LABEL = "phasegate-run"
_SUMMARY = 255
_SAID = (What.gate, What.decided, What.void, What.parked, What.released, What.rejected)
"""What becomes a comment."""
_WHERE = {
    What.started: "working",
    What.gate: "waiting",
    What.decided: "working",
    What.parked: "parked",
    What.released: "released",
    What.rejected: "rejected",
}


class Ticket:
    """Jira."""

    name = "jira"
    settles = timedelta(seconds=20)
    """The Cloud's search lags behind by some seconds."""
    heeds = HEEDS[name]

    def __init__(self, config: JiraMirror) -> None:
        self._config = config

    async def tell(self, telling: Telling) -> Mapping[str, Any]:
        """See `Place`; a step that Jira refuses for good is a remark, and the others are taken all the same."""
        holds: dict[str, Any] = {"comments": [], "subtasks": {}, "exceptions": {}, **telling.holds}
        if "issue" not in holds:
            holds |= await self._created(telling)
        try:
            return await self._told(telling, holds)
        except Gone as error:
            telling.remarks.append(f"{holds['issue']} is gone: {error}")
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
        """What the news brings with it, step by step.

        Raises:
            Gone: the ticket is not there any more.
        """
        news = telling.news
        if news.what is What.lapsed:
            return await self._lapsed(telling, holds)
        if news.what in _SAID:
            holds["comments"] = [*holds["comments"], await _commented(telling, holds["issue"])]
        if news.what is What.decided:
            await self._follows(telling, holds)
        return {**holds, **await self._moved(telling, holds)}

    async def _created(self, telling: Telling, replaces: str = "") -> Mapping[str, Any]:
        story = telling.story
        text = "\n\n".join([*filter(None, _first(story)), story.link()])
        made = await telling.call(
            self.name,
            "create_issue",
            key=f"{story.run.id}/ticket{f'/instead-of/{replaces}' if replaces else ''}",
            project=self._config.project,
            type=self._config.type,
            summary=line(story.title),
            description=text,
            labels=[LABEL],
        )
        issue = made["issue"]
        return {"issue": issue["key"], "url": issue["url"], "status": issue["status"], "seen": issue["updated"]}

    async def _moved(self, telling: Telling, holds: Mapping[str, Any]) -> Mapping[str, Any]:
        """The ticket's status, moved along unless a person moved it elsewhere meanwhile."""
        wanted = self._config.statuses.get(_WHERE.get(telling.news.what, ""), "")  # type: ignore[call-overload]
        if not wanted or wanted.lower() == holds["status"].lower():
            return {}
        now = await telling.call(self.name, "get_issue", issue=holds["issue"])
        if now["status"].lower() == wanted.lower():
            return {"status": now["status"]}
        if now["status"] != holds["status"]:
            telling.remarks.append(f"{holds['issue']} stays in {now['status']}, where somebody moved it")
            return {}
        key = f"{telling.key}/status"
        try:
            moved = await telling.call(self.name, "transition_issue", issue=holds["issue"], status=wanted, key=key)
        except Gone:
            raise
        except Never as error:  # its workflow does not lead there
            telling.remarks.append(str(error))
            return {}
        return {"status": moved["status"], "ours": [*holds.get("ours", []), moved["status"]]}

    async def _follows(self, telling: Telling, holds: dict[str, Any]) -> None:
        """What a decision brings with it: sub-tasks once the tasks are approved, a ticket for an exception."""
        gate, statement = telling.news.gate, telling.story.said(telling.news)
        decision = telling.news.event.body["decision"]
        if gate and DecisionKind(decision).passes and self._config.subtasks:
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
                summary=line(f"{task.id} {task.text}"),
                description=task.text,
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
        return {**holds, "comments": [*holds["comments"], comment]}


def _approved(story: Story, gate: GateRecord) -> list[Task]:
    """The tasks that the gate's decision approved: none where they were as they are before."""
    path, tree = f"{story.run.spec}/tasks.md", story.app.workspace.tree
    before, now = (tree(commit).get(path, b"") for commit in (gate.since, gate.commit))
    return [] if before == now else tasks_of(now.decode("utf-8", "replace"))


async def _commented(telling: Telling, issue: str) -> str:
    story, news = telling.story, telling.news
    body = "\n\n".join(_plain(text) for text in (story.headline(news), *story.details(news)))
    made = await telling.call("jira", "add_comment", key=telling.key, issue=issue, body=body)
    return str(made["comment"]["id"])


def _first(story: Story) -> list[str]:
    started = next(event for event in story.events if event.kind == "run")
    return [_plain(text) for text in story.details(News(what=What.started, event=started))]


def _of(gate: GateKey) -> str:
    return f"{gate.phase}/{gate.attempt}"


def _plain(text: str) -> str:
    """What others wrote, as Markdown that shows it as it stands."""
    return "".join(f"\\{char}" if char in r"\`*_{}[]()#+-.!|<>~" else char for char in text)


def line(text: str) -> str:
    """One line that a summary can hold."""
    flat = " ".join(text.split())
    return flat if len(flat) <= _SUMMARY else f"{flat[: _SUMMARY - 1]}…"
