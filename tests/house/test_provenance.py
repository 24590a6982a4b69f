"""What is signed is what docs/provenance.md and the schema beside it say."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from phasegate.ledger import DecisionKind, Waiver
from phasegate.ledger.signing import GATE_APPROVAL
from unit.ledger.bundles import released, team
from unit.workflow.fixtures import engine

SCHEMA = json.loads((Path(__file__).parents[2] / "docs" / "gate-approval-v1.schema.json").read_text())


@pytest.mark.parametrize("policy", ["", "demo"])
async def test_every_signed_decision_is_as_the_schema_says(tmp_path: Path, policy: str) -> None:
    await released(tmp_path, policy)
    async with engine(team(tmp_path)) as d:
        signed = [json.loads(decision.envelope.payload) for decision in await d.ledger.decisions("r1")]
    assert {said["predicateType"] for said in signed} == {GATE_APPROVAL} == {SCHEMA["$id"]}
    for said in signed:
        Draft202012Validator(SCHEMA).validate(said["predicate"])
        assert said["subject"][0]["digest"]["gitTree"] == said["predicate"]["tree"]


def test_the_schema_knows_every_decision_and_every_field_of_a_waiver() -> None:
    assert set(SCHEMA["properties"]["decision"]["enum"]) == set(DecisionKind)
    assert set(SCHEMA["properties"]["waiver"]["properties"]) == set(Waiver.__dataclass_fields__)
