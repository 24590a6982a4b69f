"""What is refused when a repository is opened, and who is told to have started a run."""

from pathlib import Path

import pytest

from phasegate.app import open_app
from phasegate.core import InvalidInput
from phasegate.team import eject
from unit.authors.small import FOLDER, laid

GATE = "name: spec review, approvers: [manager]"


def _with(folder: Path, gate: str) -> Path:
    """A repository whose first gate says that."""
    laid(folder)
    eject(folder)
    table = folder / "graphs" / "sdlc.yaml"
    text = table.read_text()
    assert GATE in text
    table.write_text(text.replace(GATE, gate))
    return folder


@pytest.mark.parametrize(
    ("gate", "says"),
    [
        ("name: spec review, approvers: ['user:nobody']", "names user 'nobody'"),
        ("name: spec review, approvers: ['group:finops']", "names group 'finops'"),
        (f"{GATE}, escalate_after: 1d, escalate_to: ['group:finops']", "names group 'finops'"),
        (f"{GATE}, quorum: 9", "wants 9 approvals"),
    ],
)
async def test_a_gate_that_nobody_could_pass_is_told_at_once(tmp_path: Path, gate: str, says: str) -> None:
    folder = _with(tmp_path / "target", gate)
    with pytest.raises(InvalidInput, match=says) as refused:
        async with open_app(folder):
            pass
    assert refused.value.fix


@pytest.mark.parametrize(("by", "known"), [("grace", "grace"), ("", "Tester")])
async def test_a_run_knows_who_started_it(tmp_path: Path, by: str, known: str) -> None:
    folder = laid(tmp_path / "target")
    settings = folder / ".git" / "config"
    settings.write_text(settings.read_text() + "[user]\n\tname = Tester\n")
    async with open_app(folder) as app:
        assert (await app.start(folder / FOLDER, by=by)).by == known
        assert (await app.ledger.runs())[0].by == known
