"""What is printed where a run waits for a person who is not here: why, and a decision that the gate takes."""

import shlex
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from phasegate.authors import Report
from phasegate.cli.interactive import waits
from phasegate.cli.status import status
from phasegate.core import Finding, Parked, Severity
from phasegate.ledger import GateKey
from phasegate.reports import view_gate
from unit.authors.sample_spec import FOLDER, SPEC
from unit.web.fixtures import WebServer, web_server


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[WebServer]:
    async with web_server(tmp_path) as made:
        yield made


def finding(rule: str, message: str) -> Finding:
    return Finding(
        check="spec-lint", rule=rule, severity=Severity.high, path=f"{FOLDER}/spec.md", message=message, fix="mend it"
    )


async def printed(here: WebServer) -> tuple[GateKey, Parked]:
    key = await here.gate()
    return key, waits(await view_gate(here.app, await here.parts.gate(*key)))


async def test_a_gate_that_nothing_blocks_is_approved(here: WebServer) -> None:
    key, parked = await printed(here)
    assert str(parked) == f"run '{key.run}' waits at the spec review for a manager"
    assert f"decide {key} approve --digest" in parked.fix


async def test_a_gate_that_is_blocked_says_by_what_in_one_screen(here: WebServer) -> None:
    found = [finding(f"rule-{number}", "it is\nwrong " * 99) for number in range(9)]
    here.script.reports["spec-lint"] = Report(findings=tuple(found))
    key, parked = await printed(here)
    assert str(parked).endswith("; it is not approved while 9 findings block")
    assert "  blocks:    spec-lint/rule-0: it is wrong it is wrong" in parked.fix
    assert "and 4 more" in parked.fix
    assert len(f"{parked}\n{parked.fix}".splitlines()) <= 24
    assert f"decide {key} approve" not in parked.fix
    words = shlex.split(next(line for line in parked.fix.splitlines() if " waive " in line))
    assert words.count("--waive") == 9


async def test_the_status_says_last_by_what_a_gate_is_blocked(
    here: WebServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    here.script.reports["spec-lint"] = Report(findings=(finding("rule-0", "it is\nwrong " * 9),))
    key, _ = await printed(here)
    monkeypatch.chdir(here.app.folder.path)
    await status(key.run, None, everything=False, as_json=False)
    *_, why, which, onward = capsys.readouterr().out.splitlines()
    assert why == "spec review: not approved while 1 finding blocks"
    assert which.startswith("blocks:    spec-lint/rule-0: it is wrong it is wrong")
    assert onward == f"→ phasegate gate {key.run}"


async def test_a_gate_with_questions_says_how_they_are_answered(here: WebServer) -> None:
    here.script.files[f"{FOLDER}/spec.md"] = f"{SPEC}\n[NEEDS CLARIFICATION: Since when?]\n".encode()
    _, parked = await printed(here)
    assert "request-changes --digest" in parked.fix
    assert '--answer 1="TEXT"' in parked.fix
