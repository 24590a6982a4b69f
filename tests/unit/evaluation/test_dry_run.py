"""Dry runs in the sandbox, and what is known of one that broke off."""

import asyncio
import json
from typing import Any

import pytest

from phasegate.evaluation import Case, dry_runs, judged, load_suite
from phasegate.evaluation.dry_run import Scanner
from phasegate.sandbox import Asked, Limit, Outcome, ScriptedSandbox, find_sandbox

INTENT = load_suite().chosen(["eip-unassociated"]).intents[0]
LABELS = {"idle": {"region": "us-east-1", "ids": ["eipalloc-1"]}}
EMPTY: dict[str, list[object]] = {"findings": [], "errors": []}


def ended(*, limit: Limit | None = None, stderr: bytes = b"", **answers: object) -> Outcome:
    files = {"out/0.json": json.dumps(answers).encode()} if answers else {}
    return Outcome(exit_code=1, stdout=b"", stderr=stderr, seconds=1, limit=limit, files=files)


@pytest.mark.parametrize(
    ("outcome", "problem"),
    [
        (ended(stderr=b"killed"), "the dry run broke off: killed"),
        (ended(limit=Limit.memory), "the dry run broke off: limit of memory"),
        (ended(labels=LABELS), "the dry run broke off: it took too long"),
        (ended(labels=LABELS, case_0_0={"failed": "KeyError: 'x'"}), "KeyError: 'x'"),
        (ended(failed="ClientError: no such table"), "ClientError: no such table"),
    ],
)
async def test_a_dry_run_that_broke_off_says_why(outcome: Outcome, problem: str) -> None:
    [[run]] = await dry_runs(ScriptedSandbox([outcome]), [Case(intent=INTENT, runbooks=(INTENT.reference,))])
    assert run.problem == problem
    assert not judged(INTENT, INTENT.reference, run).holds


async def test_a_runbook_that_cannot_be_compiled_spoils_no_other() -> None:
    outcome = ended(labels=LABELS, case_0_1=EMPTY)
    runbooks = (INTENT.reference.replace("DescribeAddresses", "DescribeNothing"), INTENT.reference)
    bad, good = (await dry_runs(ScriptedSandbox([outcome]), [Case(intent=INTENT, runbooks=runbooks)]))[0]
    assert "DescribeNothing" in bad.problem
    assert (good.problem, set(good.seeded)) == ("", {"idle"})


async def test_nothing_in_the_sandbox_says_what_is_to_be_found() -> None:
    sandbox = ScriptedSandbox([ended(labels=LABELS, case_0_0=EMPTY)])
    await dry_runs(sandbox, [Case(intent=INTENT, runbooks=(INTENT.reference,))])
    [asked] = sandbox.calls
    assert set(json.loads(asked.files["request.json"])["cases"][0]) == {"seed", "modules"}
    reasons = [reason.encode() for reason in INTENT.near.values()]
    assert not [path for path, text in asked.files.items() if any(reason in text for reason in reasons)]


class Slow(ScriptedSandbox):
    async def run(self, *args: Any, **kwargs: Any) -> Outcome:
        await asyncio.sleep(0.01)
        return await super().run(*args, **kwargs)


def scanned(asked: Asked) -> Outcome:
    cases = len(json.loads(asked.files["request.json"])["cases"])
    files = {f"out/{n}.json": json.dumps({"labels": LABELS, f"case_{n}_0": EMPTY}).encode() for n in range(cases)}
    return Outcome(exit_code=0, stdout=b"", stderr=b"", seconds=1, files=files)


async def test_drafts_that_wait_are_scanned_together() -> None:
    sandbox = Slow(scanned)
    scanner = Scanner(sandbox)
    found = await asyncio.gather(*(scanner.scan(Case(intent=INTENT, runbooks=(INTENT.reference,))) for _ in range(5)))
    assert [len(json.loads(asked.files["request.json"])["cases"]) for asked in sandbox.calls] == [1, 4]
    assert [run.problem for [run] in found] == [""] * 5


async def test_a_scan_that_fails_leaves_nobody_waiting() -> None:
    def fails_for_two(asked: Asked) -> Outcome:
        if len(json.loads(asked.files["request.json"])["cases"]) == 2:
            raise OSError("no space")
        return scanned(asked)

    scanner = Scanner(Slow(fails_for_two))
    scans = (scanner.scan(Case(intent=INTENT, runbooks=(INTENT.reference,))) for _ in range(3))
    first, *others = await asyncio.wait_for(asyncio.gather(*scans, return_exceptions=True), 5)
    assert isinstance(first, list)
    assert [type(each) for each in others] == [OSError, asyncio.CancelledError]


@pytest.mark.slow
async def test_a_case_that_takes_too_long_ends_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("phasegate.evaluation.dry_run._SECONDS", 6)
    many = INTENT.seed[0].model_copy(update={"times": 200, "as_": "a-{n}"})
    endless = INTENT.model_copy(update={"seed": (many,) * 400})
    cases = [Case(intent=each, runbooks=(INTENT.reference,)) for each in (endless, INTENT)]
    [late], [good] = await dry_runs(await find_sandbox(), cases)
    assert late.problem.startswith("the dry run broke off")
    assert judged(INTENT, INTENT.reference, good).holds
