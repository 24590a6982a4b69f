"""Dry runs of drafted runbooks over the seeded accounts, in the sandbox."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from phasegate.core import PhasegateError
from phasegate.evaluation.suite import ACCOUNT, ANYWHERE, IDENTITIES, NOW, REGIONS, Intent
from phasegate.runbooks import load
from phasegate.runbooks.compiler.codegen import compile_module, runtime_files
from phasegate.runbooks.prices import price_table
from phasegate.sandbox import Limits, Outcome, Sandbox

_PROGRAM = "account.py"
_SECONDS = 120
"""For one case: seeding, and every scan of it."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """An intent's account, and the runbooks that are tried on it."""

    intent: Intent
    runbooks: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Seeded:
    """A labelled resource of an account."""

    region: str
    """Empty: it is of no region."""
    ids: frozenset[str]
    """What a runbook may call it."""


@dataclass(frozen=True, kw_only=True)
class DryRun:
    """Findings of one runbook in the account of its intent."""

    seeded: Mapping[str, Seeded]
    """By label."""
    findings: Sequence[Mapping[str, Any]] = ()
    """As in the report of a released runbook."""
    problem: str = ""
    """Why the findings are not whole; empty where they are."""


async def dry_runs(sandbox: Sandbox, cases: Sequence[Case]) -> list[list[DryRun]]:
    """Try runbooks on the accounts of their intents, and return for each case a dry run of each of its runbooks.

    Args:
        sandbox: where the compiled runbooks run, beside the seeded account: nothing of it reaches a network.
        cases: the runbooks, each of which passed lint.

    Raises:
        InvalidInput: a runbook cannot be compiled.
        PhasegateError: an account could not be seeded.
    """
    files = {**_support(), "request.json": json.dumps(_request(cases)).encode()}
    for number, case in enumerate(cases):
        for place, runbook in enumerate(case.runbooks):
            source = compile_module(load(runbook, "runbook.yaml"), name=case.intent.id)
            files[f"suite/runbooks/{_module(number, place)}.py"] = source.encode()
    wanted = [f"out/{number}.json" for number in range(len(cases))]
    seconds = float(60 + _SECONDS * len(cases))
    limits = Limits(wall_seconds=seconds, cpu_seconds=int(seconds))
    text = resources.files("phasegate.evaluation").joinpath(_PROGRAM).read_text(encoding="utf-8")
    outcome = await sandbox.run([sys.executable, "-I", "-c", text], files=files, limits=limits, collect=wanted)
    return [_answered(outcome, number, case) for number, case in enumerate(cases)]


def _support() -> dict[str, bytes]:
    runtime = {f"suite/_runtime/{name}": content for name, content in runtime_files().items()}
    return {"prices.json": price_table(), "suite/__init__.py": b"", "suite/runbooks/__init__.py": b"", **runtime}


def _request(cases: Sequence[Case]) -> dict[str, Any]:
    return {
        "now": NOW,
        "account": ACCOUNT,
        "regions": REGIONS,
        "anywhere": ANYWHERE,
        "identities": IDENTITIES,
        "seconds": _SECONDS,
        "cases": [
            {
                "seed": [step.plain() for step in case.intent.seed],
                "modules": [_module(number, place) for place in range(len(case.runbooks))],
            }
            for number, case in enumerate(cases)
        ],
    }


def _module(number: int, place: int) -> str:
    return f"case_{number}_{place}"


def _answered(outcome: Outcome, number: int, case: Case) -> list[DryRun]:
    written = outcome.files.get(f"out/{number}.json")
    if written is None:
        said = outcome.stderr.decode("utf-8", "replace").strip()[-500:]
        why = f"limit of {outcome.limit}" if outcome.limit else said or "no report was written"
        return [DryRun(seeded={}, problem=f"the dry run broke off: {why}")] * len(case.runbooks)
    answers = json.loads(written)
    if "failed" in answers:
        raise PhasegateError(f"the account of '{case.intent.id}' could not be seeded: {answers['failed']}")
    seeded = {
        label: Seeded(region=row["region"], ids=frozenset(row["ids"])) for label, row in answers["labels"].items()
    }
    return [_dry_run(seeded, answers[_module(number, place)]) for place in range(len(case.runbooks))]


def _dry_run(seeded: Mapping[str, Seeded], report: Mapping[str, Any]) -> DryRun:
    if "failed" in report:
        return DryRun(seeded=seeded, problem=report["failed"])
    return DryRun(seeded=seeded, findings=report["findings"], problem="; ".join(map(_told, report["errors"][:3])))


def _told(error: Mapping[str, Any]) -> str:
    return f"{error['call']} failed in {error['region']}: {error['code']}"
