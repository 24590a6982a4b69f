"""Tests of what is found."""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, islice
from typing import Any

from phasegate.runbooks.compiler.test_generator import oracle
from phasegate.runbooks.compiler.test_generator.answer_fields import Slot
from phasegate.runbooks.compiler.test_generator.literal import source
from phasegate.runbooks.compiler.test_generator.mock_answers import Account, copies, tables
from phasegate.runbooks.compiler.test_generator.plan import Plan
from phasegate.runbooks.compiler.test_generator.template import Test, rows, section, write_test
from phasegate.runbooks.compiler.test_generator.values import REGION
from phasegate.runbooks.language import aws
from phasegate.runbooks.language.expressions import names, parse, unparse, walk
from phasegate.runbooks.language.model import Cost, Get, Step
from phasegate.runbooks.runtime.prices import Price, PriceTable, cost_of
from phasegate.runbooks.runtime.values import is_number, truth

_MOST_KINDS = 500
_MOST_CASES = 12
_BRACES = re.compile(r"\{([^{}]*)\}")


def prepared(plan: Plan) -> Iterator[str]:
    """Write the accounts and cases that tests refer to."""
    cases = []
    for number, one in enumerate(plan.accounts, 1):
        name = "account" if len(plan.accounts) == 1 else f"account_{number}"
        yield section("account", name=name, told="One row for each case.", rows=rows(plan.anatomy, one))
        cases += [(name, c.id, c.example.verdict, c.example.words) for c in one]
    params = "".join(f"\n    pytest.param({n}, {i!r}, {v!r}, id={w!r})," for n, i, v, w in cases)
    yield f"CASES = [{params}\n]\n"
    yield section("account", name="one_match", told="The match alone.", rows=rows(plan.anatomy, plan.one))


def detection(plan: Plan) -> Iterator[Test]:
    """Write all tests of the scan."""
    runbook, row = plan.runbook, plan.case.item.row
    yield write_test("test_verdict")
    skipped = next((example for example in plan.examples.chosen if example.verdict == "skip"), None)
    if skipped is not None:
        yield write_test("test_left_out_says_why", rows=rows(plan.anatomy, copies(plan.anatomy, skipped, 1)))
    if runbook.evidence:
        shown = {text: oracle.ask(text, row) for text in runbook.evidence}
        yield write_test("test_evidence", shown=source(shown))
    if runbook.cost:
        yield from _cost(runbook.cost, row)
    if any(cost.when for cost in runbook.cost):
        yield from _cost_of_others(plan)
    if plan.many is not None:
        ids = sorted(case.id for case in plan.many)
        yield write_test("test_every_page_is_read", rows=rows(plan.anatomy, plan.many), ids=source(ids))
    if _has_regions(plan):
        yield write_test("test_every_region_is_read")
    asked = {table.call: aws.operation(table.call).call for table in tables(plan.anatomy, plan.one)}
    calls = "".join(f"\n    ({call!r}, {told!r})," for call, told in asked.items())
    yield write_test("test_failed_call_is_said", calls=calls, code=_undeclared(plan))
    gone = [f"\n    ({call!r}, {aws.operation(call).call!r}, {code!r})," for call, code in _gone(plan)]
    if gone:
        yield write_test("test_what_is_gone_is_no_error", calls="".join(gone))


def _cost(costs: Sequence[Cost], row: Mapping[str, Any]) -> Iterator[Test]:
    parts = [(_unit(cost, row), _quantity(cost, row), cost.per) for cost in costs]
    if any(not is_number(quantity) for _, quantity, _ in parts):
        return
    # as the runtime rounds
    told = [(unit, quantity, per, round(0.5 * quantity, 6)) for unit, quantity, per in parts]
    paid = [unit for unit, quantity, _ in parts if quantity]
    if len(told) == 1 and _is_covered(told[0][0], row):
        unit, quantity, per, amount = told[0]
        yield write_test("test_cost", per=per, unit=repr(unit), quantity=repr(quantity), amount=repr(amount))
    elif len(told) > 1 and all(_is_covered(unit, row) for unit in paid):
        yield write_test("test_cost_is_the_sum_of_its_parts", units=source(paid), parts=repr(told))
    if len(set(paid)) > 1:
        yield write_test("test_unknown_part_makes_the_sum_unknown", unit=repr(paid[0]))
    if paid:
        yield write_test("test_unknown_price")


def _cost_of_others(plan: Plan) -> Iterator[Test]:
    """Write the test of matches that have other parts of the cost than the usual one."""
    costs = plan.runbook.cost
    seen = {(_priced(costs, plan.case.item.row), _clauses(costs, plan.case.item.row))}
    cases: list[tuple[Account, Any]] = []
    for choice in islice(_kinds(plan), _MOST_KINDS):
        one = plan.still_matches(choice)
        told = _priced(costs, one[0].item.row) if one else None
        if not one or not told or not all(_is_covered(unit, one[0].item.row) for unit, paid, *_ in told if paid):
            continue
        # A near miss costs the same, and shows that each clause of a condition is needed.
        kind = (told, _clauses(costs, one[0].item.row))
        if kind not in seen and len(cases) < _MOST_CASES:
            seen.add(kind)
            cases.append((one, told))
    if cases:
        makers = "\n".join(
            f"    if case == {number}:\n{rows(plan.anatomy, one, depth=2)}" for number, (one, _) in enumerate(cases)
        )
        params = "".join(
            f"\n    ({number}, {[unit for unit, *_ in told]!r}, {list(told)!r}),"
            for number, (_, told) in enumerate(cases)
        )
        yield write_test("test_cost_of_other_kinds", rows=makers, cases=params)


def _kinds(plan: Plan) -> Iterator[dict[Slot, Any]]:
    """Yield choices of one and of two values that the conditions of the cost read."""
    read = set().union(*(names(cost.when) for cost in plan.runbook.cost if cost.when))
    slots = {slot: known for slot, known in plan.anatomy.space.slots.items() if read & set(slot.path)}
    single = [(slot, value) for slot, known in slots.items() for value in known]
    yield from (dict([each]) for each in single)
    yield from (dict(pair) for pair in combinations(single, 2) if pair[0][0] != pair[1][0])


def _clauses(costs: Sequence[Cost], row: Mapping[str, Any]) -> tuple[bool, ...]:
    """Return which comparisons of the conditions hold."""
    nodes = (node for cost in costs if cost.when for node in walk(parse(cost.when)))
    return tuple(truth(oracle.ask(unparse(node), row)) for node in nodes if node["type"] == "comparator")


def _priced(costs: Sequence[Cost], row: Mapping[str, Any]) -> tuple[tuple[str, Any, str, float], ...] | None:
    """Return unit, quantity, `per` and amount of each part at a price of 0.5, or None where a quantity is unknown."""
    parts = [(_unit(cost, row), _quantity(cost, row), cost.per) for cost in costs]
    if not all(is_number(quantity) for _, quantity, _ in parts):
        return None
    return tuple((unit, quantity, per, round(0.5 * quantity, 6)) for unit, quantity, per in parts)


def _unit(cost: Cost, row: Mapping[str, Any]) -> str:
    return _BRACES.sub(lambda found: str(oracle.ask(found.group(1), row)), cost.unit)


def _quantity(cost: Cost, row: Mapping[str, Any]) -> Any:
    there = cost.when is None or truth(oracle.ask(cost.when, row))
    return oracle.ask(cost.quantity, row) if there else 0


def _is_covered(unit: str, row: Mapping[str, Any]) -> bool:
    """Return whether a price of the unit holds for the match, which may be of a kind that no table prices."""
    known = Price(price=1.0, source="test", date="2026-11-01")
    cost = PriceTable(prices={(unit, REGION): known}).cost(unit, REGION, quantity=1, per="month")
    return cost_of(cost, row).amount is not None


def _gone(plan: Plan) -> Iterator[tuple[str, str]]:
    """Yield calls of steps, each with a code that says that the row above is gone wherever it is called."""
    steps = [each.part for each in plan.anatomy.sources if isinstance(each.part, Step)]
    for call in dict.fromkeys(step.op for step in steps):
        alike = [set(step.on_error) for step in steps if step.op == call]
        yield from ((call, code) for code in sorted(set.intersection(*alike)))


def _has_regions(plan: Plan) -> bool:
    asked = any("_region" in source(each.params) or each.region for each in plan.anatomy.sources)
    return plan.runbook.scope.regions != "global" and not asked


def _undeclared(plan: Plan) -> str:
    parts = (each.part for each in plan.anatomy.sources)
    declared = {code for part in parts if isinstance(part, Get | Step) for code in part.on_error}
    return "AccessDenied" if not {"AccessDenied", "AccessDeniedException"} & declared else "InternalFailure"
