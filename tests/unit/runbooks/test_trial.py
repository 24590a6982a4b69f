"""One row is evaluated step by step, and each step says what it saw."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import jsonschema
import pytest
import yaml
from moto import mock_aws

from phasegate.core import InvalidInput, UsageError
from phasegate.runbooks.compiler.check import Where
from phasegate.runbooks.compiler.trial import Step, try_one
from phasegate.runbooks.language.model import schema

NOW = datetime(2026, 11, 18, 20, 10, tzinfo=UTC)
HERE = Path(__file__).parent
TEXT = """
scope: {regions: [eu-west-1], params: {days: 30}}
list: ec2.DescribeVolumes
id: VolumeId
where: "State == 'available'"
with:
  - {as: snaps, list: {op: ec2.DescribeSnapshots, params: {OwnerIds: [self]}}, by: [VolumeId, VolumeId], many: true}
  - {as: team, let: "lower(tag(@, 'Team'))"}
match: "age_days(CreateTime) > _params.days && length(snaps) == `0`"
skip: "team == 'sales' && 'sales keeps its own'"
cost: {unit: "ebs:{VolumeType}:gb-month", quantity: Size}
action: {op: ec2.DeleteVolume, params: {VolumeId: "=VolumeId"}}
guard: {protect_tags: [keep]}
"""
ROW = {"VolumeId": "vol-1", "State": "available", "CreateTime": "2026-10-09T20:10:00Z", "VolumeType": "gp2", "Size": 10}


@pytest.fixture(autouse=True)
def _account(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        yield


def of_row(**more: Any) -> dict[str, Step]:
    where = Where(regions=("eu-west-1",))
    return {step.name: step for step in try_one(TEXT, "x", as_of=NOW, where=where, row={**ROW, **more})}


def test_each_part_of_an_expression_is_shown_with_its_value() -> None:
    steps = of_row(snaps=[])
    parts = {part.text: (part.value, part.depth) for part in steps["match"].parts}
    assert parts["age_days(CreateTime) > _params.days"] == (True, 2)
    assert parts["age_days(CreateTime)"] == (40.0, 3)
    assert parts["_params.days"] == (30, 3)
    assert parts["length(snaps)"] == (0, 3)
    assert [steps[name].said for name in ("where", "match", "skip", "verdict")] == ["true", "true", "false", "match"]
    assert (steps["guard"].said, steps["change"].said) == ("holds nothing back", "ec2.delete_volume")
    assert [part.value["quantity"] for part in steps["cost"].parts] == [10]


@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        ({"State": "in-use"}, "none: `where` leaves it out before anything else is asked"),
        ({"snaps": [{}]}, "none: neither a match nor a warning"),
        ({"snaps": [], "Tags": [{"Key": "Team", "Value": "Sales"}]}, "skip: sales keeps its own"),
        ({}, "unknown: snaps: not given in the row"),
    ],
)
def test_the_verdict_is_that_of_a_scan(more: dict[str, Any], verdict: str) -> None:
    assert of_row(**more)["verdict"].said == verdict


def test_what_the_guard_holds_back_is_said() -> None:
    steps = of_row(snaps=[], Tags=[{"Key": "keep", "Value": ""}])
    assert (steps["verdict"].said, steps["guard"].said) == ("match", "it carries the tag keep")


def test_a_part_that_cannot_be_worked_out_says_why() -> None:
    (first, *_) = of_row(snaps=5)["match"].parts
    assert first.error.startswith("cannot be worked out: In function length()")


def test_an_item_is_listed_with_its_details() -> None:
    ec2 = boto3.client("ec2", region_name="eu-west-1")
    volume = ec2.create_volume(Size=10, AvailabilityZone="eu-west-1a")["VolumeId"]
    ec2.create_snapshot(VolumeId=volume)
    steps = {step.name: step for step in try_one(TEXT, "x", as_of=NOW, where=Where(), id_=volume)}
    assert [row["VolumeId"] for row in json.loads(steps["with snaps"].said)] == [volume]
    assert steps["match"].said == "false"
    with pytest.raises(UsageError, match="no item with the id 'vol-2' is listed"):
        try_one(TEXT, "x", as_of=NOW, where=Where(), id_="vol-2")


def test_a_row_without_its_id_is_refused() -> None:
    with pytest.raises(InvalidInput, match="nothing that its id 'VolumeId' can be read from"):
        try_one(TEXT, "x", as_of=NOW, where=Where(), row={"State": "available"})


@pytest.mark.parametrize("path", sorted(HERE.glob("*/*.yaml")), ids=lambda path: path.stem)
def test_editors_take_what_the_compiler_takes(path: Path) -> None:
    jsonschema.validate(yaml.safe_load(path.read_text()), schema())


@pytest.mark.parametrize(
    "change",
    [{"lists": "ec2.DescribeVolumes"}, {"kind": "junk"}, {"match": 5}, {"guard": {"approve": False}}, {"cost": "x"}],
)
def test_editors_refuse_what_the_grammar_refuses(change: dict[str, Any]) -> None:
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"list": "ec2.DescribeVolumes", "id": "VolumeId", "match": "Size", **change}, schema())
