"""A spec without runbook.yaml: the same phases where authors can write it, and a clear refusal where none can."""

from pathlib import Path

import pytest
import tomlkit
import yaml

from phasegate.app import App, open_app
from phasegate.authors import Author, Brief, Deliverable, Draft, FunctionAuthor
from phasegate.authors.roles import CompilerRoles, Parts
from phasegate.core import FixedClock, InvalidInput
from phasegate.hosting import open_engine
from phasegate.ledger import GateStatus, RunStatus
from phasegate.ledger.events import Judgement
from phasegate.scaffold import establish_root
from phasegate.team import Card, Surface
from phasegate.workflow import findings_of
from unit.authors.sample_spec import FOLDER, NOW, sample_repository

TEXTS = {
    "plan": {"plan.md": "# Plan\n\nFR-001 is kept by a list of volumes.\n"},
    "test-plan": {"test-plan.md": "| criterion | tests |\n|---|---|\n| AC-001 | `test_a` |\n| AC-002 | `test_b` |\n"},
    "tasks": {"tasks.md": "# Tasks\n\n- T001 write the list (FR-001)\n"},
}


class Writers(CompilerRoles):
    """Has a function write documents for every role."""

    def __init__(self, **changed: str) -> None:
        self._changed = {f"{name}.md": text for name, text in changed.items()}

    def writes(self, card: Card, kind: Deliverable, item: str) -> bool:
        return item == "spec" or item in TEXTS

    def author(self, card: Card, parts: Parts) -> Author:
        return FunctionAuthor(self._write)

    async def _write(self, brief: Brief) -> Draft:
        texts = {name: self._changed.get(name, text) for name, text in TEXTS.get(brief.item, {}).items()}
        written = {f"{brief.facts.spec}/{name}": text.encode() for name, text in texts.items()}
        return Draft(files={**brief.handed_in, **written}, message=brief.item)


def target(folder: Path, *, runbook: bool = False, change: tuple[str, str] = ("", "")) -> Path:
    """A repository whose workflow ends with the tasks."""
    sample_repository(folder)
    table = yaml.safe_load(Surface().read("graphs", "sdlc.yaml").text)
    table |= {"name": "documents", "phases": table["phases"][:3]}
    (folder / "graphs").mkdir()
    (folder / "graphs" / "documents.yaml").write_text(yaml.safe_dump(table).replace(*change))
    config = folder / "phasegate.toml"
    document = tomlkit.parse(config.read_text())
    document["work"]["flow"] = "documents"
    config.write_text(tomlkit.dumps(document))
    if not runbook:
        (folder / FOLDER / "runbook.yaml").unlink()
    establish_root(folder, None, FixedClock(NOW))
    return folder / FOLDER


async def evidence(app: App, run: str) -> dict[str, list[str]]:
    return {report.key: list(report.evidence) for report in await app.ledger.events_of(run, Judgement)}


async def test_documents_go_through_the_phases_and_their_checks(tmp_path: Path) -> None:
    spec = target(tmp_path)
    async with open_app(spec, clock=FixedClock(NOW), roles=Writers()) as app, open_engine(app) as segments:
        assert not [finding for finding in app.lint(FOLDER) if finding.blocking]
        run = await app.start(spec, policy="demo")
        assert await segments.advance(run.id) is RunStatus.released
        tree, shown = app.workspace.tree((await app.ledger.gates(run.id))[-1].commit), await evidence(app, run.id)
    assert {f"{FOLDER}/{name}" for name in ("spec.md", "plan.md", "test-plan.md", "tasks.md")} <= set(tree)
    assert shown["check:specify/1/1/spec-lint"] == ["1 requirements, 2 acceptance criteria"]
    assert shown["check:specify/1/1/runbook-lint"] == ["runbook-lint: nothing to judge in a documents spec"]
    assert shown["check:tasks/1/1/trace"] == ["3 of 3 ids traced"]
    assert shown["review:tasks/1/1/sre-automation"] == ["2 of 2 criteria have a test"]


async def test_checks_of_documents_find_what_is_missing(tmp_path: Path) -> None:
    spec = target(tmp_path)
    roles = Writers(plan="# Plan\n\nNothing is said.\n")
    async with open_app(spec, clock=FixedClock(NOW), roles=roles) as app, open_engine(app) as segments:
        run = await app.start(spec, policy="demo")
        assert await segments.advance(run.id) is RunStatus.waiting
        (gate,) = await app.ledger.gates(run.id, GateStatus.open)
        found = findings_of(await app.ledger.events_of(run.id, Judgement), "plan", 1)
    assert (gate.key.phase, [finding.rule for finding in found]) == ("plan", ["untraced-requirement"])


async def test_documents_hold_no_code(tmp_path: Path) -> None:
    """No check of code applies to them, so none is let in, whatever the workflow gives to the author."""
    spec = target(tmp_path, change=("'{spec}/*'", "'*'"))

    class Coders(Writers):
        async def _write(self, brief: Brief) -> Draft:
            draft = await super()._write(brief)
            return Draft(files={**draft.files, "src/acme_runbooks/x.py": b"import os\n"}, message=draft.message)

    async with open_app(spec, clock=FixedClock(NOW), roles=Coders()) as app, open_engine(app) as segments:
        run = await app.start(spec, policy="demo")
        await segments.advance(run.id)
        (found,) = findings_of(await app.ledger.events_of(run.id, Judgement), "specify", 1)
        (gate,) = await app.ledger.gates(run.id, GateStatus.open)
        assert "src/acme_runbooks/x.py" not in app.workspace.tree(gate.commit)
    assert (found.rule, found.path) == ("stray-path", "src/acme_runbooks/x.py")
    assert "documents spec" in found.message


async def test_a_run_stays_the_kind_that_was_handed_in(tmp_path: Path) -> None:
    """An author that leaves runbook.yaml out does not get rid of the checks of a runbook."""
    spec = target(tmp_path, runbook=True)

    class Forgetful(Writers):
        async def _write(self, brief: Brief) -> Draft:
            draft = await super()._write(brief)
            return Draft(files={p: c for p, c in draft.files.items() if "runbook" not in p}, message="x")

    async with open_app(spec, clock=FixedClock(NOW), roles=Forgetful()) as app, open_engine(app) as segments:
        run = await app.start(spec)
        status = await segments.advance(run.id)
        found = findings_of(await app.ledger.events_of(run.id, Judgement), "specify", 1)
    assert (status, {finding.rule for finding in found}) == (RunStatus.waiting, {"unreadable"})
    assert {"runbook-lint", "destructive-action"} <= {finding.check for finding in found}
    assert all(finding.blocking and "has no runbook.yaml" in finding.message for finding in found)


async def test_a_run_that_nobody_can_write_does_not_begin_and_says_what_to_do(tmp_path: Path) -> None:
    spec = target(tmp_path)
    async with open_app(spec, clock=FixedClock(NOW)) as app:
        with pytest.raises(
            InvalidInput, match=r"has no runbook\.yaml, and of a documents spec no author can"
        ) as refused:
            await app.start(spec)
        assert await app.ledger.runs() == []
    assert "'spec' (product-owner), 'plan' (cloud-architect)" in str(refused.value)
    assert f"add {FOLDER}/runbook.yaml" in refused.value.fix


async def test_an_item_that_no_author_writes_keeps_the_run_from_beginning(tmp_path: Path) -> None:
    spec = target(tmp_path, runbook=True, change=("item: tasks", "item: poem"))
    async with open_app(spec, clock=FixedClock(NOW)) as app:
        with pytest.raises(InvalidInput, match=r"no author can write 'poem' \(python-engineer\)") as refused:
            await app.start(spec)
    assert "graphs/documents.yaml" in refused.value.fix
