"""What is refused when a repository is opened, and who is told to have started a run."""

from collections.abc import Callable
from pathlib import Path

import pytest

from phasegate.app import open_app
from phasegate.core import InvalidInput, Refused
from phasegate.ledger import PrivateKey, RunStatus
from phasegate.scaffold import add_manager
from phasegate.team import eject
from unit.authors.sample_spec import FOLDER, manager_added, sample_repository, sign_again

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


def _hires(folder: Path) -> None:
    add_manager(folder, "Dee", PrivateKey.generate().public)


def _edits_the_workflow(folder: Path) -> None:
    eject(folder)


def _moves_the_account(folder: Path) -> None:
    config = folder / "phasegate.toml"
    config.write_text(config.read_text().replace("http://127.0.0.1:9", "http://127.0.0.1:10"))


@pytest.mark.parametrize(
    ("change", "reason"), [(_hires, ""), (_edits_the_workflow, "root_newer"), (_moves_the_account, "root_newer")]
)
async def test_a_process_that_began_under_other_rules_decides_and_starts_nothing(
    tmp_path: Path, change: Callable[[Path], None], reason: str
) -> None:
    key = PrivateKey.generate()
    folder = sample_repository(tmp_path / "target", managers={"Mara": key})
    async with open_app(folder) as app:
        change(folder)
        app.require_root()  # nobody signed it yet
        sign_again(folder, "Mara", key)
        try:
            await app.start(folder / FOLDER)
            found = ""
        except Refused as error:
            found = error.reason
    assert found == reason
    async with open_app(folder) as app:
        assert (await app.start(folder / FOLDER)).status is RunStatus.working


async def test_a_process_that_began_without_a_root_starts_again_before_anybody_decides(tmp_path: Path) -> None:
    folder = sample_repository(tmp_path / "target")
    async with open_app(folder) as app:
        app.require_known_root()
        manager_added(folder)
        with pytest.raises(Refused) as refused:
            app.require_root()
    assert refused.value.reason == "root_newer"
