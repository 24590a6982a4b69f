"""Writes the test module of a runbook."""

import re
from collections.abc import Sequence
from importlib import resources
from itertools import chain

from phasegate.core.criteria import Criterion
from phasegate.core.findings import Finding, Severity
from phasegate.runbooks.compiler.codegen.formatting import formatted
from phasegate.runbooks.compiler.test_generator import changes, detection, permissions
from phasegate.runbooks.compiler.test_generator.criteria_shown import shown
from phasegate.runbooks.compiler.test_generator.detection import Test
from phasegate.runbooks.compiler.test_generator.plan import Plan
from phasegate.runbooks.language.model import Runbook

_RUNTIME = ("Order", "Refused", "run")
_HELPERS = {
    "ago": (
        "def ago(days: int = 0, hours: int = 0) -> datetime:\n"
        '    """So long before NOW."""\n    return NOW - timedelta(days=days, hours=hours)\n'
    ),
    "milliseconds": (
        'def milliseconds(at: datetime) -> int:\n    """Since 1970."""\n    return int(at.timestamp() * 1000)\n'
    ),
    "seconds": 'def seconds(at: datetime) -> int:\n    """Since 1970."""\n    return int(at.timestamp())\n',
    "text": (
        "def text(at: datetime) -> str:\n"
        '    """As services write it that carry times in texts."""\n    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")\n'
    ),
}
_ALWAYS = '''
def order(**more: Any) -> Order:
    """A scan of one region at NOW."""
    return Order(now=NOW, regions=[REGION], **more)


def verdict_of(report: Any, item: str) -> str:
    """What the report says of an item; `none` where it says nothing."""
    return next((str(finding.verdict) for finding in report.findings if finding.id == item), "none")
'''


def compile_tests(
    runbook: Runbook, *, package: str, module: str, criteria: Sequence[Criterion] = ()
) -> dict[str, bytes]:
    """Compile the pytest files of a runbook.

    The same input gives the same bytes.

    Args:
        runbook: As `load` gives it.
        package: The import name of the runbooks package.
        module: The name of the compiled module, without its package.
        criteria: The acceptance criteria of its spec; each test names those that it shows.

    Returns:
        Path to content: the tests, and the conftest.py that all runbooks of a package share.
    """
    plan = Plan(runbook=runbook, package=package, module=module, criteria=criteria)
    return {f"tests/runbooks/test_{module}.py": _module(plan).encode(), **support_files(package)}


def support_files(package: str) -> dict[str, bytes]:
    """Return `tests/conftest.py`, which the tests of every runbook of a package need."""
    text = (resources.files("phasegate.runbooks.compiler.test_generator") / "conftest.py.tmpl").read_text(
        encoding="utf-8"
    )
    return {"tests/conftest.py": formatted(text.replace("@package@", package)).encode()}


def test_names(runbook: Runbook, criteria: Sequence[Criterion]) -> list[tuple[str, list[str]]]:
    """The tests that `compile_tests` will write, each with the ids of the criteria that it shows."""
    plan = Plan(runbook=runbook, package="package", module="module", criteria=criteria)
    tests = [name for name, _, _ in _tests(plan)]
    return list(shown(plan, tests).items())


def untested(runbook: Runbook) -> list[Finding]:
    """Return findings for expressions and permissions that the compiled tests cannot show."""
    plan = Plan(runbook=runbook, package="package", module="module", criteria=())
    if not plan.examples.chosen:
        return [_unshown(runbook, "match", str(runbook.match))]
    unproven = [_unproven(runbook, action) for action in permissions.unproven(plan)]
    return [_unshown(runbook, key, part) for key, part in plan.examples.untold] + unproven


def _unshown(runbook: Runbook, key: str, part: str) -> Finding:
    return Finding(
        check="tests",
        rule="no-example",
        severity=Severity.low,
        path=runbook.path,
        line=runbook.line(key),
        message=f"no example was found that would show a small mistake in {part!r} of {key}",
        fix=f"write a test of {key} by hand, or say it more simply",
    )


def _unproven(runbook: Runbook, action: str) -> Finding:
    return Finding(
        check="tests",
        rule="permission-unproven",
        severity=Severity.info,
        path=runbook.path,
        message=f"that the policy needs {action} is known from IAM's data, and proven by no test",
        fix="nothing, unless the permission surprises you",
    )


def _tests(plan: Plan) -> list[Test]:
    if not plan.examples.chosen:
        return []
    return [*detection.detection(plan), *changes.changes(plan), *permissions.permissions(plan)]


def _module(plan: Plan) -> str:
    tests = _tests(plan)
    if not tests:
        return formatted(
            f'"""No example was found that {plan.module} matches; its tests are to be written by hand."""\n'
        )
    claimed = shown(plan, [name for name, _, _ in tests])
    prepared = chain(detection.prepared(plan), changes.prepared(plan), permissions.prepared(plan))
    body = "\n\n".join(chain(prepared, (_test(claimed[test[0]], test) for test in tests)))
    helpers = "\n\n".join(text for name, text in _HELPERS.items() if re.search(rf"\b{name}\(", body))
    clock = 'NOW = datetime(2026, 11, 18, 20, 10, tzinfo=UTC)\nREGION = "us-east-1"\n'
    return formatted(f"{_head(plan, body + helpers)}\n{clock}\n\n{helpers}\n{_ALWAYS}\n\n{body}")


def _head(plan: Plan, body: str) -> str:
    runtime = [name for name in _RUNTIME if name in ("Order", "run") or re.search(rf"\b{name}\b", body)]
    lines = [
        f'"""Tests of {_plain(plan.runbook.title or plan.module)}.\n',
        f"Compiled from the runbook.yaml of {plan.module.replace('_', '-')}: change that, not this file. "
        "`answers` and `approver` are in conftest.py.",
        '"""\n',
        "import json" if "json." in body else "",
        "from collections.abc import Callable",
        "from dataclasses import replace" if "replace(" in body else "",
        f"from datetime import UTC, datetime{', timedelta' if 'timedelta' in body else ''}",
        "from functools import partial" if "partial(" in body else "",
        "from importlib.resources import files" if "files(" in body else "",
        "from typing import Any\n",
        "import pytest\n",
        f"from {plan.package}._runtime import {', '.join(runtime)}",
        f"from {plan.package}.runbooks.{plan.module} import RUNBOOK\n",
    ]
    return "\n".join(line for line in lines if line)


def _test(claimed: Sequence[str], test: Test) -> str:
    _, told, source = test
    quoted = f"{', '.join(claimed)}: " if claimed else ""
    return source.replace("{doc}", f'    """{_plain(quoted + told)}"""\n', 1)


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("\\", "").replace('"', "'").rstrip(".") + ("." if text.endswith(".") else "")
