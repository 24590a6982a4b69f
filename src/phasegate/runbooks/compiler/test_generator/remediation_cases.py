"""Calls of a remediation in order, answers to them, and the account afterwards."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Any

from botocore.model import ListShape, StructureShape

from phasegate.runbooks.compiler.test_generator import oracle
from phasegate.runbooks.compiler.test_generator.answer_fields import ELEMENT, Field, Path, Slot, Source
from phasegate.runbooks.compiler.test_generator.build import build
from phasegate.runbooks.compiler.test_generator.candidates import Space, default
from phasegate.runbooks.compiler.test_generator.expression_values import Walker
from phasegate.runbooks.compiler.test_generator.item_model import Anatomy
from phasegate.runbooks.compiler.test_generator.mock_answers import Case, evaluated
from phasegate.runbooks.compiler.test_generator.oracle import ask
from phasegate.runbooks.compiler.test_generator.values import numbered, plain
from phasegate.runbooks.language import aws
from phasegate.runbooks.language.expressions import Node, parse
from phasegate.runbooks.language.model import Action, Runbook, Snapshot
from phasegate.runbooks.runtime.joins import each_of
from phasegate.runbooks.runtime.values import truth

_MOST_PAIRS = 5000


@dataclass(frozen=True, kw_only=True)
class Step:
    """Call of a remediation."""

    call: str
    params: Any
    answer: Mapping[str, Any]
    role: str
    """`snapshot`, `wait` for it, `change`, or `settle`, the wait for what was changed."""


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """The remediation of one case."""

    steps: Sequence[Step]
    undo: Sequence[tuple[str, Any]]
    """Operations and parameters that are recorded as what would undo it."""
    undone: Sequence[Step]
    """The changes that these would undo, one each."""
    waited: Sequence[tuple[str, str]]
    """Steps of the log that change and wait, each with its call or waiter."""


def remedy(anatomy: Anatomy, case: Case) -> Remedy:
    """The calls that the file asks for, worked out over the case's item."""
    row = dict(case.item.row)
    steps: list[Step] = []
    undo: list[tuple[str, Any]] = []
    undone: list[Step] = []
    waited: list[tuple[str, str]] = []
    for action in anatomy.runbook.action:
        if action.each is not None:
            for element in each_of(row, ask(action.each, row)):
                _act(action, dict(element), steps, undo, undone, waited)
        else:
            _act(action, row, steps, undo, undone, waited)
    return Remedy(steps=steps, undo=undo, undone=undone, waited=waited)


def _act(
    action: Action,
    row: dict[str, Any],
    steps: list[Step],
    undo: list[tuple[str, Any]],
    undone: list[Step],
    waited: list[tuple[str, str]],
) -> None:
    """Add the calls of one action about one row, which gets the snapshot's answer."""
    if action.snapshot:
        op = action.snapshot.op
        answer = _filled(aws.operation(op).output, op)
        params = evaluated(action.snapshot.params, row)
        steps += [Step(call=op, params=params, answer=answer, role="snapshot"), *_waiter(action.snapshot)]
        row["snapshot"] = plain(answer)
    answer = _filled(aws.operation(action.op).output, action.op) if action.wait else {}
    change = Step(call=action.op, params=evaluated(action.params, row), answer=answer, role="change")
    for each in action.undo:
        if each.when is None or truth(ask(each.when, row)):
            undo.append((each.op, evaluated(each.params, row)))
            undone.append(change)
            waited += [("undo wait", _waiter_name(each.op, each.wait.for_))] if each.wait else []
    steps.append(change)
    waited.append(("change", aws.operation(action.op).call))
    if action.wait:
        waited.append(("wait", _waiter_name(action.op, action.wait.for_)))
        steps.append(_waited(action.op, action.wait.for_, "settle"))


def is_whole(runbook: Runbook, found: Remedy) -> bool:
    """Return whether each call of a loop is given all that it names: without it, nothing is changed."""
    looped = {action.op: action.params for action in runbook.action if action.each is not None}
    made = [step for step in found.steps if step.role == "change"]
    whole = all(step.params.keys() >= looped.get(step.call, {}).keys() for step in made)
    return whole and looped.keys() <= {step.call for step in made}


def afterwards(anatomy: Anatomy, case: Case) -> dict[Any, Any] | None:
    """Return the choice that the item shows after the change, or None where it is gone.

    Raises:
        LookupError: the file's `verify` is not met by any change of one or two values.
    """
    wanted = [action.verify for action in anatomy.runbook.action if action.verify]
    tests = [parse(text) for text in wanted if text != "gone"]
    if not tests:
        return None
    single = [{slot: value} for slot, known in anatomy.space.slots.items() for value in known]
    # Two elements of a list may both have to go, which takes two changes.
    pairs = ({**one, **other} for one, other in combinations(single, 2) if one.keys() != other.keys())
    found = _shown(anatomy, case, tests, single) or _shown(anatomy, case, tests, islice(pairs, _MOST_PAIRS))
    if found is None:
        raise LookupError(wanted[0])
    return found


def _shown(
    anatomy: Anatomy, case: Case, tests: Sequence[Node], changes: Iterable[Mapping[Slot, Any]]
) -> dict[Any, Any] | None:
    """Return the first choice in which the change shows, best one that is no match any more."""
    matching = None
    for changed in changes:
        choice = {**case.example.choice, **changed}
        item = oracle.item(anatomy, build(anatomy, choice, case.number))
        if item is None or not all(_holds(node, item.row) for node in tests):
            continue
        if oracle.verdict(anatomy.runbook, item) != "match":
            return choice
        matching = matching or choice
    return matching


def _holds(node: Node, row: Mapping[str, Any]) -> bool:
    try:
        return truth(oracle.value(node, row))
    except oracle.FAILURES:  # what cannot be worked out does not show
        return False


def _waiter_name(op: str, waiter: str) -> str:
    return f"{op.split('.')[0]}.{waiter}"


def _waiter(snapshot: Snapshot) -> list[Step]:
    return [_waited(snapshot.op, snapshot.wait, "wait")] if snapshot.wait else []


def _waited(op: str, waiter: str, role: str) -> Step:
    """The call of a waiter, with an answer that it takes for success."""
    service = op.split(".")[0]
    found = next(w for w in aws.waiters(service) if w.name == waiter)
    accept = next(a for a in found.acceptors if a["state"] == "success")
    call = f"{service}.{found.operation}"
    return Step(call=call, params=None, answer=_satisfying(call, accept), role=role)


def _satisfying(call: str, accept: Mapping[str, Any]) -> dict[str, Any]:
    """An answer that a waiter takes for success."""
    if accept["matcher"] not in ("path", "pathAll", "pathAny"):
        return {}
    op = aws.operation(call)
    top = Field(source=Source(name="waiter", op=op), path=(), shape=op.output)
    found = Walker(Space(), {}).value(accept["argument"], top)
    if not isinstance(found, Field):
        return {}
    answer: dict[str, Any] = _nested(found.path, accept["expected"])
    assert ask(accept["argument"], answer) is not None
    return answer


def _nested(path: Path, value: Any) -> Any:
    if not path:
        return value
    return [_nested(path[1:], value)] if path[0] == ELEMENT else {path[0]: _nested(path[1:], value)}


def _filled(shape: Any, op: str, depth: int = 2) -> dict[str, Any]:
    """An answer with the names and ids of what was made."""
    source = Source(name="made", op=aws.operation(op))
    answer: dict[str, Any] = {}
    for name, member in (shape.members if isinstance(shape, StructureShape) else {}).items():
        # Services wrap what they made once, as in `{DBSnapshot: {…}}`.
        if isinstance(member, StructureShape) and depth > 1:
            inner = _filled(member, op, depth - 1)
            answer |= {name: inner} if inner else {}
        elif not isinstance(member, StructureShape | ListShape) and name.endswith(
            ("Id", "Identifier", "Arn", "Name", "ARN")
        ):
            answer[name] = numbered(default(Field(source=source, path=(name,), shape=member)), 0)
    return answer
