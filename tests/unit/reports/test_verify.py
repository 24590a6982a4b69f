"""A release that was tampered with does not verify, and the claim that broke says so."""

import asyncio
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pygit2
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phasegate.app import open_app
from phasegate.core import Parked, canonical
from phasegate.demo import account
from phasegate.hosting import open_engine
from phasegate.ledger import PrivateKey
from phasegate.reports.verify import verify_run
from unit.authors.sample_spec import FOLDER, sample_repository

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

WHEEL = "acme_runbooks-0.1.0+demo-py3-none-any.whl"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with one released run."""
    folder = tmp_path_factory.mktemp("verify") / "target"
    with account(0) as served:
        asyncio.run(_released(sample_repository(folder, endpoint=served.address, managers={})))
    return folder


async def _released(folder: Path) -> None:
    async with open_app(folder) as app:
        run = await app.start(folder / FOLDER, "demo")
        with pytest.raises(Parked):
            await verify_run(app, run)
        async with open_engine(app) as segments:
            await segments.advance(run.id)


@pytest.fixture
def copy(release: Path, tmp_path: Path) -> Path:
    """That repository again, to be tampered with."""
    shutil.copytree(release, tmp_path / "target", ignore=shutil.ignore_patterns("installed"), symlinks=True)
    return tmp_path / "target"


async def broken(folder: Path) -> list[str]:
    """The claims that do not hold."""
    async with open_app(folder) as app:
        return [claim.text for claim in await verify_run(app, (await app.ledger.runs())[0]) if not claim.holds]


def shelf(folder: Path) -> Path:
    return folder / ".phasegate" / "index" / "acme-runbooks"


def change(folder: Path, statement: str, *values: object) -> None:
    connection = sqlite3.connect(folder / ".phasegate" / "phasegate.db")
    with connection:
        assert connection.execute(statement, values).rowcount == 1
    connection.close()


def change_wheel(folder: Path) -> None:
    file = shelf(folder) / WHEEL
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def remove_wheel(folder: Path) -> None:
    (shelf(folder) / WHEEL).unlink()


def edit_event(folder: Path) -> None:
    change(folder, "update events set body = ? where key = 'check:release/1/1/tests-pass'", json.dumps({"s": 1.0}))


def remove_event(folder: Path) -> None:
    change(folder, "delete from events where key = 'check:build/1/1/tests-pass'")


def sign_anew(folder: Path) -> None:
    other = PrivateKey(Ed25519PrivateKey.generate())
    connection = sqlite3.connect(folder / ".phasegate" / "phasegate.db")
    query = "select predicate from decisions where phase = 'build'"
    statement = json.loads(connection.execute(query).fetchone()[0])
    connection.close()
    change(
        folder,
        "update decisions set signature = ?, key_id = ? where phase = 'build'",
        other.sign(canonical(statement)),
        other.key_id,
    )


def approve_in_ones_name(folder: Path) -> None:
    connection = sqlite3.connect(folder / ".phasegate" / "phasegate.db")
    query = "select predicate from decisions where phase = 'plan'"
    statement = json.loads(connection.execute(query).fetchone()[0]) | {"by": "ada"}
    connection.close()
    change(folder, "update decisions set predicate = ? where phase = 'plan'", json.dumps(statement))


def move_commit(folder: Path) -> None:
    first = pygit2.Repository(str(folder)).revparse_single("HEAD~3")
    change(folder, "update gates set `commit` = ? where phase = 'build'", str(first.id))


SIGNED = "every decision is signed, and stands where it was told of"
TAMPERED = [
    pytest.param(change_wheel, f"{WHEEL} is the one that was approved", id="a byte of the wheel"),
    pytest.param(remove_wheel, "the wheel is in the index", id="no wheel"),
    pytest.param(edit_event, "the events are whole, in order and signed", id="an edited event"),
    pytest.param(remove_event, "the events are whole, in order and signed", id="an event less"),
    pytest.param(sign_anew, "gate 'build' was passed by policy:demo", id="signed with another key"),
    pytest.param(approve_in_ones_name, SIGNED, id="in the name of a person"),
    pytest.param(move_commit, "each gate's commit has the gate's tree", id="another commit"),
]


async def test_untouched_release_verifies(copy: Path) -> None:
    assert await broken(copy) == []


@pytest.mark.parametrize(("tamper", "claim"), TAMPERED)
async def test_tampering_is_found(tamper: Callable[[Path], None], claim: str, copy: Path) -> None:
    tamper(copy)
    assert claim in await broken(copy)


async def test_other_file_under_the_version_is_found(copy: Path) -> None:
    other = shelf(copy) / WHEEL.replace("py3-none-any", "py2.py3-none-any")
    shutil.copyfile(shelf(copy) / WHEEL, other)
    assert "the index holds nothing else of this version" in await broken(copy)
