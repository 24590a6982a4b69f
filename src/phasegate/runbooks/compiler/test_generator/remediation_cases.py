"""Calls of a remediation in order, answers to them, and the account afterwards."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.model import ListShape, StructureShape

from phasegate.runbooks.compiler.test_generator import oracle
from phasegate.runbooks.compiler.test_generator.answer_fields import ELEMENT, Field, Path, Source
from phasegate.runbooks.compiler.test_generator.build import build
from phasegate.runbooks.compiler.test_generator.candidates import Space, default
from phasegate.runbooks.compiler.test_generator.expression_values import Walker
from phasegate.runbooks.compiler.test_generator.item_model import Anatomy
from phasegate.runbooks.compiler.test_generator.mock_answers import Case, evaluated
from phasegate.runbooks.compiler.test_generator.oracle import ask
from phasegate.runbooks.compiler.test_generator.values import numbered, plain
from phasegate.runbooks.language import aws
from phasegate.runbooks.language.expressions import parse
from phasegate.runbooks.language.model import Snapshot
from phasegate.runbooks.runtime.values import truth


@dataclass(frozen=True, kw_only=True)
class Step:
    """Call of a remediation."""

    call: str
    params: Any
    answer: Mapping[str, Any]
    role: str
    """`snapshot`, `wait` or `change`."""


@dataclass(frozen=True, kw_only=True)
class Remedy:
    """The remediation of one case."""

    steps: Sequence[Step]
    undo: Sequence[tuple[str, Any]]
    """The calls that are recorded as what would undo it."""
    undone: Sequence[Step]
    """The changes that these would undo, one each."""


def remedy(anatomy: Anatomy, case: Case) -> Remedy:
    """The calls that the file asks for, worked out over the case's item."""
    row = dict(case.item.row)
    steps: list[Step] = []
    undo: list[tuple[str, Any]] = []
    undone: list[Step] = []
    for action in anatomy.runbook.action:
        if action.snapshot:
            op = action.snapshot.op
            answer = _filled(aws.operation(op).output, op)
            params = evaluated(action.snapshot.params, row)
            steps += [Step(call=op, params=params, answer=answer, role="snapshot"), *_waiter(action.snapshot)]
            row["snapshot"] = plain(answer)
        change = Step(call=action.op, params=evaluated(action.params, row), answer={}, role="change")
        if action.undo:
            undo.append((aws.operation(action.undo.op).call, evaluated(action.undo.params, row)))
            undone.append(change)
        steps.append(change)
    return Remedy(steps=steps, undo=undo, undone=undone)


def afterwards(anatomy: Anatomy, case: Case) -> dict[Any, Any] | None:
    """Return the choice that the item shows after the change, or None where it is gone.

    Raises:
        LookupError: the file's `verify` is not met by any single change of a value.
    """
    wanted = [action.verify for action in anatomy.runbook.action if action.verify]
    tests = [parse(text) for text in wanted if text != "gone"]
    if not tests:
        return None
    base, matching = case.example.choice, None
    for slot, known in anatomy.space.slots.items():
        for value in known:
            choice = {**base, slot: value}
            item = oracle.item(anatomy, build(anatomy, choice, case.number))
            if item is None or not all(truth(oracle.value(node, item.row)) for node in tests):
                continue
            if oracle.verdict(anatomy.runbook, item) != "match":
                return choice
            # Second best: the change shows, though the item still matches.
            matching = matching or choice
    if matching is None:
        raise LookupError(wanted[0])
    return matching


def _waiter(snapshot: Snapshot) -> list[Step]:
    if not snapshot.wait:
        return []
    service = snapshot.op.split(".")[0]
    found = next(w for w in aws.waiters(service) if w.name == snapshot.wait)
    accept = next(a for a in found.acceptors if a["state"] == "success")
    call = f"{service}.{found.operation}"
    return [Step(call=call, params=None, answer=_satisfying(call, accept), role="wait")]


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
