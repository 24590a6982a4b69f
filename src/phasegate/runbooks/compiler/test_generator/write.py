"""Writes the test module of a runbook."""

import re
from collections.abc import Sequence
from importlib import resources
from itertools import chain

from phasegate.core.criteria import Criterion
from phasegate.core.findings import Finding, Severity
from phasegate.runbooks.compiler.codegen.module_source import formatted
from phasegate.runbooks.compiler.test_generator import changes, detection, permissions
from phasegate.runbooks.compiler.test_generator.criteria_shown import Compared, compared_criteria, shown
from phasegate.runbooks.compiler.test_generator.plan import Plan
from phasegate.runbooks.compiler.test_generator.template import Test, section
from phasegate.runbooks.language.model import Runbook

_RUNTIME = ("Order", "Refused", "run")
_HELPERS = ("ago", "milliseconds", "seconds", "text")


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
    tests = [test.name for test in _tests(plan)]
    return list(shown(plan, tests).items())


def compare_criteria(runbook: Runbook, criteria: Sequence[Criterion]) -> list[Compared]:
    """Compare criteria with the runbook that is to keep them, each with the compiled tests that show it."""
    plan = Plan(runbook=runbook, package="package", module="module", criteria=criteria)
    return compared_criteria(plan, [test.name for test in _tests(plan)])


def untested(runbook: Runbook) -> list[Finding]:
    """Return findings for expressions and permissions that the compiled tests cannot show."""
    plan = Plan(runbook=runbook, package="package", module="module", criteria=())
    if not plan.examples.chosen:
        return [_unshown(runbook, "match", str(runbook.match))]
    unproven = [_unproven(runbook, action) for action in permissions.unproven(plan)]
    if runbook.action and plan.remedy is None:
        return [_unshown(runbook, "action", str(runbook.action[0].each))]
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
    claimed = shown(plan, [test.name for test in tests])
    prepared = chain(detection.prepared(plan), changes.prepared(plan), permissions.prepared(plan))
    body = "\n\n".join(chain(prepared, (_claiming(claimed[test.name], test) for test in tests)))
    helpers = "\n\n".join(section(name) for name in _HELPERS if re.search(rf"\b{name}\(", body))
    clock = 'NOW = datetime(2026, 11, 18, 20, 10, tzinfo=UTC)\nREGION = "us-east-1"\n'
    return formatted(f"{_head(plan, body + helpers)}\n{clock}\n\n{helpers}\n{section('always')}\n\n{body}")


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


def _claiming(ids: Sequence[str], test: Test) -> str:
    """Return the test with the ids of the criteria that it shows in its docstring."""
    quoted = f"{_plain(', '.join(ids))}: " if ids else ""
    return test.source.replace('    """', f'    """{quoted}', 1)


def _plain(text: str) -> str:
    return " ".join(text.split()).replace("\\", "").replace('"', "'").rstrip(".") + ("." if text.endswith(".") else "")
