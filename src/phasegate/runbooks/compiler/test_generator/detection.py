"""Tests of what is found."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from phasegate.runbooks.compiler.test_generator import oracle
from phasegate.runbooks.compiler.test_generator.literal import script, source
from phasegate.runbooks.compiler.test_generator.mock_answers import Account, Table, copies, tables
from phasegate.runbooks.compiler.test_generator.plan import Plan
from phasegate.runbooks.compiler.test_generator.values import REGION
from phasegate.runbooks.language import aws
from phasegate.runbooks.language.model import Get
from phasegate.runbooks.runtime.prices import Price, PriceTable, cost_of

Test = tuple[str, str, str]
"""Name, what it shows, and its source with `{doc}` where the docstring goes."""
_BRACES = re.compile(r"\{([^{}]*)\}")


def account(name: str, plan: Plan, one: Account, told: str) -> str:
    """A function that tells `answers` an account."""
    body = "\n".join(script(tables(plan.anatomy, one)))
    return f'def {name}(answers: Any) -> None:\n    """{told}"""\n{_indented(body)}\n'


def prepared(plan: Plan) -> Iterator[str]:
    """The accounts and cases that tests refer to."""
    cases = []
    for number, one in enumerate(plan.accounts, 1):
        name = "account" if len(plan.accounts) == 1 else f"account_{number}"
        yield account(name, plan, one, "One row for each case.")
        cases += [(name, c.id, c.example.verdict, c.example.words) for c in one.cases]
    rows = "".join(f"\n    pytest.param({n}, {i!r}, {v!r}, id={w!r})," for n, i, v, w in cases)
    yield f"CASES = [{rows}\n]\n"
    yield account("one_match", plan, plan.one, "The match alone.")


def detection(plan: Plan) -> Iterator[Test]:
    """All tests of the scan."""
    yield (
        "test_verdict",
        "What the runbook says of each case.",
        '@pytest.mark.parametrize(("account_of", "item", "verdict"), CASES)\n'
        "def test_verdict(answers: Any, account_of: Callable[[Any], None], item: str, verdict: str) -> None:\n{doc}"
        "    account_of(answers)\n    assert verdict_of(run(RUNBOOK, order()), item) == verdict\n",
    )
    yield from _left_out(plan)
    if plan.runbook.evidence:
        yield _evidence(plan)
    yield from _cost(plan)
    if plan.many is not None:
        yield _pages(plan)
    if _has_regions(plan):
        yield _regions()
    yield _failures(plan)


def _left_out(plan: Plan) -> Iterator[Test]:
    skipped = next((example for example in plan.examples.chosen if example.verdict == "skip"), None)
    if skipped is None:
        return
    body = _indented("\n".join(script(tables(plan.anatomy, copies(plan.anatomy, skipped, 1)))))
    yield (
        "test_left_out_says_why",
        "What is left out on purpose is reported, with the reason.",
        f"def test_left_out_says_why(answers: Any) -> None:\n{{doc}}{body}\n"
        "    findings = run(RUNBOOK, order()).findings\n"
        '    assert [(str(f.verdict), bool(f.reason)) for f in findings] == [("skip", True)]\n',
    )


def _evidence(plan: Plan) -> Test:
    shown = {text: oracle.ask(text, plan.case.item.row) for text in plan.runbook.evidence}
    return (
        "test_evidence",
        "What is shown with a finding.",
        "def test_evidence(answers: Any) -> None:\n{doc}    one_match(answers)\n"
        f"    assert run(RUNBOOK, order()).matches[0].evidence == {source(shown)}\n",
    )


def _cost(plan: Plan) -> Iterator[Test]:
    cost, row = plan.runbook.cost, plan.case.item.row
    if cost is None:
        return
    unit = _BRACES.sub(lambda found: str(oracle.ask(found.group(1), row)), cost.unit)
    quantity = oracle.ask(cost.quantity, row)
    if not isinstance(quantity, int | float) or isinstance(quantity, bool):
        return
    if _is_covered(unit, row):
        yield _priced(unit, quantity, cost.per)
    yield (
        "test_unknown_price",
        "A price that is not in the table is unknown, never nothing.",
        "def test_unknown_price(answers: Any) -> None:\n{doc}    one_match(answers)\n"
        "    report = run(RUNBOOK, order())\n"
        "    assert report.matches[0].cost is not None\n    assert report.matches[0].cost.amount is None\n"
        "    assert report.unpriced == 1\n",
    )


def _is_covered(unit: str, row: Mapping[str, Any]) -> bool:
    """Return whether a price of the unit holds for the match, which may be of a kind that no table prices."""
    known = Price(price=1.0, source="test", date="2026-11-01")
    cost = PriceTable(prices={(unit, REGION): known}).cost(unit, REGION, quantity=1, per="month")
    return cost_of(cost, row).amount is not None


def _priced(unit: str, quantity: float, per: str) -> Test:
    return (
        "test_cost",
        f"Price times quantity, per {per}, with the price's date and source.",
        "def test_cost(answers: Any, prices: Any) -> None:\n{doc}    one_match(answers)\n"
        f"    cost = run(RUNBOOK, order(prices=prices({unit!r}, 0.5))).matches[0].cost\n    assert cost is not None\n"
        f"    assert (cost.unit, cost.quantity, cost.per) == ({unit!r}, {quantity!r}, {per!r})\n"
        f"    assert cost.amount == {0.5 * quantity!r}\n"
        '    assert (cost.source, cost.date) == ("test", "2026-11-01")\n',
    )


def _pages(plan: Plan) -> Test:
    assert plan.many is not None
    ids = [case.id for case in plan.many.cases]
    body = _indented("\n".join(script(tables(plan.anatomy, plan.many))))
    return (
        "test_every_page_is_read",
        "Five matches, in pages of two.",
        f"def test_every_page_is_read(answers: Any) -> None:\n{{doc}}{body}\n"
        f"    assert sorted(f.id for f in run(RUNBOOK, order()).matches) == {source(sorted(ids))}\n",
    )


def _has_regions(plan: Plan) -> bool:
    asked = any("_region" in source(each.params) for each in plan.anatomy.sources)
    return plan.runbook.scope.regions != "global" and not asked


def _regions() -> Test:
    return (
        "test_every_region_is_read",
        "Each region is asked for itself, and told with its findings.",
        "def test_every_region_is_read(answers: Any) -> None:\n{doc}    one_match(answers)\n"
        '    report = run(RUNBOOK, replace(order(), regions=["eu-west-1", REGION]))\n'
        '    assert [f.region for f in report.matches] == ["eu-west-1", REGION]\n'
        '    assert answers.regions() == {"eu-west-1", REGION}\n',
    )


def _failures(plan: Plan) -> Test:
    calls = {table.call: _called(table) for table in tables(plan.anatomy, plan.one)}
    rows = "".join(f"\n    ({call!r}, {told!r})," for call, told in calls.items())
    return (
        "test_failed_call_is_said",
        "A scan that could not look says so, and condemns nothing.",
        f'@pytest.mark.parametrize(("call", "told"), [{rows}\n])\n'
        "def test_failed_call_is_said(answers: Any, call: str, told: str) -> None:\n{doc}    one_match(answers)\n"
        f"    answers.breaks(call, {_undeclared(plan)!r})\n    report = run(RUNBOOK, order())\n"
        "    assert told in {error.call for error in report.errors}\n    assert report.matches == []\n",
    )


def _undeclared(plan: Plan) -> str:
    declared = {code for entry in plan.runbook.with_ if isinstance(entry, Get) for code in entry.on_error}
    return "AccessDenied" if not {"AccessDenied", "AccessDeniedException"} & declared else "InternalFailure"


def _called(table: Table) -> str:
    about = aws.operation(table.call)
    return f"{about.service}.{about.method}"


def _indented(text: str) -> str:
    return "\n".join(f"    {line}" if line else line for line in text.splitlines())
