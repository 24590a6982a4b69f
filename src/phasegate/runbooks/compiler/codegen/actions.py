"""Functions that change what was found, and tell whether the change shows."""

from dataclasses import dataclass
from typing import Any

from phasegate.core.errors import InvalidInput
from phasegate.runbooks.compiler.codegen.module_source import NAME, ModuleSource, prose
from phasegate.runbooks.compiler.codegen.translate import Translator
from phasegate.runbooks.language import aws
from phasegate.runbooks.language.model import Action, Guard, Runbook, Snapshot
from phasegate.runbooks.language.row_shapes import CREATED, row_members


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
        told = ", then ".join(_told(action) for action in runbook.action)
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

    def _code(self, bound: dict[str, str], scan: str = "change.scan") -> Translator:
        return Translator(draft=self.draft, subject=self.item, scan=scan, bound=dict(bound))

    def _act(self, runbook: Runbook, number: int, action: Action, bound: dict[str, str]) -> str:
        lines = []
        if action.snapshot:
            lines += self._snapshot(runbook, number, action.snapshot, bound)
        code = self._code(bound)
        if action.undo:
            about = aws.operation(action.undo.op)
            lines.append(f"change.undo_with({about.service!r}, {about.method!r}{code.params_of(action.undo.params)})")
        about = aws.operation(action.op)
        lines.append(f"change.make({about.service!r}, {about.method!r}{code.params_of(action.params)})")
        return "".join(f"    {line}\n" for line in lines)

    def _snapshot(self, runbook: Runbook, number: int, snapshot: Snapshot, bound: dict[str, str]) -> list[str]:
        about = aws.operation(snapshot.op)
        variable = "taken" if self.item == "snapshot" else "snapshot"
        variable += f"_{number + 1}" if number else ""
        call = f"change.snapshot({about.service!r}, {about.method!r}{self._code(bound).params_of(snapshot.params)})"
        bound["snapshot"] = variable
        if snapshot.wait is None:
            return [f"{variable} = {call}"]
        line = runbook.line("action", number, "snapshot", "wait")
        wanted = _waited_for(snapshot, variable, f"{runbook.path}:{line}")
        return [f"{variable} = {call}", f"change.wait({about.service!r}, {snapshot.wait!r}, {wanted})"]


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
    operation = aws.operation(snapshot.op)
    waiter = next((waiter for waiter in operation.waiters if waiter.name == snapshot.wait), None)
    if waiter is None:
        known = [entry.name for entry in operation.waiters]
        fix = aws.suggest(str(snapshot.wait), known)
        raise InvalidInput(f"{where}: {operation.service} has no waiter {snapshot.wait!r}", fix=fix)
    inputs = aws.operation(f"{operation.service}.{waiter.operation}").inputs
    # Ids first: a waiter mostly asks for the id of what was made.
    for path in _paths(operation.output):
        for name in (path[-1], f"{path[-1]}s"):
            if name in inputs:
                value = f"field({', '.join([variable, *map(repr, path)])})"
                return f"{name}={f'[{value}]' if inputs[name].type_name == 'list' else value}"
    raise InvalidInput(
        f"{where}: nothing that {snapshot.op} answers tells the waiter {snapshot.wait} what to wait for",
        fix="use the waiter of the snapshot's own kind",
    )


def _paths(shape: Any) -> list[tuple[str, ...]]:
    """Return the members of an answer and their members, ids of what was made first."""
    outer = aws.members(shape)
    nested = [(name, inner) for name, part in outer.items() for inner in aws.members(part)]
    paths = [*((name,) for name in outer), *nested]
    return sorted(paths, key=lambda path: (not path[-1].endswith(("Id", "Identifier", "Arn", "Name")), len(path)))


def _told(action: Action) -> str:
    call = action.op.replace(".", ":", 1)
    if action.snapshot is None:
        return f"Calls {call}"
    waits = " and waits for it" if action.snapshot.wait else ""
    return f"Takes a snapshot ({action.snapshot.op.replace('.', ':', 1)}){waits}, then calls {call}"
