"""Findings over time: what a scan saw, what it looked for and did not find, and what people say of it."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from phasegate.app import App
from phasegate.core import FixedClock, InvalidInput, UsageError
from phasegate.executions import Asked, Executions, FindingState, FindingView, executions_of
from unit.executions.released_package import NAME, Answers, failed, found, release, report

EAST, WEST = ("111111111111", "us-east-1"), ("111111111111", "eu-west-1")


class Account:
    """Scans one after another, an hour apart."""

    def __init__(self, executions: Executions, answers: Answers, clock: FixedClock) -> None:
        self.executions, self.answers, self.clock = executions, answers, clock

    async def scanned(self, *findings: Any, asked: Asked | None = None, **more: Any) -> None:
        self.answers.give(report(*findings, **more), exit=3 if more.get("errors") else 0)
        self.clock.move(self.clock.now() + timedelta(hours=1))
        await self.executions.scan(NAME, asked or Asked(), "ada")

    async def states(self) -> dict[str, str]:
        return {each.item: each.state.value for each in await self.executions.findings(NAME)}

    async def one(self) -> FindingView:
        [row] = await self.executions.findings(NAME)
        return row


@pytest.fixture
async def account(app: App, answers: Answers, clock: FixedClock) -> Account:
    await release(app)
    return Account(executions_of(app), answers, clock)


async def test_new_open_fixed_and_back(account: Account) -> None:
    await account.scanned(found("vol-1"))
    assert await account.states() == {"vol-1": "new"}
    await account.scanned(found("vol-1"), found("vol-2", cost=None))
    assert await account.states() == {"vol-1": "open", "vol-2": "new"}
    await account.scanned(found("vol-2", cost=None))
    assert await account.states() == {"vol-1": "fixed", "vol-2": "open"}
    await account.scanned(found("vol-1"), found("vol-2", cost=None))
    assert await account.states() == {"vol-1": "came-back", "vol-2": "open"}
    back = next(each for each in await account.executions.findings(NAME) if each.item == "vol-1")
    assert (back.times_back, back.fixed_at, str(back.cost_per_month)) == (1, None, "8.00")


@pytest.mark.parametrize(
    ("looked", "errors"),
    [([EAST], []), ([EAST, WEST], [failed("eu-west-1")]), ([], [])],
    ids=["its region was not scanned", "a call failed in its region", "nothing was looked at"],
)
async def test_what_was_not_looked_at_is_not_fixed(
    account: Account, looked: Sequence[tuple[str, str]], errors: Sequence[Any]
) -> None:
    await account.scanned(found("vol-1"))
    await account.scanned(looked=looked, errors=errors)
    assert await account.states() == {"vol-1": "new"}


async def test_a_failed_call_elsewhere_keeps_nothing_open_here(account: Account) -> None:
    await account.scanned(found("vol-1"))
    await account.scanned(looked=[EAST, WEST], errors=[failed("us-east-1")])
    assert await account.states() == {"vol-1": "fixed"}


async def test_a_report_that_does_not_say_where_it_looked_fixes_nothing(account: Account) -> None:
    await account.scanned(found("vol-1"))
    old = report()
    del old["looked"]
    account.answers.give(old)
    await account.executions.scan(NAME, Asked(), "ada")
    assert await account.states() == {"vol-1": "new"}


async def test_an_unknown_verdict_leaves_a_finding_as_it_was(account: Account) -> None:
    await account.scanned(found("vol-1"))
    await account.scanned(found("vol-1", verdict="unknown"))
    assert await account.states() == {"vol-1": "new"}


async def test_what_the_runbook_leaves_out_now_is_skipped_and_not_fixed(account: Account) -> None:
    await account.scanned(found("vol-1"))
    await account.scanned(found("vol-1", verdict="skip"))
    assert await account.states() == {"vol-1": "skipped"}


async def test_a_trial_with_other_parameters_changes_nothing(account: Account) -> None:
    await account.scanned(found("vol-1"))
    await account.scanned(found("vol-9"), asked=Asked(params={"min_age_days": 1}))
    assert await account.states() == {"vol-1": "new"}


async def test_the_same_item_of_two_accounts_is_two_findings(account: Account) -> None:
    other = ("222222222222", "eu-west-1")
    await account.scanned(found("vol-1"), found("vol-1", account=other[0]), looked=[WEST, other])
    await account.scanned(found("vol-1"), looked=[WEST, other])
    rows = {each.account: each.state.value for each in await account.executions.findings(NAME)}
    assert rows == {"111111111111": "open", "222222222222": "fixed"}


@pytest.mark.parametrize("late_sees_it", [True, False], ids=["an earlier look saw it", "an earlier look did not"])
async def test_a_scan_that_began_before_the_newest_and_ends_after_it_changes_nothing(
    account: Account, tmp_path: Path, late_sees_it: bool
) -> None:
    await account.scanned(found("vol-1"))
    sees, gate = [found("vol-1")], tmp_path / "gate"
    gate.touch()
    account.answers.give(report(*(sees if late_sees_it else [])), says=["answered"], wait=str(gate))
    account.clock.move(account.clock.now() + timedelta(hours=1))
    waiting = asyncio.Event()
    late = asyncio.create_task(account.executions.scan(NAME, Asked(), "ada", tell=lambda _: waiting.set()))
    await waiting.wait()
    await account.scanned(*([] if late_sees_it else sees), asked=Asked(regions=("eu-west-1",)))
    before = await account.states()
    gate.unlink()
    await late
    assert await account.states() == before == {"vol-1": "fixed" if late_sees_it else "open"}


async def test_a_waiver_ends_by_itself_and_a_false_positive_does_not(account: Account) -> None:
    await account.scanned(found("vol-1"))
    row = await account.one()
    until = account.clock.now() + timedelta(days=3)
    waived = await account.executions.mark(row.id, FindingState.waived, "ada", "needed until the move", until)
    assert (waived.state, waived.mark_by, waived.mark_reason) == (FindingState.waived, "ada", "needed until the move")
    await account.scanned(found("vol-1"))
    assert await account.states() == {"vol-1": "waived"}
    account.clock.move(account.clock.now() + timedelta(days=3))
    assert await account.states() == {"vol-1": "open"}
    await account.executions.mark(row.id, FindingState.false_positive, "ada", "it is the template")
    account.clock.move(account.clock.now() + timedelta(days=4000))
    assert await account.states() == {"vol-1": "false-positive"}
    assert (await account.executions.mark(row.id, None, "ada")).mark_reason == ""
    assert await account.states() == {"vol-1": "open"}


@pytest.mark.parametrize(
    ("reason", "days", "says"),
    [
        ("  ", 1, "a reason is missing"),
        ("x" * 1001, 1, "more than 1,000 characters"),
        ("AKIAIOSFODNN7EXAMPLE is the key", 1, "looks like a secret"),
        ("later", -1, "ends in the past"),
    ],
)
async def test_a_mark_that_nobody_could_read_later_is_refused(
    account: Account, reason: str, days: int, says: str
) -> None:
    await account.scanned(found("vol-1"))
    row = await account.one()
    until = account.clock.now() + timedelta(days=days)
    with pytest.raises(InvalidInput, match=says):
        await account.executions.mark(row.id, FindingState.waived, "ada", reason, until)
    assert await account.states() == {"vol-1": "new"}


async def test_a_finding_that_is_not_there_cannot_be_marked(account: Account) -> None:
    with pytest.raises(UsageError, match="no finding 'ffffffffffffffff'"):
        await account.executions.mark("f" * 16, FindingState.waived, "ada", "why not")


async def test_a_runbook_counts_what_stands(account: Account) -> None:
    await account.scanned(found("vol-1"), found("vol-2", cost=None), found("vol-3", verdict="warn"), found("vol-4"))
    [four] = [each for each in await account.executions.findings(NAME) if each.item == "vol-4"]
    await account.executions.mark(four.id, FindingState.waived, "ada", "known")
    row = await account.executions.runbook(NAME)
    assert (row.standing, str(row.cost_per_month), row.currency) == (2, "8.00", "USD")
