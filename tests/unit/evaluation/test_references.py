"""Every reference of the suite is a runbook that a run builds: no check of any phase blocks it, and its tests pass."""

from collections.abc import Mapping

import pytest

from phasegate.authors import CheckReviewer, Facts, Subject
from phasegate.authors.checks import TestRuns, checks
from phasegate.authors.kinds import RUNBOOK
from phasegate.core import digest
from phasegate.evaluation import Intent, load_suite, spec_of
from phasegate.release import Builder
from phasegate.runbooks import load
from phasegate.runbooks.compiler.test_generator import compile_tests
from phasegate.sandbox import find_sandbox
from phasegate.team import Phase
from unit.authors.sample_spec import FACTS, Tree, by_phase, scaffolded

INTENTS = load_suite().intents
LAST = "build"
"""Phase after which no code is written. The release builds a wheel, which takes long and has tests elsewhere."""


def names(intent: Intent) -> str:
    return intent.id


def facts(intent: Intent) -> Facts:
    return Facts(
        run="r1",
        spec=f"specs/001-{intent.id}",
        project=FACTS.project,
        package=FACTS.package,
        started_at=FACTS.started_at,
    )


def handed_in(intent: Intent) -> Tree:
    folder = facts(intent).spec
    return {f"{folder}/spec.md": spec_of(intent).encode(), f"{folder}/runbook.yaml": intent.reference.encode()}


def subject(intent: Intent, phase: Phase, files: Tree, since: Mapping[str, bytes]) -> Subject:
    rows = (*phase.checks, *(name for row in phase.reviews for name in row.checks))
    return Subject(
        facts=facts(intent),
        key=f"{phase.id}/1/1/checks",
        kind=RUNBOOK,
        phase=phase.id,
        checks=tuple(dict.fromkeys(name for name in rows if name != "wheel-contents")),
        tree=digest({path: digest(content) for path, content in files.items()}),
        files=files,
        since=since,
    )


@pytest.mark.parametrize("intent", INTENTS, ids=names)
def test_a_verdict_test_is_compiled_for_every_reference(intent: Intent) -> None:
    runbook = load(intent.reference, "runbook.yaml")
    text = compile_tests(runbook, package="p", module="m")["tests/runbooks/test_m.py"].decode()
    assert "def test_verdict(" in text
    assert '"match", id=' in text
    assert any(f'"{verdict}", id=' in text for verdict in ("none", "skip"))


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("intent", INTENTS, ids=names)
async def test_every_reference_is_built_without_a_blocking_finding(intent: Intent) -> None:
    sandbox = await find_sandbox()
    reviewer = CheckReviewer(checks(TestRuns(sandbox), Builder(sandbox)))
    since, seen = scaffolded(facts(intent)), set[str]()
    async for phase, files in by_phase(handed_in(intent), facts(intent), Builder(sandbox)):
        asked = subject(intent, phase, files, since)
        for report in await reviewer.review(asked):
            blocking = [finding for finding in report.findings if finding.blocking]
            assert not blocking, (phase.id, blocking)
            seen |= {report.check} if report.evidence else set()
        since = files
        if phase.id == LAST:
            break
    assert {"criteria-coverage", "tests-pass", "coverage"} <= seen
