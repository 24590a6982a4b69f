"""What types tell of an expression: that it is null, true or false for every item."""

from pathlib import Path

import pytest

from phasegate.runbooks.language.lint import lint

HERE = Path(__file__).parent
TOP = HERE.parents[2]
FILES = [
    *sorted((TOP / "specs").glob("*/runbook.yaml")),
    *sorted((TOP / "tests" / "groundtruth").glob("*.yaml")),
    *sorted((HERE / "emitted").glob("*.yaml")),
    *sorted((HERE / "valid").glob("*.yaml")),
]
INFERRED = {"argument-type", "compared-types", "constant-condition", "field-of-list", "not-a-list", "unknown-field"}


def found(match: str, more: str = "") -> list[tuple[str, int, str]]:
    text = f"list: ec2.DescribeVolumes\nid: VolumeId\n{more}match: {match!r}\n"
    return [(each.rule, each.line, each.fix) for each in lint(text, "runbook.yaml") if each.rule in INFERRED]


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_no_runbook_of_ours_is_called_wrong_by_its_types(path: Path) -> None:
    assert [each for each in lint(path.read_text(), path.name) if each.rule in INFERRED] == []


@pytest.mark.parametrize(
    ("match", "rule"),
    [
        # types that are never alike
        ("Attachments == 'in-use'", "compared-types"),
        ("Size == 'large'", "compared-types"),
        ("Attachments > `0`", "compared-types"),
        ("CreateTime == `5`", "compared-types"),
        # arguments that a function cannot take
        ("length(Size) > `0`", "argument-type"),
        ("sum(Tags) > `0`", "argument-type"),
        ("age_days(Attachments) > `3`", "argument-type"),
        ("starts_with(Tags, 'a')", "argument-type"),
        ("div(Tags, `2`) > `1`", "argument-type"),
        # brackets over what is no list
        ("length([].VolumeId) == `0`", "not-a-list"),
        ("State[0] == 'a'", "not-a-list"),
        # nothing there to read
        ("State.Name == 'available'", "unknown-field"),
        ("Attachments.State == 'attached'", "field-of-list"),
        # the same for every item
        ("State == 'available' && State == 'in-use'", "constant-condition"),
        ("State != 'available' || State != 'in-use'", "constant-condition"),
        ("Size > `5` && Encrypted && Size < `3`", "constant-condition"),
        ("Size > `5` && Size <= `5`", "constant-condition"),
        ("Size == `5` && Size > `7`", "constant-condition"),
        ("length(Attachments) >= `0`", "constant-condition"),
        ("length(Attachments) < `0`", "constant-condition"),
        ("length(Attachments) > `-1`", "constant-condition"),
        ("State == State", "constant-condition"),
        ("'available' == 'in-use'", "constant-condition"),
        ("Size > `null`", "constant-condition"),
        ("Size > null", "constant-condition"),
    ],
)
def test_what_is_the_same_for_every_item_is_an_error(match: str, rule: str) -> None:
    assert [(name, line, bool(fix)) for name, line, fix in found(match)] == [(rule, 3, True)]


@pytest.mark.parametrize(
    "match",
    [
        "State == 'available' || State == 'in-use'",
        "State != 'available' && State != 'in-use'",
        "Size > `5` && Size < `7`",
        "Size >= `5` && Size <= `5`",
        "Size > `5` && Iops < `3`",
        "length(Attachments) == `0`",
        "length(Attachments) > `0`",
        "length(Tags) >= `1`",
        "Size == null",
        "contains(Tags[].Key, 'a')",
        "age_days(CreateTime) > `3` && age_days(CreateTime) < `30`",
        "max(Attachments[].VolumeId) == 'a'",
        "tag(@, 'a') == '5'",
        "to_number(tag(@, 'a')) > `5`",
        "`true`",
    ],
)
def test_what_tells_items_apart_is_none(match: str) -> None:
    assert found(match) == []


def test_a_projection_over_a_row_is_named_with_what_to_write() -> None:
    used = "with: [{as: used, set: [{list: ec2.DescribeSnapshots, select: '[].VolumeId'}]}]\n"
    assert found("within(VolumeId, used)", used) == [
        ("not-a-list", 3, "write VolumeId, which is read from the row itself")
    ]


def test_a_detail_has_the_type_of_its_answer() -> None:
    detail = '  - {as: metric, metric: {namespace: N, name: M, stat: Sum, days: 1, dims: {V: "=VolumeId"}}}\n'
    assert [rule for rule, _, _ in found("metric == `0`", f"with:\n{detail}")] == ["compared-types"]
    assert found("sum(metric) == `0`", f"with:\n{detail}") == []
