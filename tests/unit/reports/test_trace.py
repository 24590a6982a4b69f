"""A trace goes both ways, says where each link stands, and shows what is missing."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from phasegate.app import open_app
from phasegate.authors import Facts
from phasegate.cli.program import root
from phasegate.core import Finding, Severity, UsageError
from phasegate.ledger import (
    Comment,
    Decision,
    DecisionKind,
    GateHistory,
    GateKey,
    GateRecord,
    GateStatus,
    Opening,
    Run,
    RunStatus,
    Statement,
)
from phasegate.ledger.events import CheckReported
from phasegate.reports.trace import (
    GateVisit,
    Kind,
    Record,
    Status,
    TraceGraph,
    approvals_by,
    find,
    report,
    requirement_rows,
    trace,
    trace_of_spec,
    walk,
)
from phasegate.reports.trace.record import in_order
from services.happened import done, entries
from unit.authors.sample_spec import FOLDER, sample_repository

NOW = datetime(2026, 11, 18, 20, 10, tzinfo=UTC)
SPEC, MODULE, TESTS = f"{FOLDER}/spec.md", "src/acme/runbooks/free_volumes.py", "tests/runbooks/test_free_volumes.py"
FACTS = Facts(run="r1", spec=FOLDER, project="acme", package="acme", started_at=NOW)
RUN = Run(id="r1", spec=FOLDER, flow="sdlc", branch="b", base="0" * 40, started_at=NOW, status=RunStatus.released)
FILES = {
    SPEC: """# Feature Specification: Free volumes

### User Story 1 - See them (Priority: P1)

**Acceptance Scenarios**:

1. **Given** a free volume, **When** it runs, **Then** it is found (FR-001)
2. **Given** a used volume, **When** it runs, **Then** it is not found (FR-001)
3. **Given** a finding, **When** it is applied, **Then** it is gone

- **FR-001**: It MUST find free volumes.
- **FR-002**: It MUST say what they cost.
- **SC-001**: All are found.
""",
    f"{FOLDER}/tasks.md": f"""# Tasks

- [ ] T001 [P] [US1] Find them in `{MODULE}` (FR-001, AC-001)
- [ ] T002 Write the page in `docs/nowhere.md` (FR-001)
- [ ] T003 Sweep the floor in `{MODULE}`
- [ ] T004 Lay in the runtime in `src/acme/_runtime/` (FR-001)
""",
    f"{FOLDER}/test-plan.md": "| AC-001 | it is found | `test_found` |\n| AC-002 | not found | `test_not_written` |\n",
    MODULE: "# AC-001: a free volume\ndef is_match(row):\n    return True\n",
    TESTS: 'def test_found():\n    """AC-001: found."""\n\n\ndef test_more():\n    """More."""\n',
}


def tree(**more: str) -> dict[str, bytes]:
    return {path: text.encode() for path, text in {**FILES, **more}.items()}


def passage(phase: str, *changed: str, kind: DecisionKind | None = DecisionKind.approve) -> GateVisit:
    key = GateKey("r1", phase, 1)
    gate = GateRecord(
        key=key,
        status=GateStatus.decided if kind else GateStatus.open,
        commit="c" * 40,
        tree="a" * 40,
        since="d" * 40,
        digest=f"digest-of-{phase}",
        opened_at=NOW,
    )
    statement = Statement(gate=key, digest=gate.digest, kind=kind, by="ada", at=NOW) if kind else None
    said = (Decision(statement=statement, key_id="k", signature=b"s"),) if statement else ()
    return GateVisit(gate=gate, changed=changed, decisions=said)


TESTED = CheckReported(phase="build", attempt=1, round=1, check="tests-pass", evidence=("2 of 2 tests passed",))
PUBLISHED = done("release", "publish", version="0.2.0", files={"acme-0.2.0.whl": "beef"})
WHOLE = Record(
    facts=FACTS,
    run=RUN,
    files=tree(),
    there=frozenset({*FILES, "src/acme/_runtime/engine.py"}),
    passages=[passage("specify", SPEC), passage("build", MODULE, TESTS), passage("release", "pyproject.toml")],
    events=entries(TESTED, PUBLISHED),
    wheels={"acme-0.2.0.whl": frozenset({"acme/runbooks/free_volumes.py"})},
)


def met(steps: list[Any]) -> set[str]:
    return {step.node.id for step in steps}


def test_from_a_requirement_to_the_release() -> None:
    found = trace(WHOLE)
    reached = met(found.onward("FR-001"))
    assert reached >= {"AC-001", "T001", MODULE, f"{MODULE}::is_match", f"{TESTS}::test_found"}
    assert reached >= {"build/1/1/tests-pass", "r1/build/1", "r1/release/1", "ada", "0.2.0", "acme-0.2.0.whl"}


@pytest.mark.parametrize("name", ["0.2.0", "acme-0.2.0.whl", "ada", "r1/build/1", MODULE, f"{TESTS}::test_found"])
def test_back_to_the_requirement(name: str) -> None:
    assert met(trace(WHOLE).back(name)) >= {"AC-001", "FR-001", FOLDER}


def test_what_does_not_follow_is_not_met() -> None:
    found = trace(WHOLE)
    assert "FR-002" not in met(found.back(f"{TESTS}::test_found"))
    assert f"{TESTS}::test_found" not in met(found.onward("AC-002"))


@pytest.mark.parametrize(
    ("source", "target", "where"),
    [
        ("FR-001", "AC-001", f"{SPEC}:7"),
        ("AC-001", "T001", f"{FOLDER}/tasks.md:3"),
        ("AC-001", f"{MODULE}::is_match", f"{MODULE}:1"),
        ("AC-001", f"{TESTS}::test_found", f"{TESTS}:1"),
        (TESTS, "build/1/1/tests-pass", "event 1 check:build/1/1/tests-pass"),
        ("build/1/1/tests-pass", "r1/build/1", "event 1 check:build/1/1/tests-pass"),
        ("r1/release/1", "0.2.0", "event 2 effect:release/publish"),
        (MODULE, "acme-0.2.0.whl", "wheel acme-0.2.0.whl!acme/runbooks/free_volumes.py"),
    ],
)
def test_each_link_says_where_it_stands(source: str, target: str, where: str) -> None:
    links = [link for link in trace(WHOLE).links if (link.source, link.target) == (source, target)]
    assert where in [str(link.origin) for link in links]


@pytest.mark.parametrize(
    ("node", "rule"),
    [
        ("FR-002", "requirement-without-criterion"),
        ("FR-002", "requirement-without-task"),
        ("SC-001", "success-without-measure"),
        ("AC-003", "criterion-without-requirement"),
        ("AC-003", "criterion-without-test"),
        ("T002", "task-without-code"),
        ("T003", "task-without-requirement"),
        (f"{TESTS}::test_more", "test-without-criterion"),
        (f"{TESTS}::test_not_written", "test-not-written"),
    ],
)
def test_gaps_are_shown(node: str, rule: str) -> None:
    gaps = {(gap.node, gap.rule) for gap in trace(WHOLE).gaps}
    assert (node, rule) in gaps
    assert ("FR-001", rule) not in gaps


def test_what_stood_there_already_counts_as_there() -> None:
    assert ("T004", "task-without-code") not in {(gap.node, gap.rule) for gap in trace(WHOLE).gaps}
    assert "src/acme/_runtime/" in met(trace(WHOLE).onward("T004"))
    gone = replace(WHOLE, there=frozenset(FILES))
    assert ("T004", "task-without-code") in {(gap.node, gap.rule) for gap in trace(gone).gaps}


def test_tests_that_were_never_run_are_a_gap() -> None:
    silent = replace(WHOLE, events=[])
    assert (TESTS, "tests-not-run") in {(gap.node, gap.rule) for gap in trace(silent).gaps}
    assert requirement_rows(trace(silent))[0].evidence == ()


def status_of(record: Record) -> list[Status]:
    return [row.status for row in requirement_rows(trace(record))]


def test_a_requirement_is_passed_when_all_its_criteria_are() -> None:
    assert status_of(WHOLE) == [Status.untested, Status.untested]  # AC-002 has no test, FR-002 no criterion
    said = FILES[TESTS].replace("AC-001", "AC-001, AC-002")
    plan = {f"{FOLDER}/test-plan.md": ""}
    whole = replace(WHOLE, files=tree(**{TESTS: said, **plan}))
    assert status_of(whole)[0] is Status.passed
    fails = Finding(check="tests-pass", rule="red", severity=Severity.critical, path=TESTS, message="it fails")
    red = TESTED.model_copy(update={"findings": (fails,)})
    assert status_of(replace(whole, events=entries(red)))[0] is Status.failing
    assert status_of(replace(whole, events=[]))[0] is Status.written


def test_before_the_build_tests_are_planned_and_nothing_is_claimed() -> None:
    files = {path: text for path, text in tree().items() if path.startswith(FOLDER)}
    row = requirement_rows(trace(Record(facts=FACTS, run=None, files=files)))[0]
    assert row.status is Status.planned
    assert row.tests == (f"{TESTS}::test_found", f"{TESTS}::test_not_written")
    assert row.code == ()


def test_an_open_gate_is_in_the_trace_and_lets_nothing_through() -> None:
    record = replace(WHOLE, passages=[passage("build", MODULE, kind=None)], events=[])
    found = trace(record)
    assert found.nodes["r1/build/1"].state == "open"
    assert met(found.onward(MODULE)) == {"r1/build/1"}


def test_several_approvals_of_one_gate_are_all_there_and_a_revoked_one_lets_nothing_through() -> None:
    one = passage("build", MODULE)
    both = replace(one, decisions=(*one.decisions, by("bo", one)))
    found = trace(replace(WHOLE, passages=[passage("specify", SPEC), both]))
    assert {"ada", "bo"} <= met(found.onward("FR-001"))
    assert "r1/build/1" in met(found.onward("r1/specify/1"))
    assert "approve by ada" in found.nodes["r1/build/1"].text
    taken_back = replace(one.decisions[0], revoked=True)
    void = replace(one, gate=replace(one.gate, status=GateStatus.void), decisions=(taken_back,))
    found = trace(replace(WHOLE, passages=[passage("specify", SPEC), void]))
    assert found.nodes["r1/build/1"].state == "void"
    assert "revoked" in found.nodes["r1/build/1"].text
    assert "r1/build/1" not in met(found.onward("r1/specify/1"))


def by(name: str, one: GateVisit) -> Decision:
    return replace(one.decisions[0], statement=replace(one.decisions[0].statement, by=name))


def test_gates_of_one_second_keep_the_order_of_the_phases() -> None:
    gates = [passage(phase).gate for phase in ("build", "plan", "specify")]
    assert [gate.key.phase for gate in in_order(gates, ["specify", "plan", "build"])] == ["specify", "plan", "build"]


@pytest.mark.parametrize(
    ("name", "id_"),
    [
        ("fr-001", "FR-001"),
        ("test_found", f"{TESTS}::test_found"),
        ("free_volumes.py", MODULE),
        ("build/1", "r1/build/1"),
        ("is_match", f"{MODULE}::is_match"),
    ],
)
def test_things_are_found_by_the_name_that_people_use(name: str, id_: str) -> None:
    assert [node.id for node in find(trace(WHOLE), name)] == [id_]


@pytest.mark.parametrize(
    ("name", "near"), [("FR-01", "FR-001"), ("test_foun", f"{TESTS}::test_found"), ("adda", "ada")]
)
def test_an_unknown_id_is_answered_with_the_nearest(name: str, near: str) -> None:
    with pytest.raises(UsageError) as error:
        find(trace(WHOLE), name)
    assert near in error.value.fix


def test_a_program_gets_the_same() -> None:
    found = trace(WHOLE)
    whole: dict[str, Any] = report(found).plain()
    assert {node["id"] for node in whole["nodes"]} == set(found.nodes)
    assert len(whole["links"]) == len(found.links)
    one = walk(found, found.nodes["AC-001"]).plain()
    assert one["follows_from"][0]["node"]["id"] == "FR-001"
    assert {gap["rule"] for gap in walk(found, found.nodes["AC-003"]).plain()["gaps"]} >= {"criterion-without-test"}


def test_text_that_is_no_python_is_borne() -> None:
    found: TraceGraph = trace(replace(WHOLE, files=tree(**{MODULE: "def (", TESTS: "\x00"})))
    assert not [node for node in found.of(Kind.test) if "::" in node.id and node.state != "planned"]


async def decided(folder: Path, run: Run, *rows: tuple[str, DecisionKind, datetime]) -> None:
    """Records a run with these decisions of ada's."""
    async with open_app(folder) as app:
        run = replace(run, base=app.workspace.head(), status=RunStatus.working)
        await app.ledger.add_run(run, lambda *_: None)
        for phase, kind, at in rows:
            key = GateKey(run.id, phase, 1)
            gate = GateRecord(
                key=key,
                status=GateStatus.open,
                commit=run.base,
                tree=app.workspace.tree_id(run.base),
                since=run.base,
                digest="f00d" * 16,
                opened_at=at,
            )
            comments = (Comment(text="shorter", path="spec.md", line=3),) if not kind.passes else ()
            statement = Statement(gate=key, digest=gate.digest, kind=kind, by="ada", at=at, comments=comments)
            opening = Opening(gate, Decision(statement=statement, key_id="k", signature=b"s"), [])
            await app.ledger.open_gate(key, partial(_as_it_is, opening))
        await app.ledger.set_status(run.id, RunStatus.released, "", PUBLISHED)


def _as_it_is(opening: Opening, dossier: GateHistory) -> Opening:
    assert dossier.gate is None
    return opening


async def test_what_did_ada_approve_on_that_day(tmp_path: Path) -> None:
    folder = sample_repository(tmp_path / "target")
    later = datetime(2026, 11, 19, 0, 5, tzinfo=UTC)
    await decided(
        folder,
        RUN,
        ("specify", DecisionKind.approve, NOW),
        ("plan", DecisionKind.request_changes, NOW),
        ("tasks", DecisionKind.approve, later),
    )
    async with open_app(folder) as app:
        first, second = await approvals_by(app, "ada", date(2026, 11, 18))
        assert [each.gate.split("/")[1] for each in await approvals_by(app, "ada")] == [
            "specify",
            "plan",
            "tasks",
        ]
        assert await approvals_by(app, "ada", date(2026, 11, 20)) == []
        with pytest.raises(UsageError) as error:
            await approvals_by(app, "bob")
    assert "ada" in error.value.fix
    assert (first.released, [(file.name, file.sha256) for file in first.files]) == (
        "0.2.0",
        [("acme-0.2.0.whl", "beef")],
    )
    assert (second.released, second.files) == ("", ())  # changes were requested: nothing of it went out
    told = second.plain()
    assert told["comments"] == [{"text": "shorter", "path": "spec.md", "line": 3}]
    assert (told["digest"], told["tree"]) == ("f00d" * 16, second.tree)


async def test_a_spec_that_no_run_has_taken(tmp_path: Path) -> None:
    async with open_app(sample_repository(tmp_path / "target")) as app:
        found = trace_of_spec(app, FOLDER)
    assert found.run == ""
    assert "no test shows it yet" in {gap.text for gap in found.gaps}


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sample_repository(tmp_path / "target"))
    assert "FR-001" in CliRunner().invoke(root, ["trace", FOLDER]).output
    told = json.loads(CliRunner().invoke(root, ["trace", FOLDER, "--json"]).output)
    assert [row["status"] for row in told["requirements"]] == ["open"]
    with pytest.raises(UsageError):
        CliRunner().invoke(root, ["trace"], catch_exceptions=False)
    assert CliRunner().invoke(root, ["trace", "--on", "2026-11-18"]).exit_code == 2
    with pytest.raises(UsageError, match="nobody named 'bob'"):
        CliRunner().invoke(root, ["trace", "--by", "bob"], catch_exceptions=False)
