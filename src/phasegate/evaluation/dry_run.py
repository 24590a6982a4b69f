"""Dry runs of drafted runbooks over the seeded accounts, in the sandbox."""

import asyncio
import json
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from phasegate.core import InvalidInput
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
    """By label; empty where the account could not be seeded."""
    findings: Sequence[Mapping[str, Any]] = ()
    """As in the report of a released runbook."""
    problem: str = ""
    """Why the findings are not whole; empty where they are."""


@dataclass
class Scanner:
    """Dry runs for drafts that become ready one by one: those that wait are scanned together.

    To load what simulates AWS takes seconds, however many accounts are scanned then.
    """

    sandbox: Sandbox
    _waiting: list[tuple[Case, "asyncio.Future[list[DryRun]]"]] = field(default_factory=list)
    _busy: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def scan(self, case: Case) -> list[DryRun]:
        """Return a dry run of each of the case's runbooks."""
        mine: asyncio.Future[list[DryRun]] = asyncio.get_running_loop().create_future()
        self._waiting.append((case, mine))
        async with self._busy:
            # Whoever had the lock before may have scanned this case with its own.
            if not mine.done():
                await self._scan_waiting()
        return await mine

    async def _scan_waiting(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            found = await dry_runs(self.sandbox, [case for case, _ in waiting])
        except BaseException:
            for _, future in waiting:
                # Each that waits would wait for ever: nobody else scans what was taken from the list.
                future.cancel()
            raise
        for (_, future), runs in zip(waiting, found, strict=True):
            if not future.cancelled():
                future.set_result(runs)


async def dry_runs(sandbox: Sandbox, cases: Sequence[Case]) -> list[list[DryRun]]:
    """Try runbooks on the accounts of their intents, and return for each case a dry run of each of its runbooks.

    Args:
        sandbox: where the compiled runbooks run, beside the seeded account: nothing of it reaches a network.
        cases: the runbooks, each of which passed lint.
    """
    modules, faults = _compiled(cases)
    files = {**_support(), **modules, "request.json": json.dumps(_request(cases, faults)).encode()}
    wanted = [f"out/{number}.json" for number in range(len(cases))]
    seconds = float(60 + _SECONDS * len(cases))
    limits = Limits(wall_seconds=seconds, cpu_seconds=int(seconds))
    text = resources.files("phasegate.evaluation").joinpath(_PROGRAM).read_text(encoding="utf-8")
    outcome = await sandbox.run([sys.executable, "-I", "-c", text], files=files, limits=limits, collect=wanted)
    return [_answered(outcome, number, case, faults) for number, case in enumerate(cases)]


def _compiled(cases: Sequence[Case]) -> tuple[dict[str, bytes], dict[str, str]]:
    """Return the modules of the runbooks, and by name what is wrong with those that cannot be compiled."""
    modules, faults = dict[str, bytes](), dict[str, str]()
    for number, case in enumerate(cases):
        for place, runbook in enumerate(case.runbooks):
            name = _module(number, place)
            try:
                source = compile_module(load(runbook, "runbook.yaml"), name=case.intent.id)
            except InvalidInput as error:
                # Kept for its own case: one draft that does not compile must not cost the others their dry run.
                faults[name] = str(error)
            else:
                modules[f"suite/runbooks/{name}.py"] = source.encode()
    return modules, faults


def _support() -> dict[str, bytes]:
    runtime = {f"suite/_runtime/{name}": content for name, content in runtime_files().items()}
    return {"prices.json": price_table(), "suite/__init__.py": b"", "suite/runbooks/__init__.py": b"", **runtime}


def _request(cases: Sequence[Case], faults: Collection[str]) -> dict[str, Any]:
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
                "modules": [name for name in _modules(number, case) if name not in faults],
            }
            for number, case in enumerate(cases)
        ],
    }


def _module(number: int, place: int) -> str:
    return f"case_{number}_{place}"


def _modules(number: int, case: Case) -> list[str]:
    return [_module(number, place) for place in range(len(case.runbooks))]


def _answered(outcome: Outcome, number: int, case: Case, faults: Mapping[str, str]) -> list[DryRun]:
    said = outcome.stderr.decode("utf-8", "replace").strip()[-500:]
    why = f"limit of {outcome.limit}" if outcome.limit else said or "it took too long"
    answers = json.loads(outcome.files.get(f"out/{number}.json", b"{}"))
    labels = answers.get("labels", {})
    seeded = {label: Seeded(region=row["region"], ids=frozenset(row["ids"])) for label, row in labels.items()}
    failed = answers.get("failed", f"the dry run broke off: {why}")
    reports = [faults.get(name) or answers.get(name, failed) for name in _modules(number, case)]
    return [_dry_run(seeded, report) for report in reports]


def _dry_run(seeded: Mapping[str, Seeded], report: Mapping[str, Any] | str) -> DryRun:
    if isinstance(report, str) or "failed" in report:
        return DryRun(seeded=seeded, problem=report if isinstance(report, str) else report["failed"])
    return DryRun(seeded=seeded, findings=report["findings"], problem="; ".join(map(_told, report["errors"][:3])))


def _told(error: Mapping[str, Any]) -> str:
    return f"{error['call']} failed in {error['region']}: {error['code']}"
