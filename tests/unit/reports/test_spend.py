"""Spend, summed up by its parts."""

from datetime import date
from decimal import Decimal

import pytest

from phasegate.models import Spending, Spent
from phasegate.reports.spend import By, Spend, cents, summed


def row(run: str, role: str, day: str, usd: str = "0.1") -> Spending:
    amounts = Spent(calls=1, input=10, output=5, usd=Decimal(usd), seconds=1.5)
    return Spending(run=run, key="plan/1/1/plan", role=role, model="a:b", day=date.fromisoformat(day), amounts=amounts)


ROWS = [row("r1", "qa", "2026-10-31"), row("r1", "sre", "2026-11-01", "0.2"), row("r2", "qa", "2026-11-30", "0.4")]


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ((By.run,), [("r1", "0.3"), ("r2", "0.4")]),
        ((By.role,), [("qa", "0.5"), ("sre", "0.2")]),
        ((By.month,), [("2026-11", "0.6"), ("2026-10", "0.1")]),
        ((By.phase,), [("plan", "0.7")]),
        ((By.model,), [("a:b", "0.7")]),
    ],
)
def test_rows_are_summed_by_a_part(by: tuple[By, ...], expected: list[tuple[str, str]]) -> None:
    report = summed(ROWS, by)
    assert [(getattr(each, by[0]), str(each.usd)) for each in report.rows] == expected
    assert (report.total.usd, report.total.calls, report.total.tokens_in) == (Decimal("0.7"), 3, 30)
    assert report.total.run == report.total.role == ""


def test_rows_are_told_apart_by_several_parts() -> None:
    report = summed(ROWS, (By.month, By.role))
    assert [(each.month, each.role) for each in report.rows] == [
        ("2026-11", "qa"),
        ("2026-11", "sre"),
        ("2026-10", "qa"),
    ]


def test_programs_get_money_as_text() -> None:
    plain = summed(ROWS, (By.run,), date(2026, 10, 1)).plain()
    assert (plain["by"], plain["since"], plain["total"]["usd"]) == (["run"], "2026-10-01", "0.7")


@pytest.mark.parametrize(
    ("spend", "says"),
    [
        (Spend(calls=2, usd=Decimal("0.42")), "$0.42 for 2 calls"),
        (
            Spend(calls=2, open_calls=1, usd=Decimal("0.42"), reserved_usd=Decimal("0.1")),
            "$0.42 for 1 call; $0.10 at most for 1 call without a known end",
        ),
        (Spend(replayed=3), "3 calls answered from a recording, unpaid"),
        (Spend(), "$0.00 for 0 calls"),
    ],
)
def test_spend_says_what_is_paid_reserved_and_neither(spend: Spend, says: str) -> None:
    assert spend.says == says


def test_a_fraction_of_a_cent_is_not_shown_as_nothing() -> None:
    assert (cents(Decimal("0.0004")), cents(Decimal("0.01"))) == ("$0.0004", "$0.01")
