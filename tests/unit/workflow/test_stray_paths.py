"""A draft outside its author's paths: a finding and a round of rework, and never a parked run."""

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from phasegate.authors import Brief, Draft, FunctionReviewer, Report, ScriptedAuthor, ScriptedReviewer, Subject
from phasegate.core import Finding, PhasegateError, Refused, Severity
from phasegate.ledger import DecisionKind, RunStatus, Waiver
from phasegate.ledger.events import CheckReported, Judgement, ReviewReported, RoundStarted
from phasegate.workflow import findings_of
from unit.workflow.fixtures import NOW, Engine, Team, engine, flow, phase

SPEC = "specs/001-thing/spec.md"
ROW = {"role": "writer", "item": "text", "artifacts": ["{spec}/*", "docs/{name}.md"]}
STRAY, KEPT = Draft(files={"src/x.py": b"1", SPEC: b"a"}, message="x"), Draft(files={SPEC: b"b"}, message="x")
OBJECTION = Finding(check="content", rule="guard", severity=Severity.high, path=SPEC, message="it may delete too much")


def team(folder: Path, *drafts: Draft, **more: object) -> Team:
    script = ScriptedAuthor(drafts)
    return Team(folder, flow=flow(phase("first", authors=[ROW], **more)), author=script.draft)


async def rounds(d: Engine) -> list[str]:
    return [event.key for event in await d.ledger.events_of("r1", RoundStarted)]


async def test_the_author_is_told_and_writes_anew(tmp_path: Path) -> None:
    briefs: list[Brief] = []
    script = ScriptedAuthor([STRAY, KEPT])

    async def author(brief: Brief) -> Draft:
        briefs.append(brief)
        return await script.draft(brief)

    async with engine(replace(team(tmp_path), author=author)) as d:
        assert await d.segments.advance(await d.start()) is RunStatus.waiting
        gate = await d.open_gate()
        assert (await rounds(d), findings_of(await d.ledger.events_of("r1", Judgement), "first", 1)) == (
            ["phase:first/1/1", "phase:first/1/2"],
            [],
        )
        assert d.workspace.tree(gate.commit)[SPEC] == b"b"
        await d.decide(DecisionKind.approve, gate)
        assert await d.segments.advance("r1") is RunStatus.released
    assert [brief.key for brief in briefs] == ["first/1/1/text", "first/1/2/text"]
    (told,) = briefs[1].findings
    assert (told.check, told.rule, told.path, told.blocking) == ("artifact-paths", "stray-path", "src/x.py", True)
    assert "specs/001-thing/*, docs/thing.md" in told.message
    assert "specs/001-thing/*, docs/thing.md" in told.fix


async def test_an_author_that_keeps_straying_comes_before_the_person(tmp_path: Path) -> None:
    async with engine(team(tmp_path, *[STRAY] * 3)) as d:
        assert await d.segments.advance(await d.start()) is RunStatus.waiting
        gate = await d.open_gate()
        assert len(await rounds(d)) == 3
        assert "src/x.py" not in d.workspace.tree(gate.commit)
        assert d.workspace.tree(gate.commit)[SPEC] == b"a"
        with pytest.raises(Refused) as refused:
            await d.decide(DecisionKind.approve, gate)
        assert refused.value.reason == "blocking_findings"
        ends = (NOW.date() + timedelta(days=9)).isoformat()
        waiver = Waiver(rules=("artifact-paths/stray-path",), owner="ada", reason="it goes on without it", expires=ends)
        await d.decide(DecisionKind.waive, gate, waiver=waiver)
        assert await d.segments.advance("r1") is RunStatus.released
        assert date.fromisoformat(ends) > NOW.date()


async def test_what_others_found_stands_beside_it_in_each_round(tmp_path: Path) -> None:
    """The second draft gives the tree of the first; what reviewers found in that must not be lost."""
    objects = ScriptedReviewer([[Report(findings=(OBJECTION,))]] * 2)
    made = team(tmp_path, STRAY, STRAY, max_rounds=2, reviews=[{"role": "critic", "checks": ["content"]}])
    async with engine(replace(made, reviewer=objects)) as d:
        await d.segments.advance(await d.start())
        found = findings_of(await d.ledger.events_of("r1", Judgement), "first", 1)
    assert {finding.check for finding in found} == {"artifact-paths", "content"}


async def test_each_author_answers_for_its_own(tmp_path: Path) -> None:
    rows = [{"role": role, "item": role, "artifacts": [f"{role}/*"]} for role in ("coder", "tester")]

    async def author(brief: Brief) -> Draft:
        return Draft(files={f"{brief.role}/a": b"1", "both.txt": b"1"}, message="x")

    async with engine(Team(tmp_path, flow=flow(phase("first", authors=rows, max_rounds=1)), author=author)) as d:
        await d.segments.advance(await d.start())
        gate, events = await d.open_gate(), await d.ledger.events_of("r1", CheckReported)
        strays = [event.check for event in events if event.check.startswith("artifact-paths")]
        assert strays == ["artifact-paths-coder", "artifact-paths-tester"]
        assert {"coder/a", "tester/a"} <= set(d.workspace.tree(gate.commit))
        assert "both.txt" not in d.workspace.tree(gate.commit)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("docs/../../out", id="leaves the repository"),
        pytest.param("/docs/a", id="from the top of the machine"),
        pytest.param("docs//a", id="an empty part"),
        pytest.param("docs/.git/hooks/pre-commit", id="Git's own folder"),
        pytest.param("docs/.GIT/config", id="the same on a file system without case"),
    ],
)
async def test_no_pattern_lets_a_path_out_of_the_tree(tmp_path: Path, path: str) -> None:
    row = {**ROW, "artifacts": ["*"]}
    author = ScriptedAuthor([Draft(files={path: b"1", "docs/a": b"1"}, message="x")])
    table = flow(phase("first", authors=[row], max_rounds=1))
    async with engine(Team(tmp_path, flow=table, author=author.draft)) as d:
        assert await d.segments.advance(await d.start()) is RunStatus.waiting
        assert [found.path for found in findings_of(await d.ledger.events_of("r1", Judgement), "first", 1)] == [path]


async def test_a_reviewer_adds_to_the_checks_and_a_script_that_is_used_up_says_so(tmp_path: Path) -> None:
    seen: list[Subject] = []

    async def judge(subject: Subject) -> list[Report]:
        seen.append(subject)
        return [Report(check="content", evidence="checked"), Report(findings=(OBJECTION,), evidence="read")]

    row = {"role": "critic", "checks": ["content"]}
    made = team(tmp_path, KEPT, max_rounds=3, reviews=[row], checks=[])
    async with engine(replace(made, reviewer=FunctionReviewer(judge))) as d:
        with pytest.raises(PhasegateError, match="no draft is left for 'first/1/2/text'"):
            await d.segments.advance(await d.start())
        (event,) = await d.ledger.events_of("r1", ReviewReported)
    assert (event.evidence, len(event.findings)) == (("checked", "read"), 1)
    assert [(subject.key, subject.checks) for subject in seen] == [("first/1/1/critic", ("content",))]


async def test_no_reviewer_can_leave_a_check_out(tmp_path: Path) -> None:
    row = {"role": "critic", "checks": ["content"]}
    made = team(tmp_path, KEPT, max_rounds=1, reviews=[row], checks=[])
    async with engine(replace(made, reviewer=ScriptedReviewer([[Report(evidence="all is well")]]))) as d:
        await d.segments.advance(await d.start())
        (event,) = await d.ledger.events_of("r1", ReviewReported)
    assert event.evidence == ("all is well", "2 files")
