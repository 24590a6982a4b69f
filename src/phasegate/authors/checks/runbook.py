"""Checks of a runbook: its permissions, and what it does before and after a change."""

import json
from collections.abc import Iterator
from typing import Any

from botocore import xform_name

from phasegate.authors.kinds import runbook_path
from phasegate.authors.review import Report, Subject
from phasegate.authors.sources import runbook_text, sources
from phasegate.core import Finding, Severity
from phasegate.runbooks.compiler.iam_policy import policy
from phasegate.runbooks.language.iam_actions import is_change, is_destructive
from phasegate.runbooks.language.lint import lint
from phasegate.runbooks.language.model import Guard


async def runbook_lint(subject: Subject) -> Report:
    """Lint runbook.yaml against the service models of AWS."""
    findings = lint(runbook_text(subject.files, subject.facts), runbook_path(subject.facts.spec))
    return Report(findings=tuple(findings), evidence="checked against botocore's models")


async def least_privilege(subject: Subject) -> Report:
    """Hold what each IAM policy grants against what the runbook calls."""
    facts = subject.facts
    wanted = policy(sources(subject.files, facts).runbook)
    paths = (f"{facts.spec}/iam-policy.json", f"src/{facts.package}/runbooks/{facts.module}.iam-policy.json")
    findings = [
        found for path in paths if path in subject.files for found in _grants(path, subject.files[path], wanted)
    ]
    return Report(findings=tuple(findings), evidence=f"{len(_actions(wanted))} IAM actions, each one called")


async def destructive_action(subject: Subject) -> Report:
    """List the runbook's destructive actions, and block those that nothing guards."""
    path, runbook = runbook_path(subject.facts.spec), sources(subject.files, subject.facts).runbook
    findings = []
    for action in runbook.action:
        if not is_destructive(action.op):
            continue
        guarded = runbook.guard != Guard()
        findings.append(
            Finding(
                check="destructive-action",
                rule="destroys" if guarded else "destroys-unguarded",
                severity=Severity.medium if guarded else Severity.critical,
                path=path,
                message=f"{action.op} cannot be taken back by AWS",
                fix="read the snapshot, undo and guard before you approve"
                if guarded
                else "say in guard what it must leave alone, and how much it may change",
            )
        )
    changes = [action.op for action in runbook.action if is_change(action.op)]
    return Report(findings=tuple(findings), evidence=f"changes by {', '.join(changes)}" if changes else "reads only")


async def snapshot_before_change(subject: Subject) -> Report:
    """Find destructive actions without a snapshot or undo, in the runbook and in the code written from it."""
    facts, runbook = subject.facts, sources(subject.files, subject.facts).runbook
    kept = [action for action in runbook.action if action.snapshot]
    bare = [
        action.op for action in runbook.action if is_destructive(action.op) and not (action.snapshot or action.undo)
    ]
    grave = Severity.critical if runbook.guard == Guard() else Severity.medium
    findings = [_unkept(runbook_path(facts.spec), op, grave) for op in bare]
    path = f"src/{facts.package}/runbooks/{facts.module}.py"
    if path in subject.files:
        code = subject.files[path].decode()
        findings += [
            _unkept(path, a.op, Severity.critical)
            for a in kept
            if a.snapshot and not _before(code, a.snapshot.op, a.op)
        ]
    taken = f"{len(kept)} of {len(runbook.action)} actions take a snapshot first"
    return Report(findings=tuple(findings), evidence=taken if runbook.action else "changes nothing")


def _grants(path: str, content: bytes, wanted: dict[str, Any]) -> Iterator[Finding]:
    def finding(rule: str, severity: Severity, message: str, fix: str) -> Finding:
        return Finding(check="least-privilege", rule=rule, severity=severity, path=path, message=message, fix=fix)

    granted = _actions(json.loads(content))
    # A wildcard grants more than any list of actions, so it is wide even where the runbook calls them all.
    wide = {action for action in granted if "*" in action}
    for action in sorted(granted - _actions(wanted) | wide):
        message = f"the policy grants {action}, which the runbook does not call"
        yield finding("wide-policy", Severity.critical, message, "take it out")
    for action in sorted(_actions(wanted) - granted):
        message = f"the runbook calls {action}, which the policy does not grant"
        yield finding("narrow-policy", Severity.high, message, "add it")


def _actions(document: dict[str, Any]) -> set[str]:
    listed = (statement["Action"] for statement in document["Statement"])
    return {action for actions in listed for action in ([actions] if isinstance(actions, str) else actions)}


def _before(code: str, first: str, second: str) -> bool:
    """Return whether the code names the first operation before the second, as generated code writes them."""
    one, two = code.find(_call(first)), code.find(_call(second))
    return 0 <= one < two


def _call(operation: str) -> str:
    return f'"{xform_name(operation.partition(".")[2])}"'


def _unkept(path: str, operation: str, severity: Severity) -> Finding:
    return Finding(
        check="snapshot-before-change",
        rule="no-snapshot",
        severity=severity,
        path=path,
        message=f"nothing is kept before {operation}",
        fix="take a snapshot first and wait for it, or say how it is undone",
    )
