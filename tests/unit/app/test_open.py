"""What is refused when a repository is opened, and who is told to have started a run."""

from pathlib import Path

import pytest

from phasegate.app import open_app
from phasegate.core import InvalidInput
from phasegate.ledger import RunStatus
from phasegate.team import eject
from unit.authors.sample_spec import FOLDER, sample_repository

GATE = "name: spec review, approvers: [manager]"
ESCALATES = "escalate_to: [manager]"


def _with(folder: Path, old: str, new: str) -> Path:
    """A repository whose first gate has that in place of words of ours."""
    sample_repository(folder)
    eject(folder)
    table = folder / "graphs" / "sdlc.yaml"
    text = table.read_text()
    assert old in text
    table.write_text(text.replace(old, new, 1))
    return folder


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (GATE, GATE.replace("manager", "'user:nobody'"), "names user 'nobody'"),
        (GATE, GATE.replace("manager", "'group:finops'"), "names group 'finops'"),
        (ESCALATES, ESCALATES.replace("manager", "'group:finops'"), "names group 'finops'"),
        (GATE, f"{GATE}, quorum: 9", "wants 9 approvals"),
    ],
)
async def test_a_gate_that_nobody_could_pass_is_told_at_once(tmp_path: Path, old: str, new: str, says: str) -> None:
    folder = _with(tmp_path / "target", old, new)
    with pytest.raises(InvalidInput, match=says) as refused:
        async with open_app(folder):
            pass
    assert refused.value.fix


@pytest.mark.parametrize(("by", "known"), [("grace", "grace"), ("", "Tester")])
async def test_a_run_knows_who_started_it(tmp_path: Path, by: str, known: str) -> None:
    folder = sample_repository(tmp_path / "target")
    settings = folder / ".git" / "config"
    settings.write_text(settings.read_text() + "[user]\n\tname = Tester\n")
    async with open_app(folder) as app:
        assert (await app.start(folder / FOLDER, by=by)).by == known
        assert (await app.ledger.runs())[0].by == known


async def test_a_run_whose_process_ended_as_it_parked_works_again_once_it_is_sent_on(tmp_path: Path) -> None:
    """The segment is still there, and whoever follows the run must not be shown the old reason in place of its work."""
    async with open_app(sample_repository(tmp_path / "target")) as app:
        run = await app.start(app.folder.path / FOLDER)
        await app.ledger.set_status(run.id, RunStatus.parked, "a limit was reached")
        again = await app.resume(run.id)
    assert (again.status, again.note, again.segments) == (RunStatus.working, "", 1)
