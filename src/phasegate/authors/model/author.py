"""Author whose drafts a chat model writes."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from phasegate.authors.author import Author, Brief, Draft
from phasegate.authors.model.answers import DraftAnswer
from phasegate.authors.model.conversation import Judge, Worker
from phasegate.authors.model.drafting import ADVICE, Drafting
from phasegate.authors.model.material import variables
from phasegate.authors.model.tasks import BuildTask, build_tasks, stages
from phasegate.authors.model.toolbox import RoleToolbox, Toolboxes
from phasegate.authors.model.workbench import Workbench
from phasegate.authors.role_tools import ToolAccess, place_of
from phasegate.authors.trial import Trial
from phasegate.core import Finding, Severity
from phasegate.models import Scope
from phasegate.models.chat import Message, Prompt


@dataclass(frozen=True, kw_only=True)
class ModelAuthor:
    """Has a chat model write what a brief asks for, within the limits of the role's card."""

    worker: Worker
    compiler: Author
    """Writes what follows from a runbook: code, tests and release, and the first text of other documents."""
    trial: Trial | None = None
    """Runs tests; None: nothing is written whose tests have to pass."""
    tools: ToolAccess | None = None
    """Tools that roles may call; None: the model is offered none."""

    async def draft(self, brief: Brief) -> Draft:
        """Return the model's draft.

        Raises:
            Parked: a limit was reached, or no answer could be used.
            InvalidInput: the brief cannot be met.
        """
        drafting = await Drafting.begin(brief, self.compiler, self.trial)
        if drafting.finished:
            return drafting.finished
        scope = Scope(run=brief.facts.run, role=brief.role, key=brief.key)
        own = self.tools.tools(brief.facts.run, brief.role, place_of(brief.key)) if self.tools else None
        desk = _Desk(
            worker=self.worker,
            drafting=drafting,
            scope=scope,
            seen=RoleToolbox(own) if own else None,
            bench=Workbench(brief=brief, trial=self.trial) if self.trial and drafting.tested else None,
        )
        draft = await desk.draft()
        spent = await self.worker.meter.spent_on(scope)
        return replace(draft, model=self.worker.model.name, spent=spent, sent_back=tuple(desk.sent_back))


@dataclass(frozen=True, kw_only=True)
class _Desk:
    """A draft under way: the conversation or conversations by which it comes about."""

    worker: Worker
    drafting: Drafting
    scope: Scope
    seen: RoleToolbox | None
    bench: Workbench | None
    sent_back: list[str] = field(default_factory=list)
    """Faults for which an answer was not taken."""

    async def draft(self) -> Draft:
        answer = await self._built() if self.bench else None
        if answer is None:
            answer = await self._asked(self.scope, await self._messages(self.bench), self._faults, self.bench)
        draft = self.drafting.written(self._whole(answer))
        return self._cited(self.bench.applied(draft) if self.bench else draft)

    async def _built(self) -> DraftAnswer | None:
        """Work on the stages of tasks.md, and return the answer where the tests pass after them.

        A rework is about findings and comments, so that it has no stages.
        """
        brief, bench = self.drafting.brief, self.bench
        text = brief.files.get(f"{brief.facts.spec}/tasks.md", b"").decode(errors="replace")
        found = stages(build_tasks(text, brief.outputs))
        if bench is None or brief.round > 1 or brief.comments or len(found) < 2:
            return None
        questions: list[str] = []
        for stage in found:
            for answer in await self._stage(bench, stage):
                questions += answer.open_questions
        answer = DraftAnswer(files=(), open_questions=tuple(dict.fromkeys(questions))[:10])
        return None if await self._faults(answer) else answer

    async def _stage(self, bench: Workbench, stage: Sequence[BuildTask]) -> Sequence[DraftAnswer]:
        if not stage[0].parallel:
            return [await self._part(bench, stage)]
        copies = [bench.copy(task.paths) for task in stage]
        async with asyncio.TaskGroup() as group:
            parts = [group.create_task(self._part(*each)) for each in zip(copies, ([t] for t in stage), strict=True)]
        for copy in copies:
            bench.merge(copy)
        return [part.result() for part in parts]

    async def _part(self, bench: Workbench, tasks: Sequence[BuildTask]) -> DraftAnswer:
        """Return the answer to some of the tasks, whose files `bench` has."""

        async def faults(answer: DraftAnswer) -> str:
            bench.take(answer)
            wanted = {path for task in tasks for path in task.paths if not path.endswith("/")}
            missing = [f"'{path}' is not there yet" for path in sorted(wanted - bench.files.keys())]
            return "\n".join(f"- {fault}" for fault in (*missing, *bench.broken()))

        scope = replace(self.scope, key=f"{self.scope.key}/{tasks[0].id}")
        messages = (*await self._messages(bench), Prompt(role="user", text=_order(tasks, bench.only)))
        return await self._asked(scope, messages, faults, bench)

    async def _asked(
        self, scope: Scope, messages: tuple[Message, ...], judge: Judge[DraftAnswer], bench: Workbench | None
    ) -> DraftAnswer:
        return await self.worker.answer(scope, messages, DraftAnswer, judge, self._tools(bench), self.sent_back.append)

    async def _messages(self, bench: Workbench | None) -> tuple[Message, ...]:
        brief = self.drafting.brief
        names = [spec.name for spec in await self._tools(bench).specs()]
        given = {**variables(brief, self.drafting.files), "tools": names}
        return self.worker.messages(brief, "author", given)

    def _tools(self, bench: Workbench | None) -> Toolboxes:
        # The role's tools come last: they take any name, and refuse one that they do not have.
        return Toolboxes([box for box in (bench, self.seen) if box is not None])

    async def _faults(self, answer: DraftAnswer) -> str:
        whole = self._whole(answer)
        unknown = self.seen.unknown(file.text for file in whole.files) if self.seen else []
        if unknown:
            return f"- {', '.join(unknown)} is cited, and no result of a tool has that mark"
        broken = self.bench.broken() if self.bench else []
        faults = "\n".join(f"- {fault}" for fault in broken) or await self.drafting.faults(whole)
        return faults or self._advice(whole)

    def _advice(self, answer: DraftAnswer) -> str:
        """Return advice on a draft without faults, once, and only where a round is left in which to follow it."""
        told = any(fault.startswith(ADVICE) for fault in self.sent_back)
        return "" if told or len(self.sent_back) + 1 >= self.worker.rounds else self.drafting.advice(answer)

    def _whole(self, answer: DraftAnswer) -> DraftAnswer:
        return self.bench.merged(answer) if self.bench else answer

    def _cited(self, draft: Draft) -> Draft:
        if self.seen is None:
            return draft
        files = {
            path: self.seen.with_sources(text.decode()).encode() if text is not None and path.endswith(".md") else text
            for path, text in draft.files.items()
        }
        return replace(draft, files=files, findings=(*draft.findings, *self._unseen(draft, self.seen)))

    def _unseen(self, draft: Draft, seen: RoleToolbox) -> Iterator[Finding]:
        """Yield a finding for each file that cites what no tool answered: the model did not mend it in its rounds."""
        for path, content in draft.files.items():
            for mark in seen.unknown([(content or b"").decode(errors="replace")]):
                yield Finding(
                    check=f"draft-{self.drafting.brief.item}",
                    rule="unseen-citation",
                    severity=Severity.high,
                    path=path,
                    message=f"{mark} is cited, and no result of a tool has that mark",
                    fix="cite what a tool answered in this draft, or leave the sentence out",
                )


def _order(tasks: Sequence[BuildTask], only: Sequence[str]) -> str:
    rows = "\n".join(f"- {task.id} {task.text}" for task in tasks)
    alone = f"\nWrite only {', '.join(only)}: colleagues work on the other tasks at the same time." if only else ""
    return f"Now work on these tasks, and on no other:\n{rows}{alone}\nHand in when they are done.\n"
