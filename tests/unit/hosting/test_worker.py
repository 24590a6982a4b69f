"""A worker under a root whose next version changes the workflow."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from phasegate.app import App, open_app
from phasegate.hosting import worker_of
from phasegate.ledger import PrivateKey, Run, RunStatus
from phasegate.team import Surface
from unit.authors.sample_spec import FOLDER, sample_repository, sign_again


def changed_workflow(target: Path) -> None:
    """Write the workflow down as the repository's own, in another version."""
    table = yaml.safe_load(Surface(target).read("graphs", "sdlc.yaml").text)
    table["version"] += 1
    (target / "graphs").mkdir(exist_ok=True)
    (target / "graphs" / "sdlc.yaml").write_text(yaml.safe_dump(table))


async def stands(app: App, run: Run, holds: Callable[[Run], bool]) -> Run:
    async with asyncio.timeout(120):
        while not holds(found := await app.ledger.run(run.id)):  # noqa: ASYNC110 - a worker's thread writes it
            await asyncio.sleep(0.05)
    return found


@pytest.mark.slow
async def test_runs_that_begin_after_a_change_of_the_workflow_go_by_it_and_those_before_say_so(tmp_path: Path) -> None:
    key = PrivateKey.generate()
    target = sample_repository(tmp_path / "target", managers={"mara": key})
    async with open_app(target) as app:
        before = await app.start(target / FOLDER)
        worker = worker_of(app)
        await asyncio.to_thread(worker.start)
        try:
            await stands(app, before, lambda run: run.status is RunStatus.waiting)
            changed_workflow(target)
            sign_again(target, "mara", key)
            async with open_app(target) as own:
                assert own.flow.shape != app.flow.shape
                after = await own.start(target / FOLDER)
                await stands(own, after, lambda run: run.status is RunStatus.waiting)
                [gate] = await own.ledger.gates(after.id)
                assert (
                    own.keeper.moved(await own.ledger.dossier(gate.key)) is None
                )  # opened under the workflow as it is
                await own.ledger.redispatch(before.id, (await own.queue.opened()).dispatch)
                parked = await stands(own, before, lambda run: run.status is RunStatus.parked)
                assert parked.note.startswith(f"workflow 'sdlc' was changed while run '{before.id}' was parked")
        finally:
            await asyncio.to_thread(worker.stop)
