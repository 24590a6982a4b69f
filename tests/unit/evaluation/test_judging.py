"""Judgement of what a dry run found."""

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from phasegate.evaluation import DryRun, Seeded, judged, read_intent

INTENT = """
sentence: Stop what is idle, every weekday at 19:00 UTC.
tags: [change]
changes: [ec2.StopInstances]
schedule: "0 19 * * 1-5"
seed:
  - {do: ec2.RunInstances, as: idle}
  - {do: ec2.RunInstances, as: busy}
  - {do: s3.CreateBucket, as: bucket}
expect: {idle: {monthly: 10.0, severity: high}, bucket: {}}
near: {busy: it works}
reference: "list: ec2.DescribeInstances"
slips: [{what: slip, replace: [ec2, rds]}]
"""
RUNBOOK = """
title: Idle instances
severity: high
list: {op: ec2.DescribeInstances, items: "Reservations[].Instances[]"}
id: InstanceId
match: "State.Name == 'running'"
action: {op: ec2.StopInstances, params: {InstanceIds: ["=InstanceId"]}}
guard: {max_changes: 5}
schedule: "0 19 * * 1,2,3,4,5"
"""
SEEDED = {
    "idle": Seeded(region="us-east-1", ids=frozenset({"i-1", "arn:i-1"})),
    "busy": Seeded(region="us-east-1", ids=frozenset({"i-2"})),
    "bucket": Seeded(region="", ids=frozenset({"b"})),
}


def finding(id_: str = "i-1", **more: Any) -> dict[str, Any]:
    plain = {"region": "us-east-1", "verdict": "match", "severity": "high", "cost": {"monthly": 10.0}}
    return {"id": id_, **plain, **more}


BUCKET = finding("b", region="eu-west-1", cost=None)
RIGHT = (finding(), BUCKET)
Told = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]


def told(
    findings: Sequence[Mapping[str, Any]], runbook: str = RUNBOOK, problem: str = "", intent: str = INTENT
) -> Told:
    run = DryRun(seeded=SEEDED, findings=findings, problem=problem)
    found = judged(read_intent(intent, "idle.yaml"), runbook, run)
    assert found.holds == (not any((found.missed, found.extra, found.wrong, problem)))
    return found.missed, found.extra, found.wrong


def test_what_is_right_holds_by_any_name_of_a_resource_and_any_way_to_write_a_schedule() -> None:
    assert told(RIGHT) == ((), (), ())
    assert told((finding("arn:i-1"), BUCKET)) == ((), (), ())


@pytest.mark.parametrize(
    ("findings", "missed", "extra", "wrong"),
    [
        ((BUCKET,), ("idle",), (), ()),
        ((*RIGHT, finding("i-2")), (), ("busy",), ()),
        ((*RIGHT, finding("i-2", verdict="warn")), (), ("busy",), ()),
        ((*RIGHT, finding("i-2", verdict="skip"), finding("i-9", verdict="unknown")), (), (), ()),
        ((*RIGHT, finding("i-9")), (), ("i-9 in us-east-1",), ()),
        ((*RIGHT, finding(region="eu-west-1")), (), ("i-1 in eu-west-1",), ()),
        ((*RIGHT, finding("b")), (), ("bucket again",), ()),
        ((finding(verdict="warn"), BUCKET), ("idle",), (), ()),
        ((finding(severity="low"), BUCKET), (), (), ("idle: severity low in place of high",)),
        ((finding(cost={"monthly": 9.98}), BUCKET), (), (), ("idle: $9.98 in place of $10.00 a month",)),
        ((finding(cost={"monthly": None}), BUCKET), (), (), ("idle: no cost in place of $10.00 a month",)),
    ],
    ids=[
        "missed",
        "near",
        "warned",
        "left-out",
        "unseeded",
        "elsewhere",
        "twice",
        "weak",
        "severity",
        "money",
        "price",
    ],
)
def test_each_difference_has_its_name(
    findings: tuple[Mapping[str, Any], ...], missed: tuple[str, ...], extra: tuple[str, ...], wrong: tuple[str, ...]
) -> None:
    assert told(findings) == (missed, extra, wrong)


@pytest.mark.parametrize(
    ("old", "new", "wrong"),
    [
        ("ec2.StopInstances", "ec2.TerminateInstances", "changes by ec2.TerminateInstances, which nobody asked for"),
        (
            'action: {op: ec2.StopInstances, params: {InstanceIds: ["=InstanceId"]}}\n',
            "",
            "changes nothing in place of ec2.StopInstances",
        ),
        ("1,2,3,4,5", "1-6", "schedule '0 19 * * 1-6' in place of '0 19 * * 1-5'"),
        ('schedule: "0 19 * * 1,2,3,4,5"\n', "", "schedule 'none' in place of '0 19 * * 1-5'"),
    ],
)
def test_changes_and_times_are_those_that_were_asked_for(old: str, new: str, wrong: str) -> None:
    assert old in RUNBOOK
    assert told(RIGHT, RUNBOOK.replace(old, new)) == ((), (), (wrong,))


def test_a_sunday_has_two_numbers() -> None:
    assert told(RIGHT, RUNBOOK.replace("1,2,3,4,5", "7"), intent=INTENT.replace("1-5", "0")) == ((), (), ())
    assert told(RIGHT, RUNBOOK.replace("1,2,3,4,5", "*/2"), intent=INTENT.replace("1-5", "0,2,4,6")) == ((), (), ())


def test_findings_of_a_scan_with_failed_calls_do_not_hold() -> None:
    assert told(RIGHT, problem="ec2.describe_instances failed in eu-west-1: Denied") == ((), (), ())
