"""Tests of what is done about a finding."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from phasegate.runbooks.compiler.codegen.actions import guard as guard_source
from phasegate.runbooks.compiler.test_generator.answer_fields import TAG, Slot
from phasegate.runbooks.compiler.test_generator.choose import Example
from phasegate.runbooks.compiler.test_generator.detection import Test, account
from phasegate.runbooks.compiler.test_generator.literal import script, source
from phasegate.runbooks.compiler.test_generator.mock_answers import Account, copies, tables
from phasegate.runbooks.compiler.test_generator.plan import Plan
from phasegate.runbooks.compiler.test_generator.remediation_cases import Remedy, Step, afterwards, remedy
from phasegate.runbooks.compiler.test_generator.values import ABSENT, NOW
from phasegate.runbooks.language import aws
from phasegate.runbooks.language.model import expressions_in
from phasegate.runbooks.runtime.hours import Window

_MOST_COPIES = 30
_OWN_TAG = "a-tag-of-its-own"


def prepared(plan: Plan) -> Iterator[str]:
    """The account before and after, and the calls that are expected."""
    if plan.remedy is None:
        return
    made = [step for step in plan.remedy.steps if step.role != "wait"]
    calls = "".join(f"\n    ({step.call!r}, {source(step.params)})," for step in made)
    yield f"CHANGES = [{calls}\n]\n"
    yield 'OPEN = replace(RUNBOOK, guard=replace(RUNBOOK.guard, window=""))\n'
    yield _after(plan)
    yield _remediable(plan.remedy)


def changes(plan: Plan) -> Iterator[Test]:
    """All tests of the remediation."""
    if plan.remedy is None:
        return
    yield _dry_run(plan.remedy)
    yield _unapproved()
    yield _change(plan)
    yield from _snapshots(plan, plan.remedy)
    yield from _undo(plan.remedy)
    yield from _gives_back(plan)
    yield _again()
    if any(action.verify for action in plan.runbook.action):
        yield _unverified()
    yield _failed(plan.remedy)
    yield from _guards(plan)


def _after(plan: Plan) -> str:
    """Write the function that sets up the account after the change."""
    try:
        choice = afterwards(plan.anatomy, plan.case)
    except LookupError:
        choice = None
    if choice is not None:
        changed = copies(plan.anatomy, Example(choice, "none", "changed"), 1)
        return account("changed", plan, changed, "The match after the change.")
    found = tables(plan.anatomy, plan.one)
    own = str(plan.anatomy.listing.op)
    for table in found:
        table.content = [] if table.call == own else table.content
    body = "".join(
        f"    {line}\n" for text in script([t for t in found if t.call == own]) for line in text.splitlines()
    )
    return f'def changed(answers: Any) -> None:\n    """The match is gone."""\n{body}'


def _remediable(remedy: Remedy) -> str:
    """A function that tells the match, and the answers to its remediation."""
    steps = [_told(step, last=step is remedy.steps[-1]) for step in remedy.steps]
    body = "".join(f"    {line}\n" for line in steps)
    return (
        "def remediable(answers: Any, *, works: bool = True) -> None:\n"
        '    """The match, and what AWS answers to its remediation."""\n    one_match(answers)\n'
        "    then = partial(changed, answers) if works else None\n" + body
    )


def _told(step: Step, *, last: bool) -> str:
    params = "answers.ANYTHING" if step.params is None else source(step.params)
    return f"answers.gives({step.call!r}, {params}, {source(step.answer)}{', then=then' if last else ''})"


def _made() -> str:
    return "    made = [(call.name, call.params) for call in answers.made(*(name for name, _ in CHANGES))]\n"


def _dry_run(remedy: Remedy) -> Test:
    planned = [_method(step.call) for step in remedy.steps if step.role != "wait"]
    return (
        "test_dry_run_changes_nothing",
        "Without an approval it says what it would call, and calls nothing.",
        "def test_dry_run_changes_nothing(answers: Any) -> None:\n{doc}    one_match(answers)\n"
        f"    assert list(run(RUNBOOK, order()).actions) == {planned!r}\n"
        "    assert answers.made(*(name for name, _ in CHANGES)) == []\n",
    )


def _unapproved() -> Test:
    return (
        "test_unapproved_is_refused",
        "Told to apply without an approval, or with one of other findings, it refuses and changes nothing.",
        "def test_unapproved_is_refused(answers: Any, approver: Any) -> None:\n{doc}    remediable(answers)\n"
        "    other = approver.approve(replace(run(OPEN, order()), findings=[]), NOW)\n"
        '    for approval in (b"{}", other):\n'
        "        with pytest.raises(Refused):\n            approver.apply(OPEN, order(), approval)\n"
        "    assert answers.made(*(name for name, _ in CHANGES)) == []\n",
    )


def _method(call: str) -> str:
    about = aws.operation(call)
    return f"{about.service}.{about.method}"


def _change(plan: Plan) -> Test:
    return (
        "test_change",
        "An approved change is made with these parameters, in this order, and shows when the item is read again.",
        "def test_change(answers: Any, approver: Any) -> None:\n{doc}    remediable(answers)\n"
        "    outcome = approver.apply(OPEN, order())\n"
        '    assert [change.state for change in outcome.changes] == ["done"]\n'
        + _made()
        + "    assert made == CHANGES\n",
    )


def _snapshots(plan: Plan, remedy: Remedy) -> Iterator[Test]:
    taken = next((step for step in remedy.steps if step.role == "snapshot"), None)
    if taken is None:
        return
    waits = any(step.role == "wait" for step in remedy.steps)
    order = ["snapshot", *(["wait"] if waits else []), "change"]
    yield (
        "test_snapshot_comes_first",
        f"The snapshot is {'complete' if waits else 'taken'} before anything changes.",
        "def test_snapshot_comes_first(answers: Any, approver: Any) -> None:\n{doc}    remediable(answers)\n"
        "    approver.apply(OPEN, order())\n"
        '    done = [line["step"] for line in approver.log() if line["state"] == "done"]\n'
        f"    assert [step for step in done if step in {tuple(order)!r}][:{len(order)}] == {order!r}\n",
    )
    changes = [step.call for step in remedy.steps if step.role == "change"][:1]
    listed = {table.call for table in tables(plan.anatomy, plan.one)}  # without these nothing is found to change
    broken = [s.call for s in remedy.steps if s.role in ("snapshot", "wait") and s.call not in listed]
    yield (
        "test_failed_snapshot_stops_the_change",
        f"Nothing changes without its {'complete ' if waits else ''}snapshot, and the error is told.",
        f'@pytest.mark.parametrize("call", {broken!r})\n'
        "def test_failed_snapshot_stops_the_change(answers: Any, approver: Any, call: str) -> None:\n{doc}"
        "    remediable(answers)\n"
        '    answers.breaks(call, "InternalFailure")\n    outcome = approver.apply(OPEN, order())\n'
        '    assert [change.state for change in outcome.changes] == ["failed"]\n'
        '    assert "InternalFailure" in outcome.changes[0].detail\n'
        f"    assert answers.made(*{changes!r}) == []\n",
    )


def _undo(remedy: Remedy) -> Iterator[Test]:
    if remedy.undo:
        expected = [{"call": call, "params": params} for call, params in remedy.undo]
        yield (
            "test_undo_is_recorded",
            "What would undo the change is in the log before the change is made.",
            "def test_undo_is_recorded(answers: Any, approver: Any) -> None:\n{doc}    remediable(answers)\n"
            "    approver.apply(OPEN, order())\n    log = approver.log()\n"
            '    undo = [{"call": line["call"], "params": line["params"]} for line in log if line["step"] == "undo"]\n'
            f"    assert undo == {source(expected)}\n"
            '    steps = [line["step"] for line in log]\n    assert steps.index("undo") < steps.index("change")\n',
        )


def _gives_back(plan: Plan) -> Iterator[Test]:
    """A test over a match that has a tag and all fields that the undo reads: each must come back."""
    if plan.remedy is None or not plan.remedy.undo:
        return
    full = plan.still_matches({**plan.usual.choice, **_undone(plan)}) or plan.one
    found = remedy(plan.anatomy, full.cases[0])
    told = "".join(
        f"    {line}\n" for text in script(tables(plan.anatomy, full)) for line in text.splitlines()
    ) + "".join(f"    {_told(step, last=False)}\n" for step in found.steps)
    undo = [{"call": call, "params": params} for call, params in found.undo]
    yield (
        "test_undo_gives_back",
        "The recorded undo gives back what a match with a tag of its own had, and AWS takes it.",
        f"def test_undo_gives_back(answers: Any, approver: Any) -> None:\n{{doc}}{told}"
        "    approver.apply(replace(OPEN, has_worked=None), order())\n"
        '    undo = [line for line in approver.log() if line["step"] == "undo"]\n'
        f'    assert [{{"call": line["call"], "params": line["params"]}} for line in undo] == {source(undo)}\n'
        '    assert [answers.refused(line["call"], line["params"]) for line in undo] == [[]] * len(undo)\n',
    )


def _undone(plan: Plan) -> dict[Slot, Any]:
    """A tag that no rule speaks of, and a value for each field that the undo reads and that may be missing."""
    listing = plan.anatomy.listing
    read = {name for action in plan.runbook.action if action.undo for name in _read_by(action.undo.params)}
    choice: dict[Slot, Any] = {}
    for slot, known in plan.anatomy.space.slots.items():
        name = str(slot.path[-1]) if slot.source == listing.name and slot.path else ""
        values = [value for value in known if value is not ABSENT]
        if name in read and plan.usual.choice.get(slot, known[0]) is ABSENT and values:
            choice[slot] = values[0]
    if "Tags" in read:
        choice[Slot(source=listing.name, path=(*listing.at, f"{TAG}{_OWN_TAG}"))] = "of its own"
    return choice


def _read_by(params: Any) -> set[str]:
    return {word for text in expressions_in(params) for word in re.findall(r"[A-Z]\w*", text)}


def _again() -> Test:
    return (
        "test_second_apply_changes_nothing",
        "An approval is good for one use.",
        "def test_second_apply_changes_nothing(answers: Any, approver: Any) -> None:\n{doc}    remediable(answers)\n"
        "    approval = approver.approve(run(OPEN, order()), NOW)\n    approver.apply(OPEN, order(), approval)\n"
        "    before = len(answers.made(*(name for name, _ in CHANGES)))\n"
        "    with pytest.raises(Refused):\n        approver.apply(OPEN, order(), approval)\n"
        "    assert len(answers.made(*(name for name, _ in CHANGES))) == before\n",
    )


def _unverified() -> Test:
    return (
        "test_change_that_does_not_show",
        "A change that does not show when the item is read again is not called done.",
        "def test_change_that_does_not_show(answers: Any, approver: Any) -> None:\n{doc}"
        "    remediable(answers, works=False)\n"
        "    outcome = approver.apply(OPEN, order())\n"
        '    assert [change.state for change in outcome.changes] == ["unverified"]\n',
    )


def _failed(remedy: Remedy) -> Test:
    call = next(step.call for step in remedy.steps if step.role == "change")
    return (
        "test_failed_change_is_said",
        "A change that AWS refuses is told as failed.",
        "def test_failed_change_is_said(answers: Any, approver: Any) -> None:\n{doc}    remediable(answers)\n"
        f'    answers.breaks({call!r}, "InternalFailure")\n    outcome = approver.apply(OPEN, order())\n'
        '    assert [change.state for change in outcome.changes] == ["failed"]\n',
    )


def _guards(plan: Plan) -> Iterator[Test]:
    yield from _protected(plan)
    yield from _guard_alone(plan)
    yield from _too_many(plan)
    yield from _window(plan)


def _held_back(name: str, told: str, accounts: list[tuple[str, Account]], plan: Plan) -> Test:
    """Write one test over accounts whose match must be left alone."""
    makers = "".join(
        f"    if protected == {word!r}:\n"
        + "".join(f"        {x}\n" for t in script(tables(plan.anatomy, one)) for x in t.splitlines())
        for word, one in accounts
    )
    return (
        name,
        told,
        f'@pytest.mark.parametrize("protected", {[word for word, _ in accounts]!r})\n'
        f"def {name}(answers: Any, approver: Any, protected: str) -> None:\n{{doc}}{makers}"
        "    outcome = approver.apply(OPEN, order())\n"
        '    assert [(change.state, bool(change.detail)) for change in outcome.changes] == [("held back", True)]\n'
        "    assert answers.made(*(name for name, _ in CHANGES)) == []\n",
    )


def _protected(plan: Plan) -> Iterator[Test]:
    listing = plan.anatomy.listing
    found: list[tuple[str, Account]] = []
    for key in plan.runbook.guard.protect_tags:
        for value in ("", "yes"):
            slot = Slot(source=listing.name, path=(*listing.at, f"{TAG}{key}"))
            one = plan.still_matches({**plan.usual.choice, slot: value})
            if one is not None and value not in [w for w, _ in found]:
                found.append((f"{key}={value}", one))
    if found:
        yield _held_back(
            "test_protected_is_held_back", "A tag of the guard protects, with and without a value.", found, plan
        )


def _guard_alone(plan: Plan) -> Iterator[Test]:
    """Write tests of the guard on single rows, matching or not."""
    if plan.runbook.guard.protect_tags:
        yield (
            "test_guard_knows_its_tags",
            "A tag of the guard protects whatever its value; another does not.",
            f'@pytest.mark.parametrize("key", {list(plan.runbook.guard.protect_tags)!r})\n'
            "def test_guard_knows_its_tags(key: str) -> None:\n{doc}"
            "    guard = replace(RUNBOOK.guard, min_age_days=None)\n"
            '    assert guard.holds_back({"Tags": [{"Key": key, "Value": ""}]}, NOW)\n'
            '    assert not guard.holds_back({"Tags": [{"Key": f"{key}x", "Value": ""}]}, NOW)\n',
        )
    created = re.search(r"created='(\w+)'", guard_source(plan.runbook))
    days = plan.runbook.guard.min_age_days
    if created is not None:
        yield (
            "test_young_is_held_back",
            f"Younger than {days:g} days is left alone, and so is what has no age.",
            "def test_young_is_held_back() -> None:\n{doc}"
            f"    made = NOW - timedelta(days={days!r})\n"
            f"    assert RUNBOOK.guard.holds_back({{{created.group(1)!r}: made + timedelta(hours=1)}}, NOW)\n"
            f"    assert not RUNBOOK.guard.holds_back({{{created.group(1)!r}: made}}, NOW)\n"
            "    assert RUNBOOK.guard.holds_back({}, NOW)\n",
        )


def _too_many(plan: Plan) -> Iterator[Test]:
    most = plan.runbook.guard.max_changes
    if most is None or most >= _MOST_COPIES or plan.many is None:
        return
    more = copies(plan.anatomy, plan.usual, most + 1)
    body = "".join(f"    {line}\n" for text in script(tables(plan.anatomy, more)) for line in text.splitlines())
    yield (
        "test_too_many_are_refused",
        f"More than {most} changes at once are refused as a whole.",
        f"def test_too_many_are_refused(answers: Any, approver: Any) -> None:\n{{doc}}{body}"
        "    with pytest.raises(Refused) as refused:\n        approver.apply(OPEN, order())\n"
        '    assert refused.value.reason == "guard"\n'
        "    assert answers.made(*(name for name, _ in CHANGES)) == []\n",
    )


def _window(plan: Plan) -> Iterator[Test]:
    text = plan.runbook.guard.window
    if not text:
        return
    window = Window.read(text)
    hours = [NOW.replace(minute=30) + timedelta(hours=n) for n in range(7 * 24)]
    shut = next((at for at in hours if not window.is_open(at)), None)
    open_ = next((at for at in hours if window.is_open(at)), None)
    if shut and open_:
        yield (
            "test_closed_window_is_refused",
            f"Changes are made only in the window {text}.",
            "def test_closed_window_is_refused() -> None:\n{doc}"
            f"    assert RUNBOOK.guard.refuses(1, {_moment(shut)})\n"
            f"    assert not RUNBOOK.guard.refuses(1, {_moment(open_)})\n",
        )


def _moment(at: Any) -> str:
    return f"datetime({at.year}, {at.month}, {at.day}, {at.hour}, {at.minute}, tzinfo=UTC)"
