"""Who approved so far, in words."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from phasegate.ledger import Decision, DecisionKind, GateKey, Statement
from phasegate.reports.approvals import approvals, approved

NOW = datetime(2026, 11, 18, 20, 10, tzinfo=UTC)


def said(by: str, kind: DecisionKind = DecisionKind.approve, minutes: int = 3, instead_of: str = "") -> Decision:
    at = NOW - timedelta(minutes=minutes)
    gate = GateKey("r1", "plan", 1)
    statement = Statement(gate=gate, digest="d", kind=kind, by=by, at=at, instead_of=instead_of)
    return Decision(statement=statement, key_id=f"key of {by}", signature=b"")


@pytest.mark.parametrize(
    ("decisions", "needed", "words"),
    [
        ([said("ada")], 1, ""),  # one is enough
        ([], 2, "0 of 2 approvals"),
        ([said("ada")], 2, "1 of 2 approvals: ada, 3 m ago"),
        ([said("ada"), said("amy", minutes=0)], 3, "2 of 3 approvals: ada, 3 m ago; amy, 0 s ago"),
        ([said("dee", instead_of="ada")], 2, "1 of 2 approvals: dee for ada, 3 m ago"),
        # a person and who decides for them are one
        ([said("ada"), said("dee", instead_of="ada")], 2, "1 of 2 approvals: ada, 3 m ago; dee for ada, 3 m ago"),
        ([said("ada", DecisionKind.waive)], 2, "1 of 2 approvals: ada, 3 m ago"),  # with an exception
        ([said("ada"), said("amy", DecisionKind.reject)], 2, "1 of 2 approvals: ada, 3 m ago"),
        ([said("policy:demo")], 2, "passed by policy 'demo' alone; of persons it takes 2 approvals"),
    ],
)
def test_approvals_in_words(decisions: list[Decision], needed: int, words: str) -> None:
    assert approvals(decisions, needed, NOW) == words


def test_two_names_with_one_key_are_one_person() -> None:
    assert approved([said("ada"), replace(said("amy"), key_id="key of ada")]) == 1


def test_an_objection_is_no_approval() -> None:
    assert approved([said("ada"), said("amy", DecisionKind.request_changes)]) == 1
