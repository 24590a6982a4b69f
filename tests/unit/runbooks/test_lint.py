from inspect import signature
from pathlib import Path

import pytest
import yaml
from jmespath.functions import Functions

from phasegate.core import Finding
from phasegate.runbooks import runtime
from phasegate.runbooks.language.expressions import check_expression
from phasegate.runbooks.language.functions import FUNCTIONS
from phasegate.runbooks.language.lint import lint
from phasegate.runbooks.runtime.expressions import PURE
from phasegate.runbooks.runtime.scan import Scan

TOP = Path(__file__).parents[3]
VALID = sorted(
    [
        *(Path(__file__).parent / "valid").glob("*.yaml"),
        *(TOP / "tests" / "groundtruth").glob("*.yaml"),
        *(TOP / "specs").glob("*/runbook.yaml"),
    ]
)

VOLUMES = """\
list: ec2.DescribeVolumes
id: VolumeId
match: "State == 'available'"
"""
"""The least that a runbook needs; each row below adds a mistake, or changes one line."""


def replaced(old: str, new: str) -> str:
    assert old in VOLUMES
    return VOLUMES.replace(old, new)


def matching(expression: str) -> str:
    return VOLUMES.replace("\"State == 'available'\"", expression)


def found(text: str) -> list[Finding]:
    return lint(text, "specs/001-x/runbook.yaml")


@pytest.mark.parametrize("path", VALID, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_valid_runbook_has_no_finding(path: Path) -> None:
    assert found(path.read_text(encoding="utf-8")) == []


def test_the_least_runbook_has_no_finding() -> None:
    assert found(VOLUMES) == []


TRAPS = yaml.safe_load((Path(__file__).parent / "traps.yaml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: f"{trap['rule']}: {trap['message']}")
def test_a_trap_is_named_with_its_line_and_its_fix(trap: dict[str, str]) -> None:
    (finding,) = found(VOLUMES + trap["added"])

    assert finding.rule == trap["rule"]
    assert finding.path == "specs/001-x/runbook.yaml"
    assert 4 <= finding.line <= len((VOLUMES + trap["added"]).splitlines())
    assert trap["message"] in finding.message
    assert trap["fix"] in finding.fix


def test_broken_yaml_is_named_with_the_line_where_reading_ended() -> None:
    (finding,) = found(VOLUMES + "evidence: [Size\ntitle: x\n")

    assert (finding.rule, finding.line) == ("unreadable", 5)


@pytest.mark.parametrize(
    ("rule", "expression", "fix"),
    [
        ("not-binds-tighter", '"!Attachments[0].InstanceId && !Tags.x"', "!(a.b)"),
        ("not-binds-tighter", "\"!Tags[?Key=='keep']\"", "!(x[…])"),
        ("not-binds-tighter", "\"!State == 'available'\"", "a != b"),
        ("bare-literal", '"Size > 8"', "`8`"),
        ("bare-literal", '"age_days(CreateTime) > -3"', "`-3`"),
        ("bare-literal", '"Encrypted == false"', "`false`"),
        ("out-of-reach", '"Attachments[?VolumeId == InstanceId && Size > `1`]"', "contains"),
        ("out-of-reach", '"Tags[?Key == _params.x]"', "contains"),
        ("out-of-reach", '"Tags[].{key: Key, size: Size}"', "contains"),
        ("unknown-field", '"CreatedAt"', "CreateTime"),
        ("unknown-field", "\"State == available\"", "single quotes"),  # a string without quotes
        ("unknown-field", '"Attachments[].Instance"', "InstanceId"),
        ("unknown-field", '"State.Name"', "leave it out"),  # of a string
        ("field-of-list", "\"Tags.Key == 'x'\"", "[].Key"),
        ("not-a-list", '"State[0]"', "leave the brackets out"),
        ("not-a-list", '"within(State, [])"', "write an empty list in backquotes: `[]`"),
        ("unknown-function", '"age_day(CreateTime) > `3`"', "age_days"),
        ("arity", '"age_days(CreateTime, `3`)"', "1 argument"),
        ("compared-types", "\"Size > '8'\"", "back-ticks"),
        ("compared-types", "\"Encrypted == 'false'\"", "back-ticks"),
        ("compared-types", '"CreateTime < `30`"', "age_days"),
        ("unknown-value", "\"State == 'avaliable'\"", "available"),
        ("syntax", "\"State = 'available'\"", "write =="),
        ("syntax", "\"State == 'available' and Encrypted\"", "&&"),
        ("syntax", '"State =="', "jmespath.org"),
        ("not-an-expression", "3", '"`3`"'),
    ],
)  # fmt: skip
def test_a_trap_of_jmespath_is_named_with_its_fix(rule: str, expression: str, fix: str) -> None:
    findings = [finding for finding in found(matching(expression)) if finding.rule == rule]

    assert findings, found(matching(expression))
    assert fix in findings[0].fix
    assert findings[0].line == 3


@pytest.mark.parametrize(
    ("rule", "step", "fix"),
    [
        ("unknown-operation", "ec2.DescribeVolume", "ec2.DescribeVolumes"),
        ("unknown-operation", "ecc2.DescribeVolumes", "ec2"),
        ("unknown-field", '{op: ec2.DescribeVolumes, items: "Volume[]"}', "Volumes"),
        ("needs-items", "ecs.DescribeServices", "items: services"),
        ("no-operation", "{params: {}}", "op:"),
    ],
)
def test_a_listing_that_aws_does_not_know_is_named(rule: str, step: str, fix: str) -> None:
    findings = [finding for finding in found(replaced("ec2.DescribeVolumes", step)) if finding.rule == rule]

    assert len(findings) == 1
    assert findings[0].blocking
    assert fix in findings[0].fix


def test_the_line_is_that_of_the_word_in_a_long_expression() -> None:
    text = VOLUMES + "warn: >-\n  State == 'available'\n  && Encrypted\n  && Sise > `1`\n"

    assert [(finding.rule, finding.line) for finding in found(text)] == [("unknown-field", 7)]


def test_what_the_grammar_misses_is_told_as_well() -> None:
    assert {finding.message for finding in found("title: x\n")} == {
        "id is missing",
        "list is missing",
        "match is missing",
    }
    assert [(finding.line, finding.message) for finding in found(VOLUMES + "actions: []\n")] == [
        (4, "actions is not a word of the runbook language")
    ]
    assert found("")
    assert found("- a\n")


@pytest.mark.parametrize(
    "text", ["a: " * 3, "[" * 5000, "x: " + "{a: " * 60 + "}" * 60, "x" * 300_000, "\x00", "? [a]\n: b\n"]
)
def test_hostile_text_gives_findings_and_no_error(text: str) -> None:
    assert found(text)


def test_a_global_service_is_asked_once() -> None:
    text = "list: iam.ListUsers\nid: UserName\nmatch: UserName\nscope: {regions: all}\n"

    assert [(finding.rule, finding.blocking) for finding in found(text)] == [("asked-everywhere", False)]
    assert found(text.replace("all", "global")) == []


def test_names_that_with_adds_are_known_to_later_entries_only() -> None:
    snapshots = (
        "with:\n  - {as: late, let: snaps}\n  - {as: snaps, list: ec2.DescribeSnapshots, by: [VolumeId, VolumeId]}\n"
    )

    assert [(finding.rule, finding.line) for finding in found(VOLUMES + snapshots)] == [("unknown-field", 5)]


@pytest.mark.parametrize("name", sorted(FUNCTIONS))
def test_functions_are_those_that_the_grammar_takes(name: str) -> None:
    least, most = FUNCTIONS[name].arity

    check_expression(call(name, least))
    if least:
        with pytest.raises(ValueError, match=f"{name}.. takes"):
            check_expression(call(name, least - 1))
    if most is not None:
        check_expression(call(name, most))
        with pytest.raises(ValueError, match=f"{name}.. takes"):
            check_expression(call(name, most + 1))


def test_the_table_and_the_runtime_have_the_same_functions() -> None:
    bound = {name for name, function in FUNCTIONS.items() if function.bound}
    assert {*PURE, *bound} == set(FUNCTIONS) - set(Functions.FUNCTION_TABLE)
    assert all(hasattr(Scan, name) for name in bound)
    assert {function.python for function in FUNCTIONS.values()} - bound - {""} <= set(runtime.__all__)


@pytest.mark.parametrize("name", sorted(PURE))
def test_a_function_takes_as_many_arguments_as_its_implementation(name: str) -> None:
    params = signature(PURE[name]).parameters.values()
    least = sum(each.default is each.empty and each.kind is not each.VAR_POSITIONAL for each in params)
    arity = FUNCTIONS[name].arity
    assert arity.most == (None if any(each.kind is each.VAR_POSITIONAL for each in params) else len(params))
    assert arity.least == (least if arity.most else 2)


def call(name: str, arguments: int) -> str:
    return f"{name}({', '.join(['a'] * arguments)})"


def test_a_guard_by_age_needs_a_listing_that_says_when() -> None:
    text = 'list: ec2.DescribeVpcs\nid: VpcId\nmatch: "IsDefault"\nguard: {min_age_days: 7}\n'
    assert [(finding.rule, finding.line) for finding in found(text)] == [("guard-age", 4)]


def test_an_undo_cannot_read_what_the_change_answers() -> None:
    text = VOLUMES + (
        'action: [{op: ec2.DeleteVolume, params: {VolumeId: "=VolumeId"}, '
        'undo: {op: ec2.CreateVolume, params: {AvailabilityZone: "=AvailabilityZone", SnapshotId: "=result.X"}}}]\n'
        "guard: {max_changes: 1}\n"
    )
    assert "unknown-field" in [finding.rule for finding in found(text)]


def test_calls_that_cannot_follow_at_once_are_named() -> None:
    text = """\
list: {op: ec2.DescribeInstances, items: "Reservations[].Instances[]"}
id: InstanceId
match: "InstanceType == 'm4.large'"
action:
  - {op: ec2.StopInstances, params: {InstanceIds: ["=InstanceId"]}}
  - {op: ec2.ModifyInstanceAttribute, params: {InstanceId: "=InstanceId", InstanceType: {Value: m5.large}}}
"""
    (finding,) = found(text)
    assert (finding.rule, finding.line, finding.blocking) == ("no-wait", 6, False)


def test_a_date_that_what_was_never_used_lacks_is_named() -> None:
    text = 'list: iam.ListUsers\nscope: {regions: global}\nid: UserName\nmatch: "age_days(PasswordLastUsed) > `90`"\n'
    (finding,) = found(text)
    assert (finding.rule, finding.blocking) == ("null-date", False)
    assert found(text.replace("age_days", "PasswordLastUsed == null || age_days")) == []
