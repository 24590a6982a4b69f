"""The work in small pieces, in the phases of tasks.md, and the cases that must not go wrong."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from phasegate.core.formatting import listing
from phasegate.runbooks.compiler.documents import prose
from phasegate.runbooks.compiler.documents.context import Context
from phasegate.runbooks.compiler.documents.requirement_map import criteria_of, kept_with
from phasegate.runbooks.compiler.documents.text import code, plain
from phasegate.runbooks.language.model import Metric
from phasegate.spec import Story


@dataclass(frozen=True, kw_only=True)
class _Task:
    text: str
    path: str
    ids: Sequence[str]
    story: str = ""
    apart: bool = False
    """True if the task touches a file that no other open task does."""

    def line(self, number: int) -> str:
        marks = "".join(f" [{mark}]" for mark in ("P" if self.apart else "", self.story) if mark)
        ids = f" ({', '.join(dict.fromkeys(self.ids))})" if self.ids else ""
        return f"- [ ] T{number:03}{marks} {self.text} in {code(self.path)}{ids}"


def phases(context: Context) -> Iterator[tuple[str, str, list[str]]]:
    """Yield the title of each phase, its purpose, and its tasks as lines, numbered throughout."""
    number = count(1)
    for title, purpose, found in _phases(context):
        yield title, purpose, [task.line(next(number)) for task in found]


def _phases(context: Context) -> Iterator[tuple[str, str, list[_Task]]]:
    yield "Phase 1: Setup", "what the runbook stands on", _setup(context)
    yield "Phase 2: Tests", "one for each criterion, and the ways it must not go; all fail at first", _tests(context)
    for place, story in enumerate(context.spec.stories):
        found = _story(context, story, first=place == 0)
        if found:
            goal = plain(story.test) if story.test else "this story works on its own"
            yield f"Phase {3 + place}: {plain(story.title)} ({story.priority or story.id})", goal, found
    last = 3 + max(len(context.spec.stories), 1)
    if not context.spec.stories:
        yield "Phase 3: Implementation", "what the spec asks for", [*_finding(context, ""), *_acting(context, "")]
    yield f"Phase {last}: Docs", "what people read before they run it", _docs(context)


def _requirements(context: Context) -> list[str]:
    return [each.id for each in context.spec.requirements]


def _setup(context: Context) -> list[_Task]:
    ids = _requirements(context)[:1]
    found = [
        _Task(
            text="Lay in this version's runtime",
            path=f"src/{context.package}/_runtime/",
            ids=ids,
            apart=True,
        ),
        _Task(text="Write the least-privilege policy", path=context.policy_path, ids=ids, apart=True),
    ]
    if context.runbook.cost:
        units = listing([code(cost.unit) for cost in context.runbook.cost])
        task = f"See that the price table has {units}, or that its absence is said"
        found.append(_Task(text=task, path=f"src/{context.package}/prices.json", ids=ids, apart=True))
    return found


def _tests(context: Context) -> list[_Task]:
    found = [
        _Task(
            text=f"Test “{plain(each.criterion.text)}”",
            path=context.tests,
            ids=[each.criterion.id, *each.covers],
            story=story.id,
        )
        for story in context.spec.stories
        for each in story.scenarios
        if each.criterion
    ]
    beside = [
        _Task(text=f"Test that {text}", path=context.tests, ids=kept_with(context, text)) for text in negatives(context)
    ]
    return [*found, *beside]


def _story(context: Context, story: Story, *, first: bool) -> list[_Task]:
    """Return the detection tasks with the first story, and the action tasks with the story that speaks of changes."""
    found = _finding(context, story.id) if first else []
    if story is _acting_story(context):
        found += _acting(context, story.id)
    return found


def _acting_story(context: Context) -> Story | None:
    words = ("approv", "appl", "snapshot", "undo")
    said = [
        story
        for story in context.spec.stories
        if sum(word in each.text.lower() for each in story.scenarios for word in words) > len(story.scenarios) / 2
    ]
    return next(iter([*said, *context.spec.stories[-1:]]), None)


def _task(context: Context, story: str, text: str, *names: str) -> _Task:
    """A task on the module, with the requirements that its functions keep and the criteria of those."""
    ids = kept_with(context, "", *names)
    criteria = [name for each in ids for name in criteria_of(context, each)]
    return _Task(text=text, path=context.code, ids=[*ids, *sorted(set(criteria))], story=story)


def _finding(context: Context, story: str) -> list[_Task]:
    runbook, one = context.runbook, prose.thing(context.runbook)
    steps = " and ".join(dict.fromkeys(code(step.op) for step in runbook.list_))
    found = [_task(context, story, f"List {prose.things(runbook)} with {steps}, all pages", "RUNBOOK.regions")]
    found += [_task(context, story, f"Find {code(entry.as_)} for each {one}", "is_match") for entry in runbook.with_]
    judged = f"Judge each {one}: it is found when {prose.found_when(runbook)}"
    found.append(_task(context, story, judged, "is_match", "RUNBOOK.params"))
    if runbook.evidence:
        kept = f"Keep {listing([code(text) for text in runbook.evidence])} as evidence"
        found.append(_task(context, story, kept, "evidence"))
    if runbook.cost:
        units = listing([code(cost.unit) for cost in runbook.cost])
        found.append(_task(context, story, f"Price each finding by {units}", "cost"))
    return found


def _acting(context: Context, story: str) -> list[_Task]:
    runbook = context.runbook
    if not runbook.action:
        return []
    steps = [step.rstrip(".") for step in prose.changes(runbook)]
    guard = "Hold changes back as the guard says: protected tags, age, number, window, approval"
    return [
        *(_task(context, story, step, _done_in(step)) for step in steps),
        _task(context, story, guard, "RUNBOOK.guard", "_runtime/approvals.py"),
    ]


def _done_in(step: str) -> str:
    return "has_worked" if step.startswith(("List again", "Read the")) else "remediate"


def _docs(context: Context) -> list[_Task]:
    ids = _requirements(context)
    return [
        _Task(text="Write the page: what, why, how to run, how to undo", path=context.page, ids=ids, apart=True),
        _Task(text="Write the PR/FAQ", path=f"docs/pr-faq/{context.name}.md", ids=ids, apart=True),
    ]


def negatives(context: Context) -> list[str]:
    """Return the cases beside the criteria: what the runbook must not do, or must bear."""
    runbook = context.runbook
    one, many = prose.thing(runbook), prose.things(runbook)
    found = [
        f"more {many} than one page holds are all read",
        f"an account without {many} gives an empty report, and no error",
        "a call that is denied is counted and shown, and the scan is said to be incomplete",
    ]
    if runbook.scope.regions != "global":
        found.append("two regions are read, and a failure in one leaves the other's findings standing")
    found += [
        f"{code(entry.as_)} without a datapoint makes the {one} unknown, never a match"
        for entry in runbook.with_
        if isinstance(entry, Metric) and entry.metric.default is None
    ]
    if runbook.action:
        found += ["a dry run changes nothing", "a second apply changes nothing"]
        found += [
            f"{prose.a_thing(runbook)} with the protected tag {code(tag)} is left alone"
            for tag in runbook.guard.protect_tags
        ]
    if any(action.snapshot for action in runbook.action):
        found.append("a snapshot that fails stops the change of its item")
    found.append("the policy suffices, and without any one of its actions the runbook does not work")
    return found
