"""Real releases of runs that began side by side: each is whole, proves itself, and holds those before it."""

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from phasegate.app import open_app
from phasegate.demo import account
from phasegate.hosting import open_engine
from phasegate.ledger import RunStatus
from phasegate.ledger.events import CheckReported, EffectDone
from phasegate.reports import verify_run
from unit.authors.sample_spec import FOLDER, sample_repository

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

AGAIN = "specs/002-again"


def test_two_specs_and_one_of_them_again_are_released_one_after_another(tmp_path: Path) -> None:
    with account(0) as served:
        folder = sample_repository(tmp_path / "target", endpoint=served.address, managers={})
        shutil.copytree(folder / FOLDER, folder / AGAIN)
        asyncio.run(_released(folder))


async def _released(folder: Path) -> None:
    async with open_app(folder) as app:
        runs = [await app.start(folder / spec, "demo") for spec in (FOLDER, AGAIN, FOLDER)]
        async with open_engine(app) as segments:
            for run in reversed(runs):
                assert await segments.advance(run.id) is RunStatus.released
        receipts = [
            event.receipt
            for run in reversed(runs)
            for event in await app.ledger.events_of(run.id, EffectDone)
            if event.effect in ("publish", "install", "land")
        ]
        assert [r["version"] for r in receipts if "version" in r] == ["0.1.0+demo", "0.2.0+demo", "0.2.1+demo"]
        assert [r["landed"] for r in receipts if "landed" in r] == [True, True, True]
        places = [folder / receipt["environment"] for receipt in receipts if "environment" in receipt]
        assert ["again " in _listed(place) for place in places] == [False, True, True]
        for run in runs:
            claims = await verify_run(app, await app.ledger.run(run.id))
            assert [claim.text for claim in claims if not claim.holds] == []
        assert any(
            "on which it stands" in claim.text for claim in await verify_run(app, await app.ledger.run(runs[1].id))
        )
        again = await app.ledger.events_of(runs[0].id, CheckReported)
        found = [finding.rule for event in again if event.phase == "release" for finding in event.findings]
        assert found == ["nothing-new"]


def _listed(place: Path) -> str:
    """What the installed command of this release lists."""
    command = [str(place / "bin" / "acme-runbooks"), "list"]
    return subprocess.check_output(command, text=True)
