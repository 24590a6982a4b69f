"""What people see, at 80 columns and without colours."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console, RenderableType
from rich.spinner import Spinner

from phasegate.cli.console import THEME
from phasegate.cli.views.findings import findings_list, tally
from phasegate.cli.views.gate import CUT, difference
from phasegate.cli.views.lists import runs_table
from phasegate.cli.views.progress import progress_view, status_view
from phasegate.cli.views.report import report_table
from phasegate.core import Finding, Severity
from phasegate.ledger import Run, RunStatus
from phasegate.reports import PhaseProgress, State, Step
from phasegate.workspace import changes

NOW = datetime(2026, 11, 18, 20, 10, tzinfo=UTC)


def seen(part: RenderableType, width: int = 80, **how: Any) -> str:
    console = Console(theme=THEME, width=width, file=io.StringIO(), highlight=False, color_system=None)
    console.print(part, **how)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


def test_a_difference_hides_no_character_and_cuts_no_line() -> None:
    long = "x" * 300
    shown = seen(
        difference(changes({}, {"a.py": f"name = 'ad\u202emin'\n{long}\n".encode()}), whole=True), soft_wrap=True
    )
    assert "ad<U+202E>min" in shown
    assert long in shown


def test_a_long_difference_says_what_it_leaves_out() -> None:
    text = "".join(f"{number}\n" for number in range(CUT * 2)).encode()
    short, whole = (seen(difference(changes({}, {"a": text}), whole=all_of_it)) for all_of_it in (False, True))
    assert f"… {CUT + 1} more lines of a" in short
    assert f"+{CUT * 2 - 1}" in whole
    assert "more lines" not in whole


def test_findings_come_worst_first_with_place_and_fix() -> None:
    rows = [
        Finding(check="c", rule="r", severity=severity, path="spec.md", line=3, message=f"a {severity}", fix="do so")
        for severity in (Severity.low, Severity.critical)
    ]
    shown = seen(findings_list(rows))
    assert shown.index("a critical") < shown.index("a low")
    assert "spec.md:3" in shown
    assert "→ do so" in shown
    assert tally(rows) == "1 critical, 1 low"


def test_progress_shows_the_steps_of_what_is_at_work_and_for_how_long() -> None:
    steps = (
        Step(kind="draft", name="python-engineer", what="code", state=State.done, seconds=0.5),
        Step(kind="check", name="tests-pass", state=State.working),
        Step(kind="review", name="qa-specialist", state=State.objects, seconds=1, findings=2, blocking=1),
    )
    phases = [
        PhaseProgress(
            id="build", title="Code", gate="build review", state=State.working, steps=steps, attempt=1, round=2
        ),
        PhaseProgress(id="release", title="Wheel", gate="release", state=State.waiting, steps=steps),
    ]
    shown = seen(progress_view("specs/001", phases, 12.3, lambda *_: 4.0, Spinner("dots")))
    assert "Code (attempt 1, round 2)" in shown
    assert "4.0 s" in shown
    assert "2 findings (1 blocking)" in shown
    assert shown.count("python-engineer") == 1
    assert all(len(line) <= 80 for line in shown.splitlines())


def test_a_gate_stands_out_in_the_status() -> None:
    phase = PhaseProgress(id="plan", title="How", gate="architecture review", state=State.gate, steps=())
    assert "◆ plan" in seen(status_view("run", [phase]))
    assert "architecture review: waits for a decision" in seen(status_view("run", [phase]))


@pytest.mark.parametrize("width", [80, 120])
def test_a_long_reason_never_takes_the_runs_id_away(width: int) -> None:
    run = Run(
        id="k3f9ab",
        spec="specs/001-unattached-ebs-volumes",
        flow="sdlc",
        branch="b",
        base="c",
        status=RunStatus.parked,
        note="the disk is full: " + "x" * 200,
        started_at=NOW,
    )
    shown = seen(runs_table([run], NOW, attended=True), width)
    assert "k3f9ab" in shown
    assert "parked: the disk is full" in shown
    assert all(len(line) <= width for line in shown.splitlines())


def test_a_report_says_what_is_unknown_and_what_failed() -> None:
    report = {
        "findings": [
            {"id": "vol-1", "region": "us-east-1", "verdict": "match", "cost": {"monthly": 8.0}},
            {"id": "vol-2", "region": "us-east-1", "verdict": "match", "cost": {"monthly": None}},
        ],
        "counts": {"match": 2, "judged": 9},
        "cost_per_month": 8.0,
        "unpriced": 1,
        "errors": [{"region": "eu-west-1", "call": "ec2.describe_volumes", "code": "AccessDenied", "count": 3}],
    }
    shown = seen(report_table(report))
    assert "$8.00" in shown
    assert "unknown" in shown
    assert "2 found among 9 judged; $8.00 a month; 1 without a known price" in shown
    assert "AccessDenied ×3" in shown
