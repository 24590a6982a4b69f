import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from phasegate.store.sqlite.engine import queue_engine, sync_engine


@pytest.mark.parametrize("engine", [sync_engine, queue_engine])
def test_a_default_of_the_queues_library_is_now(engine: Callable[[Path], sa.Engine], tmp_path: Path) -> None:
    opened = engine(tmp_path / "p.db")
    with opened.begin() as connection:
        connection.exec_driver_sql("create table t (n int, at integer not null default (unixepoch('subsec') * 1000))")
        connection.exec_driver_sql("insert into t (n) values (1)")
        at = connection.exec_driver_sql("select at from t").scalar_one()
    opened.dispose()
    assert at == pytest.approx(time.time() * 1000, abs=60_000)
