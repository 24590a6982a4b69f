"""Rows of the queue name no serializer: nothing that is stored is unpickled."""

import base64
import logging
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from dbos import _serialization

from phasegate.core import PhasegateError
from phasegate.ledger import RunStatus
from phasegate.store.sqlite import SqliteCheckpoints, SqliteStore
from phasegate.workflow.engine.foreign_rows import refuse_foreign
from unit.workflow.fixtures import Team, engine


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str]]:
        return os.mkdir, (str(self.mark),)


def _pickled(mark: Path) -> str:
    return base64.b64encode(pickle.dumps(Bomb(mark))).decode()


async def _set(path: Path, **columns: str) -> None:
    database = await SqliteStore(path).open()
    names = ", ".join(f"{name} = :{name}" for name in columns)
    change = sa.text(f"update workflow_status set {names}")
    await database.write(lambda connection: bool(connection.execute(change, columns)))
    await database.close()


@pytest.mark.parametrize(
    "read",
    [
        lambda text: _serialization.deserialize_value(text, "py_pickle", _serialization.DBOSPortableJSON),
        lambda text: _serialization.deserialize_args(text, "py_pickle", _serialization.DBOSPortableJSON),
        lambda text: _serialization.deserialize_exception(text, "py_pickle", _serialization.DBOSPortableJSON),
        lambda text: _serialization.DefaultSerializer().deserialize(text),
        lambda text: _serialization.DBOSDefaultSerializer.deserialize(text),
    ],
    ids=["value", "arguments", "error", "own", "shared"],
)
async def test_no_reader_of_the_library_unpickles(tmp_path: Path, read: Callable[[str], Any]) -> None:
    async with engine(Team(tmp_path / "house")):
        with pytest.raises(ValueError, match="nothing that is stored is unpickled"):
            read(_pickled(tmp_path / "ran"))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "columns",
    [
        {"serialization": "py_pickle"},
        {"serialization": "py_pickle", "status": "PENDING"},
        {"serialization": "py_pickle", "status": "ERROR"},
        {"serialization": "another"},
        {"name": "another"},
        {"class_name": "os"},
    ],
    ids=lambda columns: "-".join(columns.values()),
)
async def test_a_row_that_was_changed_is_refused_and_its_run_stands_until_a_person_resumes_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, columns: dict[str, str]
) -> None:
    caplog.set_level(logging.CRITICAL, logger="phasegate")
    async with engine(Team(tmp_path / "house")) as d:
        await d.start()
        await _set(d.team.database, **columns, inputs=_pickled(tmp_path / "ran"))
        await d.start(run_id="other")
        await refuse_foreign(SqliteStore(d.team.database), d.team.system, d.queue)
        parked = await d.ledger.run("r1")
        assert parked.status is RunStatus.parked
        assert parked.note.startswith("the queue's row 'r1:1' was changed")
        assert "phasegate run --resume r1" in parked.note
        assert (await d.ledger.run("other")).status is RunStatus.working
        assert d.queue.foreign() == []
        await d.ledger.redispatch("r1", d.queue.dispatch)
        assert await d.segments.advance("r1") is RunStatus.waiting
    assert not (tmp_path / "ran").exists()


async def test_a_row_of_no_run_is_deleted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL, logger="phasegate")
    async with engine(Team(tmp_path)) as d:
        await d.start()
        await _set(d.team.database, workflow_uuid="r", serialization="py_pickle")
        await refuse_foreign(SqliteStore(d.team.database), d.team.system, d.queue)
        assert (await d.ledger.run("r1")).status is RunStatus.working
        assert d.queue.foreign() == []


@pytest.mark.parametrize("kind", ["json", "pickle", "bytearray"])
async def test_a_checkpoint_is_read_in_one_way(tmp_path: Path, kind: str) -> None:
    database = await SqliteStore(tmp_path / "p.db").open()
    saver = SqliteCheckpoints(database)
    with pytest.raises(PhasegateError, match=f"was stored as '{kind}'"):
        saver.serde.loads_typed((kind, b'{"lc": 1, "type": "secret", "id": ["HOME"]}'))
    await saver.close()
    await database.close()
