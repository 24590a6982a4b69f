"""Functions that change what was found, and tell whether the change shows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from phasegate.core.errors import InvalidInput
from phasegate.runbooks.compiler.codegen.module_source import NAME, ModuleSource, prose
from phasegate.runbooks.compiler.codegen.translate import Translator
from phasegate.runbooks.language import aws
from phasegate.runbooks.language.model import Action, Guard, Runbook, Snapshot, Undo, Wait
from phasegate.runbooks.language.row_shapes import CREATED, row_members

_MADE = "made"
_NAMING = ("Id", "Ids", "Identifier", "Arn", "Name")


@dataclass(frozen=True, kw_only=True)
class Actor:
    """Writes what a runbook does about a finding."""

    draft: ModuleSource
    item: str
    comments: str = ""
    """Lines that quote the criteria, to stand above the remediation."""

    def remediate(self, runbook: Runbook) -> str:
        """Add the function that changes one item."""
        body, bound = "", dict[str, str]()
        for number, action in enumerate(runbook.action):
            body += self._act(runbook, number, action, bound)
        first, *rest = (_told(action) for action in runbook.action)
        told = ", then ".join([first, *(f"{each[0].lower()}{each[1:]}" for each in rest)])
        return self.draft.function(
            "remediate",
            f'{self.comments}def {NAME}(change: Change, {self.item}: Row) -> None:\n    """{prose(told)}."""\n{body}',
        )

    def has_worked(self, runbook: Runbook) -> str:
        """Add the function that tells whether the change shows when the item is read again."""
        # Two actions with the same `verify` need one test.
        tests = list(dict.fromkeys(self._test(action.verify) for action in runbook.action if action.verify))
        return self.draft.function(
            "has_worked",
            f"def {NAME}(scan: Scan, {self.item}: Row | None) -> bool:\n"
            f'    """Whether the change shows when the {self.item.replace("_", " ")} is read again."""\n'
            f"    return {' and '.join(tests)}\n",
        )

    def _test(self, verify: str) -> str:
        if verify == "gone":
            return f"{self.item} is None"
        return f"{self.item} is not None and ({self._code({}, scan='scan').condition(verify)})"

    def _code(self, bound: dict[str, str], scan: str = "change.scan", row: str = "") -> Translator:
        return Translator(draft=self.draft, subject=row or self.item, scan=scan, bound=dict(bound))

    def _act(self, runbook: Runbook, number: int, action: Action, bound: dict[str, str]) -> str:
        if action.each is None:
            return "".join(f"    {line}\n" for line in self._steps(runbook, number, action, self.item, bound))
        part = self.draft.local(f"{self.item}_part")
        # What a loop binds is gone behind it, and a snapshot of the last element says nothing of the others.
        steps = self._steps(runbook, number, action, part, dict(bound))
        elements = self._code(bound).value(action.each)
        head = f"    for {part} in each_of({self.item}, {elements}):\n"
        return head + "".join(f"        {line}\n" for line in steps)

    def _steps(self, runbook: Runbook, number: int, action: Action, row: str, bound: dict[str, str]) -> list[str]:
        """Return the lines that act on one row: the item, or an element that belongs to it."""
        where = f"{runbook.path}:{runbook.line('action', number)}"
        lines = self._snapshot(runbook, number, row, bound) if action.snapshot else []
        code = self._code(bound, row=row)
        for undo in action.undo:
            lines += _recorded(undo, code, where)
        about = aws.operation(action.op)
        params = replace(code, needed=action.each is not None).params_of(action.params)
        call = f"change.make({about.service!r}, {about.method!r}{params})"
        if action.wait is None:
            return [*lines, call]
        wanted, reads_answer = _settled(action, action.wait, code, where)
        wait = f"change.wait({about.service!r}, {action.wait.for_!r}{wanted})"
        return [*lines, f"{_MADE} = {call}" if reads_answer else call, wait]

    def _snapshot(self, runbook: Runbook, number: int, row: str, bound: dict[str, str]) -> list[str]:
        snapshot = runbook.action[number].snapshot
        assert snapshot is not None
        about = aws.operation(snapshot.op)
        variable = "taken" if self.item == "snapshot" else "snapshot"
        variable += f"_{number + 1}" if number else ""
        params = self._code(bound, row=row).params_of(snapshot.params)
        call = f"change.snapshot({about.service!r}, {about.method!r}{params})"
        bound["snapshot"] = variable
        if snapshot.wait is None:
            return [f"{variable} = {call}"]
        line = runbook.line("action", number, "snapshot", "wait")
        wanted = _waited_for(snapshot, variable, f"{runbook.path}:{line}")
        return [f"{variable} = {call}", f"change.wait({about.service!r}, {snapshot.wait!r}, {wanted})"]


def _recorded(undo: Undo, code: Translator, where: str) -> list[str]:
    """Return the lines that record a call that would undo a change."""
    about = aws.operation(undo.op)
    call = f"change.undo_with({about.service!r}, {about.method!r}{code.params_of(undo.params)})"
    lines = [call]
    if undo.wait is not None:
        wanted, reads_answer = _settled(undo, undo.wait, code, where)
        if reads_answer:
            fix = f"write wait: {{for: {undo.wait.for_}, params: {{…}}}}"
            raise InvalidInput(f"{where}: what the undo {undo.op} answers is not known when it is recorded", fix=fix)
        lines.append(f"change.undo_waits({about.service!r}, {undo.wait.for_!r}{wanted})")
    if undo.when is None:
        return lines
    return [f"if {code.condition(undo.when)}:", *(f"    {line}" for line in lines)]


def _settled(call: Action | Undo, wait: Wait, code: Translator, where: str) -> tuple[str, bool]:
    """Return the parameters of the waiter behind a call, and whether they are read from the call's answer.

    Raises:
        InvalidInput: the service has no such waiter, or nothing tells what to wait for.
    """
    operation = aws.operation(call.op)
    inputs = _waiter_of(operation, wait.for_, where).inputs
    if wait.params:
        return code.params_of(wait.params), False
    # What was changed is what is waited for: `InstanceIds` of the call are those of the waiter.
    for name in sorted(call.params, key=lambda name: not name.endswith(_NAMING)):
        for asked in (name, f"{name}s"):
            if asked in inputs:
                value = call.params[name]
                is_one = inputs[asked].type_name == "list" and operation.inputs[name].type_name != "list"
                return code.params_of({asked: [value] if is_one else value}), False
    return f", {_in_answer(operation, inputs, _MADE, wait.for_, where)}", True


def _waiter_of(operation: aws.Operation, name: str, where: str) -> aws.Operation:
    """Return the operation that a waiter asks."""
    waiter = next((waiter for waiter in operation.waiters if waiter.name == name), None)
    if waiter is None:
        known = [entry.name for entry in operation.waiters]
        raise InvalidInput(f"{where}: {operation.service} has no waiter {name!r}", fix=aws.suggest(name, known))
    return aws.operation(f"{operation.service}.{waiter.operation}")


def guard(runbook: Runbook) -> str:
    """The guard of the declaration, or nothing where the file has none.

    Raises:
        InvalidInput: it holds back by age, and nothing tells when an item was made.
    """
    given: Guard = runbook.guard
    parts = [
        f"protect_tags={list(given.protect_tags)!r}" if given.protect_tags else "",
        _min_age(runbook) if given.min_age_days is not None else "",
        f"max_changes={given.max_changes}" if given.max_changes is not None else "",
        f"window={given.window!r}" if given.window else "",
    ]
    return f"Guard({', '.join(part for part in parts if part)})" if any(parts) else ""


def _min_age(runbook: Runbook) -> str:
    step = runbook.list_[-1]
    known = row_members(step.op, step.items)
    created = next((name for name in CREATED if name in known), None)
    if created is None:
        line = runbook.line("guard", "min_age_days")
        raise InvalidInput(
            f"{runbook.path}:{line}: {runbook.list_[-1].op} does not say when an item was made",
            fix="take min_age_days out of guard, and test the age in match",
        )
    return f"min_age_days={runbook.guard.min_age_days:g}, created={created!r}"


def _waited_for(snapshot: Snapshot, variable: str, where: str) -> str:
    """The waiter's parameters, from what the snapshot answered."""
    operation, name = aws.operation(snapshot.op), str(snapshot.wait)
    return _in_answer(operation, _waiter_of(operation, name, where).inputs, variable, name, where)


def _in_answer(operation: aws.Operation, inputs: Mapping[str, Any], variable: str, waiter: str, where: str) -> str:
    # Ids first: a waiter mostly asks for the id of what was made.
    for path in _paths(operation.output):
        for name in (path[-1], f"{path[-1]}s"):
            if name in inputs:
                value = f"field({', '.join([variable, *map(repr, path)])})"
                return f"{name}={f'[{value}]' if inputs[name].type_name == 'list' else value}"
    raise InvalidInput(
        f"{where}: nothing that {operation} answers tells the waiter {waiter} what to wait for",
        fix=f"use a waiter of what {operation} makes or changes, or write wait: {{for: {waiter}, params: {{…}}}}",
    )


def _paths(shape: Any) -> list[tuple[str, ...]]:
    """Return the members of an answer and their members, ids of what was made first."""
    outer = aws.members(shape)
    nested = [(name, inner) for name, part in outer.items() for inner in aws.members(part)]
    paths = [*((name,) for name in outer), *nested]
    return sorted(paths, key=lambda path: (not path[-1].endswith(_NAMING), len(path)))


def _told(action: Action) -> str:
    call = action.op.replace(".", ":", 1)
    call += f" for each of {action.each}" if action.each else ""
    call += f" and waits for {action.wait.for_}" if action.wait else ""
    if action.snapshot is None:
        return f"Calls {call}"
    waits = " and waits for it" if action.snapshot.wait else ""
    return f"Takes a snapshot ({action.snapshot.op.replace('.', ':', 1)}){waits}, then calls {call}"


def calls(runbook: Runbook) -> tuple[str, ...]:
    """Return the calls of a change in their order, each once."""
    each = (part.op for action in runbook.action for part in (action.snapshot, action) if part)
    return tuple(dict.fromkeys(aws.operation(op).call for op in each))
