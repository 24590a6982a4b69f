"""Tests of what is done about a finding."""

import re
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import zip_longest
from textwrap import indent
from typing import Any

from botocore.model import StructureShape

from phasegate.runbooks.compiler.codegen.actions import calls as possible_calls
from phasegate.runbooks.compiler.codegen.actions import guard as guard_source
from phasegate.runbooks.compiler.test_generator.answer_fields import TAG, Slot, shape_at
from phasegate.runbooks.compiler.test_generator.build import TAG_HOLDERS
from phasegate.runbooks.compiler.test_generator.choose import Example
from phasegate.runbooks.compiler.test_generator.literal import script, source
from phasegate.runbooks.compiler.test_generator.mock_answers import Account, copies, tables
from phasegate.runbooks.compiler.test_generator.plan import Plan
from phasegate.runbooks.compiler.test_generator.remediation_cases import Remedy, Step, afterwards, remedy
from phasegate.runbooks.compiler.test_generator.template import Test, indented, rows, section, write_test
from phasegate.runbooks.compiler.test_generator.values import ABSENT, NOW
from phasegate.runbooks.language import aws
from phasegate.runbooks.language.model import expressions_in
from phasegate.runbooks.runtime.hours import Window

# A guard that allows more would need an account as long as a page to be crossed.
_MOST_COPIES = 30
_WAITS = ("wait", "settle")
_OWN_TAG = "a-tag-of-its-own"


def prepared(plan: Plan) -> Iterator[str]:
    """Write the account before and after, and the calls that are expected."""
    if plan.remedy is None:
        return
    made = [step for step in plan.remedy.steps if step.role not in _WAITS]
    calls = "".join(f"\n    ({step.call!r}, {source(step.params)})," for step in made)
    yield f"CHANGES = [{calls}\n]\n"
    yield 'OPEN = replace(RUNBOOK, guard=replace(RUNBOOK.guard, window=""))\n'
    yield _after(plan)
    yield section("remediable", steps=_told(plan.remedy, then=True))


def changes(plan: Plan) -> Iterator[Test]:
    """Write all tests of the remediation."""
    if plan.remedy is None:
        return
    steps = plan.remedy.steps
    planned = [aws.operation(step.call).call for step in steps if step.role not in _WAITS]
    if any(action.each for action in plan.runbook.action):
        planned = list(possible_calls(plan.runbook))
    yield write_test("test_dry_run_changes_nothing", planned=planned)
    yield write_test("test_unapproved_is_refused")
    yield write_test("test_change")
    yield from _snapshots(plan, steps)
    yield from _undo(plan, plan.remedy)
    yield write_test("test_second_apply_changes_nothing")
    if any(action.verify for action in plan.runbook.action):
        yield write_test("test_change_that_does_not_show")
    yield write_test("test_failed_change_is_said", call=repr(_calls(steps, "change")[0]))
    yield from _half_done(plan.remedy)
    if any(step != "change" for step, _ in plan.remedy.waited):
        yield write_test("test_each_change_is_waited_for", waited=list(plan.remedy.waited))
    yield from _guards(plan)


def _after(plan: Plan) -> str:
    """Write the function that sets up the account after the change."""
    try:
        choice = afterwards(plan.anatomy, plan.case)
    except LookupError:
        choice = None
    if choice is not None:
        changed = copies(plan.anatomy, Example(choice, "none", "changed"), 1)
        told = "The match after the change."
        return section("account", name="changed", told=told, rows=rows(plan.anatomy, changed))
    gone = [table for table in tables(plan.anatomy, plan.one) if table.call == str(plan.anatomy.listing.op)]
    for table in gone:
        table.content = []
    return section("account", name="changed", told="The match is gone.", rows=indented(script(gone)))


def _told(remedy: Remedy, *, then: bool) -> str:
    """Write what AWS answers to the steps of a remediation, and that the last one changes the account."""
    lines = []
    for step, following in zip_longest(remedy.steps, remedy.steps[1:]):
        if step.role != "settle":
            # Two waits may ask the same, so that the answer to each comes with the change that it is for.
            settles = following is not None and following.role == "settle"
            last = ", then=then" if then and (following if settles else step) is remedy.steps[-1] else ""
            if settles:
                last = f", then=partial(answers.gives, {_answered(following)}{last})"
            lines.append(f"answers.gives({_answered(step)}{last})")
    return indented(lines)


def _answered(step: Step) -> str:
    params = "answers.ANYTHING" if step.params is None else source(step.params)
    return f"{step.call!r}, {params}, {source(step.answer)}"


def _half_done(remedy_: Remedy) -> Iterator[Test]:
    """Write the test of a change that is refused after others of the same item were made."""
    made = [step for step in remedy_.steps if step.role == "change"]
    broken = made[-1].call
    before = [step for step in made if step.call != broken]
    if broken in _calls(remedy_.steps, "snapshot", "wait") or before != made[: len(before)] or not before:
        return
    # By identity: two elements may well be changed by equal calls.
    undo = [pair for pair, step in zip(remedy_.undo, remedy_.undone, strict=True) if any(step is b for b in before)]
    done = [aws.operation(step.call).call for step in before]
    yield write_test(
        "test_half_done_says_how_to_undo", call=repr(broken), done=done, undo=_written(list(reversed(undo)))
    )


def _calls(steps: Sequence[Step], *roles: str) -> list[str]:
    return [step.call for step in steps if step.role in roles]


def _snapshots(plan: Plan, steps: Sequence[Step]) -> Iterator[Test]:
    if not _calls(steps, "snapshot"):
        return
    waits = bool(_calls(steps, "wait"))
    order = ["snapshot", *(["wait"] if waits else []), "change"]
    taken = "complete" if waits else "taken"
    yield write_test("test_snapshot_comes_first", taken=taken, steps=tuple(order), count=len(order), ordered=order)
    listed = {table.call for table in tables(plan.anatomy, plan.one)}  # without these nothing is found to change
    yield write_test(
        "test_failed_snapshot_stops_the_change",
        broken=[call for call in _calls(steps, "snapshot", "wait") if call not in listed],
        complete="complete " if waits else "",
        changes=_calls(steps, "change")[:1],
    )


def _undo(plan: Plan, remedy_: Remedy) -> Iterator[Test]:
    if not remedy_.undo:
        return
    first = remedy_.undone[0]
    change = {"step": "change", "call": aws.operation(first.call).call, "params": first.params}
    yield write_test("test_undo_is_recorded", undo=_recorded(remedy_), change=source(change))
    # A match that has a tag and all fields that the undo reads: each must come back.
    full = plan.still_matches({**plan.usual.choice, **_undone(plan)}) or plan.one
    found = remedy(plan.anatomy, full[0])
    given = _told(found, then=False)
    yield write_test("test_undo_gives_back", rows=rows(plan.anatomy, full), steps=given, undo=_recorded(found))
    yield from _other_undo(plan)


def _recorded(remedy: Remedy) -> str:
    return _written(remedy.undo)


def _written(undo: Sequence[tuple[str, Any]]) -> str:
    return source([{"call": aws.operation(op).call, "params": params} for op, params in undo])


def _other_undo(plan: Plan) -> Iterator[Test]:
    """Write the test of matches whose undo is another than that of the usual match."""
    if not any(undo.when for action in plan.runbook.action for undo in action.undo):
        return
    assert plan.remedy is not None
    seen = {tuple(op for op, _ in plan.remedy.undo)}
    others = []
    for choice in _choices(plan):
        one = plan.still_matches(choice)
        found = remedy(plan.anatomy, one[0]) if one else None
        ops = tuple(op for op, _ in found.undo) if found else ()
        if one and found and ops not in seen:
            seen.add(ops)
            others.append((one, found))
    if not others:
        return
    makers = "\n".join(
        f"    if case == {number}:\n{rows(plan.anatomy, one, depth=2)}\n{indent(_told(found, then=False), '    ')}"
        for number, (one, found) in enumerate(others)
    )
    cases = "".join(f"\n    ({number}, {_recorded(found)})," for number, (_, found) in enumerate(others))
    yield write_test("test_undo_fits_the_item", rows=makers, cases=cases)


def _choices(plan: Plan) -> Iterator[dict[Slot, Any]]:
    """Yield other values, one at a time and in pairs of one source, that may ask for another undo."""
    yield from (dict(example.choice) for example in plan.examples.chosen if example.verdict == "match")
    known = plan.anatomy.space.slots
    yield from ({slot: value} for slot, values in known.items() for value in values)


def _undone(plan: Plan) -> dict[Slot, Any]:
    """A tag that no rule speaks of, and a value for each field that the undo reads and that may be missing."""
    listing = plan.anatomy.listing
    undone = [undo for action in plan.runbook.action for undo in action.undo]
    texts = [text for undo in undone for text in expressions_in(undo.params)]
    read = {word for text in texts for word in re.findall(r"[A-Z]\w*", text)}
    choice: dict[Slot, Any] = {}
    for slot, known in plan.anatomy.space.slots.items():
        name = str(slot.path[-1]) if slot.source == listing.name and slot.path else ""
        values = [value for value in known if value is not ABSENT]
        if name in read and plan.usual.choice.get(slot, known[0]) is ABSENT and values:
            choice[slot] = values[0]
    if "Tags" in read:
        choice[Slot(source=listing.name, path=(*listing.at, f"{TAG}{_OWN_TAG}"))] = "of its own"
    return choice


def _guards(plan: Plan) -> Iterator[Test]:
    guard = plan.runbook.guard
    yield from _protected(plan)
    if guard.protect_tags:
        yield write_test("test_guard_knows_its_tags", tags=list(guard.protect_tags))
    created = re.search(r"created='(\w+)'", guard_source(plan.runbook))
    if created is not None:
        days = guard.min_age_days
        yield write_test("test_young_is_held_back", age=f"{days:g}", days=repr(days), created=repr(created.group(1)))
    most = guard.max_changes
    if most is not None and most < _MOST_COPIES and plan.many is not None:
        more = copies(plan.anatomy, plan.usual, most + 1)
        yield write_test("test_too_many_are_refused", most=most, rows=rows(plan.anatomy, more))
    if guard.window:
        yield from _window(guard.window)


def _protected(plan: Plan) -> Iterator[Test]:
    listing = plan.anatomy.listing
    row = shape_at(listing.op.output, listing.at) if listing.op else None
    if isinstance(row, StructureShape) and not set(TAG_HOLDERS) & row.members.keys():
        return  # AWS lists these items without their tags, so that no answer could protect one
    found: dict[str, Account] = {}
    for key in plan.runbook.guard.protect_tags:
        for value in ("", "yes"):
            slot = Slot(source=listing.name, path=(*listing.at, f"{TAG}{key}"))
            one = plan.still_matches({**plan.usual.choice, slot: value})
            if one is not None:
                found[f"{key}={value}"] = one
    if found:
        makers = "\n".join(
            f"    if protected == {tag!r}:\n{rows(plan.anatomy, one, depth=2)}" for tag, one in found.items()
        )
        yield write_test("test_protected_is_held_back", tags=list(found), rows=makers)


def _window(text: str) -> Iterator[Test]:
    window = Window.read(text)
    hours = [NOW.replace(minute=30) + timedelta(hours=n) for n in range(7 * 24)]
    shut = next((at for at in hours if not window.is_open(at)), None)
    open_ = next((at for at in hours if window.is_open(at)), None)
    if shut and open_:
        yield write_test("test_closed_window_is_refused", window=text, shut=_moment(shut), open=_moment(open_))


def _moment(at: Any) -> str:
    return f"datetime({at.year}, {at.month}, {at.day}, {at.hour}, {at.minute}, tzinfo=UTC)"
