"""Cost of recorded answers by role."""

from decimal import Decimal

from phasegate.ledger.events import ModelCalled
from phasegate.reports.recorded import recorded_costs

RECORDED = "recorded:answers.jsonl"


def called(role: str, usd: str, model: str = RECORDED) -> ModelCalled:
    return ModelCalled(phase="plan", attempt=1, round=1, role=role, call="plan", usd=usd, model=model, tokens_in=5)


def test_a_role_s_calls_are_summed_the_dearest_role_first_and_paid_models_left_out() -> None:
    paid = called("qa-specialist", "9", "bedrock_converse:amazon.nova-pro-v1:0")
    calls = [called("data-architect", "0.01"), called("architect", "0.1"), called("architect", "0.2"), paid]
    assert [(row.role, row.calls, row.tokens_in, row.usd) for row in recorded_costs(calls)] == [
        ("architect", 2, 10, Decimal("0.3")),
        ("data-architect", 1, 5, Decimal("0.01")),
    ]
