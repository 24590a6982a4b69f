"""Reading a runbook.yaml: the whole grammar, and nothing but it."""

import pytest

from phasegate.core import InvalidInput
from phasegate.runbooks import load, schema

LEAST = 'list: ec2.DescribeVolumes\nid: VolumeId\nmatch: "Encrypted == `false`"\n'
WHOLE = """\
title: Unattached EBS volumes
kind: waste
severity: medium
scope:
  regions: [us-east-1]
  accounts: organization
  params: {min_age_days: 30}
list:
  - ec2.DescribeVolumes
  - {op: ec2.DescribeVolumeAttribute, params: {VolumeId: "=VolumeId"}, items: "@", keep: [VolumeId]}
  - {op: ec2.DescribeVolumeStatus, batch: 50, param: VolumeIds, ids: VolumeId, keep: {was: VolumeId}}
id: VolumeId
where: "State == 'available'"
with:
  - {as: one, get: ec2.DescribeVolumesModifications, params: {VolumeIds: ["=VolumeId"]}, on_error: [A, B], default: 0}
  - {as: two, list: ec2.DescribeSnapshots, by: [VolumeId, VolumeId], many: true, select: "[0]"}
  - {as: three, set: [{list: ec2.DescribeImages, select: ImageId}]}
  - {as: four, batch: ec2.DescribeTags, param: Filters, ids: VolumeId, size: 5, rows: Tags, by: ResourceId}
  - {as: five, metric: {namespace: AWS/EBS, name: Ops, stat: p99, days: 0.5, period: 60, dims: {VolumeId: "=VolumeId"}}}
  - {as: six, let: "five[0]"}
match: "age_days(CreateTime) > _params.min_age_days"
warn: "six > `1`"
skip: "tag(@, 'keep') != null && 'kept'"
evidence: [Size]
cost: {unit: "ebs:{VolumeType}:gb-month", quantity: Size, per: month}
action:
  - op: ec2.DeleteVolume
    params: {VolumeId: "=VolumeId"}
    snapshot: {op: ec2.CreateSnapshot, params: {VolumeId: "=VolumeId"}, wait: snapshot_completed}
    undo: {op: ec2.CreateVolume, params: {SnapshotId: "=snapshot.SnapshotId"}}
    verify: gone
guard: {protect_tags: [keep], min_age_days: 7, max_changes: 25, approve: true, window: "Mon-Fri 08:00-17:00 UTC"}
schedule: "0 6 * * 1-5"
"""


def test_three_keys_are_enough() -> None:
    runbook = load(LEAST, "runbook.yaml")
    assert runbook.list_[0].op == "ec2.DescribeVolumes"
    assert runbook.action == ()


def test_the_whole_grammar_is_read_and_its_lines_known() -> None:
    runbook = load(WHOLE, "specs/001-x/runbook.yaml")
    assert [entry.as_ for entry in runbook.with_] == ["one", "two", "three", "four", "five", "six"]
    assert runbook.list_[2].keep == {"was": "VolumeId"}
    assert runbook.line("with", 3, "rows") == 18
    assert runbook.line("action", 0, "snapshot", "wait") == 29


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        (LEAST + "surprise: 1\n", 4, "surprise is not a word of the runbook language"),
        (LEAST + "on: 1\n", 4, "does not read the key on as text"),
        (LEAST + "id: Other\n", 4, "stands twice"),
        (LEAST + "evidence: &a [Size]\nwhere: *a\n", 4, "anchors and aliases"),
        (LEAST + "where: !!python/object/apply:os.system [id]\n", 4, "tag"),
        (LEAST + "where: true\n", 4, "is no expression"),
        (LEAST + "where: 'State =='\n", 4, "is no JMESPath"),
        (LEAST + "where: nope(State)\n", 4, "no function nope()"),
        (LEAST + "schedule: daily\n", 4, "1 fields"),
        (LEAST + "guard: {approve: false}\n", 4, "guard.approve"),
        (LEAST + "guard: {window: always}\n", 4, "is no window"),
        (LEAST + "with:\n  - {as: x, peek: ec2.DescribeTags}\n", 5, "one of get, list, set, batch, metric, let"),
        (LEAST + "with:\n  - {as: x, let: a}\n  - {as: x, let: b}\n", 1, "two entries of `with` are named 'x'"),
        ("list: volumes\nid: a\nmatch: b\n", 1, "list.0.op"),
        ("list: ec2.DescribeVolumes\nmatch: b\n", 1, "id is missing"),
        ("- a\n", 1, "the file"),
        ("a: [\n", 2, "no YAML"),
        (LEAST.replace("ec2.DescribeVolumes", "[{op: ec2.DescribeVolumes, batch: 5}]"), 1, "all three"),
    ],
)
def test_what_the_language_does_not_have_is_refused_with_its_line(text: str, line: int, said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load(text, "runbook.yaml")
    finding = caught.value.findings[0]
    assert said in finding.message
    assert finding.line == line
    assert finding.fix


def test_a_huge_file_is_refused_with_its_size() -> None:
    with pytest.raises(InvalidInput, match="10,000,0"):
        load(LEAST + "#" + "x" * 10_000_000, "runbook.yaml")


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(InvalidInput):
        load(LEAST + "where: " + "[" * 100_000 + "]" * 100_000, "runbook.yaml")


def test_dates_stay_text() -> None:
    runbook = load(LEAST + "scope: {params: {since: 2026-01-01}}\n", "runbook.yaml")
    assert runbook.scope.params == {"since": "2026-01-01"}


def test_bare_keys_of_the_item_are_dimensions_and_other_words_stay_literal() -> None:
    entry = "{as: x, metric: {namespace: n, name: m, stat: Sum, days: 1, dims: {VolumeId: VolumeId, Kind: Standard}}}"
    (metric,) = load(f"{LEAST}with: [{entry}]\n", "runbook.yaml").with_
    assert metric.metric.dims == {"VolumeId": "=VolumeId", "Kind": "Standard"}  # type: ignore[union-attr]


def test_editors_get_a_schema_with_the_words_of_the_file() -> None:
    assert {"list", "id", "with", "match", "action"} <= set(schema()["properties"])
