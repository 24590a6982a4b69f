"""The check of what is there: the plan against what its reviewer counted."""

from dataclasses import replace
from typing import Any

import pytest

from phasegate.authors import Subject
from phasegate.authors.checks.inventory import inventory
from phasegate.authors.kinds import RUNBOOK as RUNBOOK_KIND
from phasegate.core import Severity
from phasegate.runbooks.compiler.documents import HEADING, planned, there
from phasegate.runbooks.language import Counted, Inventory
from unit.authors.sample_spec import FACTS, FOLDER, RUNBOOK, files

LISTING = "ec2.DescribeVolumes"
OTHER = "111122223333"
GUARDED = RUNBOOK + 'action: {op: ec2.DeleteVolume, params: {VolumeId: "=VolumeId"}}\nguard: {max_changes: 10}\n'


def row(count: int | None, region: str = "eu-west-1", **more: Any) -> Counted:
    return Counted(region=region, count=count, **{"account": "", **more})


def counted(*rows: Counted, trouble: str = "") -> Inventory:
    return Inventory(operation=LISTING, counted=rows, trouble=trouble)


def subject(plan: Inventory | str | None, seen: Inventory | None, runbook: str = RUNBOOK) -> Subject:
    text = plan if isinstance(plan, str) else f"# Plan\n\n{HEADING}\n\n{there(plan)}\n## Risks\n\n| own | x | 3 |\n"
    tree = {**files(runbook=runbook), f"{FOLDER}/plan.md": text.encode()}
    return Subject(
        facts=FACTS,
        key="plan/1/1/inventory",
        kind=RUNBOOK_KIND,
        phase="plan",
        checks=("inventory",),
        tree="t",
        files=tree,
        since={},
        observations={"inventory": seen.as_json()} if seen else {},
    )


async def found(plan: Inventory | str | None, seen: Inventory | None, runbook: str = RUNBOOK) -> dict[str, Severity]:
    report = await inventory(subject(plan, seen, runbook))
    assert report.evidence
    assert not any(finding.blocking or not finding.fix for finding in report.findings)
    return {finding.rule: finding.severity for finding in report.findings}


FOUR = counted(row(4))


@pytest.mark.parametrize(
    ("plan", "seen", "rules"),
    [
        # both saw the same
        (FOUR, FOUR, {}),
        # an account moves a little while people plan
        (FOUR, counted(row(6)), {}),
        (counted(row(1000)), counted(row(1050)), {}),
        # and more than a little
        (FOUR, counted(row(7)), {"counts-differ": Severity.low}),
        (counted(row(1000)), counted(row(900)), {"counts-differ": Severity.low}),
        (counted(row(3)), counted(row(0), row(3, "us-east-1")), {"counts-differ": Severity.low}),
        # a region, or the same region of an account, that the plan says nothing of
        (FOUR, counted(row(4), row(4, "us-east-1")), {"counts-differ": Severity.low}),
        (FOUR, counted(row(4, account=OTHER)), {"counts-differ": Severity.low}),
        # the plan says that nobody looked, that it is unknown, or nothing
        (None, FOUR, {"counts-differ": Severity.low}),
        (counted(row(None, error="throttled")), FOUR, {"counts-differ": Severity.low}),
        (counted(trouble="no credentials"), FOUR, {"counts-differ": Severity.low}),
        ("# A plan of somebody else's\n", FOUR, {"counts-differ": Severity.low}),
        ("", FOUR, {"counts-differ": Severity.low}),
        # one region could not be counted: what the others have still counts
        (FOUR, counted(row(4), row(None, "us-east-1", error="denied")), {"not-counted": Severity.medium}),
        (counted(row(0)), counted(row(None, error="denied")), {"not-counted": Severity.medium}),
        # nothing could be counted, and nothing is made up
        (FOUR, counted(trouble="server 'aws' does not start"), {"not-counted": Severity.medium}),
        # nothing is there
        (counted(row(0)), counted(row(0)), {"nothing-there": Severity.low}),
        # more than was counted
        (counted(row(10_000, capped=True)), counted(row(10_000, capped=True)), {"count-capped": Severity.low}),
        (
            counted(row(9_990)),
            counted(row(10_000, capped=True)),
            {"count-capped": Severity.low, "counts-differ": Severity.low},
        ),
    ],
)
async def test_what_is_found(plan: Inventory | str | None, seen: Inventory, rules: dict[str, Severity]) -> None:
    assert await found(plan, seen) == rules


async def test_where_nobody_looked_nothing_is_found_and_it_is_said() -> None:
    report = await inventory(subject(FOUR, None))
    assert (report.findings, "nobody looked" in report.evidence) == ((), True)


@pytest.mark.parametrize(
    ("there", "runbook", "told"),
    [
        (11, GUARDED, True),
        (10, GUARDED, False),
        # it changes nothing, so that nothing holds it back
        (11, RUNBOOK + "guard: {max_changes: 10}\n", False),
        # it has no such guard
        (11, GUARDED.replace("max_changes: 10", "min_age_days: 7"), False),
    ],
)
async def test_a_guard_that_will_hold_a_run_back_is_told(there: int, runbook: str, told: bool) -> None:
    seen = counted(row(there - 1), row(1, "us-east-1"))
    assert await found(seen, seen, runbook) == ({"guard-below-count": Severity.info} if told else {})


async def test_a_finding_says_where_and_why() -> None:
    seen = counted(row(None, "us-east-1", account=OTHER, error="AccessDenied"), row(9))
    denied, differs = (await inventory(subject(FOUR, seen))).findings
    assert denied.message == f"us-east-1 of {OTHER} could not be counted: AccessDenied"
    assert (differs.message, differs.path) == ("eu-west-1 has 9, and the plan says 4", f"{FOLDER}/plan.md")


async def test_before_there_is_a_plan_nothing_is_compared() -> None:
    seen = subject(FOUR, counted(row(9)))
    early = replace(seen, files=files())
    assert (await inventory(early)).findings == ()


def test_what_a_plan_says_is_read_as_it_was_written() -> None:
    rows = (
        row(0),
        row(1_234_567, "us-east-1"),
        row(10_000, "ap-south-1", capped=True, account=OTHER),
        row(None, "global", error="denied | for _you_"),
    )
    text = f"# Plan\n\n{HEADING}\n\n{there(counted(*rows))}\n## Next\n\n| own | eu-west-1 | 5 |\n"
    assert [(r.account, r.region, r.count, r.capped) for r in planned(text)] == [
        (r.account, r.region, r.count, r.capped) for r in rows
    ]
