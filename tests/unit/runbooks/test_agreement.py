"""The prose of a spec and its runbook.yaml say the same, or a finding names the line."""

from pathlib import Path

import pytest

from phasegate.core import Criterion, Severity
from phasegate.runbooks import load
from phasegate.runbooks.compiler.agreement import agreement, compared_count
from phasegate.runbooks.compiler.test_generator import compare_criteria
from phasegate.runbooks.compiler.test_generator import test_names as names_of_tests
from phasegate.spec import parse_spec

SPECS = sorted((Path(__file__).parents[3] / "specs").glob("0*"))
VOLUMES = next(path for path in SPECS if path.name.startswith("001"))


def found(spec: str, runbook: str) -> list[tuple[str, str, int]]:
    findings = agreement(parse_spec(spec, "specs/001-x"), load(runbook, "specs/001-x/runbook.yaml"))
    assert not any(finding.blocking for finding in findings)
    return [(finding.rule, finding.requirement, finding.line) for finding in findings]


NOT_COMPARED = {
    "001-unattached-ebs-volumes": [],
    "002-snapshot-unreferenced": ["AC-001", "AC-006", "AC-007"],
    "003-service-idle": ["AC-003", "AC-004", "AC-006"],
    "004-instance-termination-due": [],
}
"""Criteria of shipped specs that name what decides by no value of the runbook."""


@pytest.mark.parametrize("folder", SPECS, ids=lambda path: path.name)
def test_shipped_specs_agree_with_their_runbooks(folder: Path) -> None:
    said = found((folder / "spec.md").read_text(), (folder / "runbook.yaml").read_text())
    assert {rule for rule, _, _ in said} <= {"unchecked-criterion"}
    assert [requirement for _, requirement, _ in said] == NOT_COMPARED[folder.name]


def test_a_criterion_that_nobody_compared_is_named_with_its_line_and_a_form_that_is_read() -> None:
    spec, runbook = (VOLUMES / "spec.md").read_text(), (VOLUMES / "runbook.yaml").read_text()
    vague = spec.replace("unattached and was created 30 days and 1 hour ago", "green", 1)
    line = next(n for n, text in enumerate(vague.split("\n"), 1) if "that is green" in text)
    parsed, loaded = parse_spec(vague, "specs/001-x"), load(runbook, "specs/001-x/runbook.yaml")
    findings = agreement(parsed, loaded)
    (one,) = [finding for finding in findings if finding.rule == "unchecked-criterion"]
    assert (one.requirement, one.line, one.severity) == ("AC-001", line, Severity.low)
    assert one.message == (
        "AC-001 was not checked against runbook.yaml: its Given names no value that runbook.yaml judges by"
    )
    assert one.fix.startswith("write it as, for instance, '`State` = `available`' or '31 days ago' or 'the tag `keep`'")
    assert compared_count(parsed, findings) == "10 compared with runbook.yaml"
    assert compared_count(parse_spec(spec, "specs/001-x"), []) == "all compared with runbook.yaml"


def test_a_criterion_too_long_to_read_is_not_compared() -> None:
    given = "a volume in state `available`" + " and so on" * 300
    criterion = Criterion(id="AC-001", given=given, when="the runbook runs", then="it is found")
    (compared,) = compare_criteria(load((VOLUMES / "runbook.yaml").read_text(), "runbook.yaml"), [criterion])
    assert [part.why for part in compared.unread] == ["its Given is longer than 2,000 characters"]


@pytest.mark.parametrize(
    ("old", "new", "rule", "requirement"),
    [
        ("max_changes: 25", "max_changes: 10", "prose-differs", "FR-007"),
        ("  max_changes: 25\n", "", "prose-differs", "FR-007"),
        ("min_age_days: 7", "min_age_days: 8", "prose-differs", "FR-002"),
        ("min_age_days: 30", "min_age_days: 60", "prose-differs", "FR-002"),
        ("severity: medium", "severity: high", "prose-differs", ""),
    ],
)
def test_value_that_the_prose_contradicts_is_found(old: str, new: str, rule: str, requirement: str) -> None:
    spec, runbook = (VOLUMES / "spec.md").read_text(), (VOLUMES / "runbook.yaml").read_text()
    assert old in runbook
    line = next(n for n, text in enumerate(spec.split("\n"), 1) if text.startswith(f"- **{requirement or 'Severity'}"))
    assert (rule, requirement, line) in [
        (r, q, n if q else line) for r, q, n in found(spec, runbook.replace(old, new, 1))
    ]


def test_criterion_that_no_test_can_show_is_found_at_once() -> None:
    spec = (VOLUMES / "spec.md").read_text()
    broken = spec.replace("created 29 days and 23 hours ago", "created 31 days ago", 1)  # the runbook finds that one
    line = next(n for n, text in enumerate(broken.split("\n"), 1) if "created 31 days ago" in text)
    assert ("untestable-criterion", "AC-002", line) in found(broken, (VOLUMES / "runbook.yaml").read_text())


IDLE = """title: Databases without connections
list: rds.DescribeDBInstances
id: DBInstanceIdentifier
where: "DBInstanceStatus == 'available'"
scope: {params: {days: 14}}
with:
  - as: connections
    metric:
      namespace: AWS/RDS
      name: DatabaseConnections
      stat: Maximum
      days: 14
      dims: {DBInstanceIdentifier: "=DBInstanceIdentifier"}
match: "max(connections) == `0` && age_days(InstanceCreateTime) > _params.days"
"""


@pytest.mark.parametrize(
    ("given", "then", "shown"),
    [
        ("an available instance with a maximum of 1 connection", "it is not found", True),
        ("an available instance with 2 connections", "it is not found", True),
        ("an available instance with `2` connections", "it is not found", True),
        ("an available instance with 2 open connections", "it is not found", True),
        ("an available instance with 2 connections", "it is found", False),
        ("an available instance with 0 connections in the last 14 days", "it is found", True),
        ("an instance without connections for 14 days", "it is found", True),
        ("an instance created 14 days ago without connections", "it is found", False),
        ("an instance created 15 days ago without connections", "it is found", True),
    ],
)
def test_numbers_and_windows_of_a_criterion_are_read(given: str, then: str, shown: bool) -> None:
    criterion = Criterion(id="AC-001", given=given, when="the runbook runs", then=then)
    named = names_of_tests(load(IDLE, "runbook.yaml"), [criterion])
    assert any(ids for _, ids in named) is shown


TAGGED = """title: Development instances
list: {op: ec2.DescribeInstances, items: "Reservations[].Instances[]"}
id: InstanceId
where: "State.Name == 'running'"
match: "tag(@, 'Environment') == 'dev' && tag(@, 'always-on') == null && age_days(LaunchTime) > `30`"
"""


@pytest.mark.parametrize(
    ("given", "found", "missed"),
    [
        ("an instance in state `running` with the tag `Environment` of the value `dev`", True, False),
        ("an instance with the tag `Environment` of the value `dev`", True, False),
        ("an instance in state `running`", True, False),
        ("an instance in state `running` launched 31 days ago without the tag `always-on`", True, False),
        ("an instance with the tag `Environment` of the value `dev` and the tag `always-on`", False, True),
        ("an instance in state `running` with the tag `Environment` of the value `prod`", False, True),
        ("an instance in state `running` launched 29 days ago", False, True),
    ],
)
def test_a_given_may_name_what_every_finding_has_beside_what_differs(given: str, found: bool, missed: bool) -> None:
    for then, shown in (("it is found", found), ("it is not found", missed)):
        criterion = Criterion(id="AC-001", given=given, when="the runbook runs", then=then)
        named = names_of_tests(load(TAGGED, "runbook.yaml"), [criterion])
        assert any(ids for _, ids in named) is shown, then
