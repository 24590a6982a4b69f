"""Runs an installed release as its users will, and reads what it says."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from phasegate.core.errors import PhasegateError
from phasegate.release.install import Installation
from phasegate.release.process import Ran, run


@dataclass(frozen=True, kw_only=True)
class Trial:
    """Dry run of a smoke run, which needs an account or an endpoint that answers."""

    runbook: str
    """Name on the command line, such as `unattached-ebs-volumes`."""
    region: str
    as_of: datetime
    env: Mapping[str, str]
    """Environment of the runbook: endpoint and credentials, and nothing else of ours."""


@dataclass(frozen=True, kw_only=True)
class Smoke:
    """Output of an installed release."""

    runbooks: tuple[str, ...]
    """The lines of `<project> list`."""
    findings: tuple[Mapping[str, Any], ...] = ()
    report: Mapping[str, Any] | None = None
    """The whole answer of the dry run; None where none was asked for."""


async def smoke(installation: Installation, *, script: str, trial: Trial | None = None, seconds: float = 120) -> Smoke:
    """Run `<script> list`, and `<script> <runbook> --region R --as-of T --json` where a trial is given.

    Raises:
        PhasegateError: A command failed, took too long, or answered with something else than findings.
    """
    listed = await _run(installation, script, ["list"], {}, seconds)
    lines = tuple(line.strip() for line in listed.stdout.splitlines() if line.strip())
    if trial is None:
        return Smoke(runbooks=lines)
    as_of = trial.as_of.astimezone(UTC).isoformat().replace("+00:00", "Z")
    # At a fixed time the same account gives the same findings, whenever the smoke run is.
    words = [trial.runbook, "--region", trial.region, "--as-of", as_of, "--json"]
    report = _report((await _run(installation, script, words, trial.env, seconds)).stdout, script)
    return Smoke(runbooks=lines, findings=tuple(report["findings"]), report=report)


_IMPORTS = """
import importlib, pkgutil, sys
names = [sys.argv[1]]
found = importlib.import_module(names[0])
names += [each.name for each in pkgutil.walk_packages(getattr(found, "__path__", ()), found.__name__ + ".")]
for name in names:
    if not name.endswith(".__main__"):
        importlib.import_module(name)
        print(name)
"""


async def smoke_imports(installation: Installation, package: str, *, seconds: float = 120) -> tuple[str, ...]:
    """Import every module of an installed package, and return their names.

    Raises:
        PhasegateError: one cannot be imported, or it took too long.
    """
    said = f"importing every module of {package!r}"
    try:
        ran = await run([str(installation.python), "-I", "-c", _IMPORTS, package], env={}, seconds=seconds)
    except TimeoutError:
        raise PhasegateError(f"{said} did not end within {seconds:g} s", fix="import them by hand to see why") from None
    if ran.exit_code:
        raise PhasegateError(f"{said} ended with {ran.exit_code}: {ran.tail}", fix="import them by hand to see why")
    return tuple(ran.stdout.split())


async def _run(
    installation: Installation, script: str, words: Sequence[str], env: Mapping[str, str], seconds: float
) -> Ran:
    said = f"`{script} {' '.join(words)}`"
    try:
        ran = await run([str(installation.script(script)), *words], env=env, seconds=seconds)
    except TimeoutError:
        raise PhasegateError(f"{said} did not end within {seconds:g} s", fix="run it by hand to see why") from None
    except FileNotFoundError:
        fix = "declare it in [project.scripts] of pyproject.toml"
        raise PhasegateError(f"the installed package has no command {script!r}", fix=fix) from None
    if ran.exit_code:
        raise PhasegateError(f"{said} ended with {ran.exit_code}: {ran.tail}", fix="run it by hand to see all of it")
    return ran


def _report(text: str, script: str) -> Mapping[str, Any]:
    try:
        report = json.loads(text)
    except ValueError:
        report = None
    if not isinstance(report, dict) or not isinstance(report.get("findings"), list):
        fix = "see that the command prints nothing but its report with --json"
        raise PhasegateError(f"{script!r} answered with something else than findings: {text[:200]!r}", fix=fix)
    return report
