"""The line of runs that want to release: the first in it has the turn, and the others wait without a worker."""

from collections.abc import Callable

import sqlalchemy as sa

from phasegate.ledger.records import GateStatus, RunStatus
from phasegate.ledger.rows import next_segment
from phasegate.store import Statement, insert_new
from phasegate.store.schema import gates, runs, turns

Dispatch = Callable[[sa.Connection, str, int], None]
"""Enqueues segment n of a run inside the caller's transaction."""

_RUN: sa.BindParameter[str] = sa.bindparam("run")
_JOIN = Statement(insert_new(turns, ["run"]))
_FIRST = Statement(sa.select(turns.c.run).order_by(turns.c.number).limit(1))
_LEAVE = Statement(turns.delete().where(turns.c.run == _RUN))
_IDLE = Statement(
    sa.select(turns.c.run)
    .join(runs, runs.c.id == turns.c.run)
    .where(
        sa.or_(
            *(runs.c.status == status.value for status in RunStatus if status.ended or status is RunStatus.parked),
            sa.exists().where(gates.c.run == turns.c.run, gates.c.status == GateStatus.open.value),
        ),
        turns.c.run != _RUN,
    )
)
_WAITS = Statement(sa.select(runs.c.id).where(runs.c.id == _RUN, runs.c.status == RunStatus.waiting.value))
_NOTE = Statement(runs.update().where(runs.c.id == _RUN).values(note=sa.bindparam("why")))


def claim(connection: sa.Connection, run_id: str, dispatch: Dispatch) -> str:
    """Puts a run into the line, once, and gives the run that has the turn.

    Whoever stands in the line though it is parked, has ended or waits for a person, is taken out of it. A run whose
    turn has come, and that nobody sent on, is sent on now.
    """
    for row in _IDLE(connection, run=run_id).fetchall():
        leave(connection, row["run"], dispatch)
    _JOIN(connection, number=None, run=run_id)
    holder = _first(connection)
    if holder != run_id:
        if _WAITS(connection, run=holder).fetchone():
            dispatch(connection, holder, next_segment(connection, holder))
        why = f"it waits for its turn to release: run '{holder}' is at it\nfollow that: 'phasegate status {holder}'"
        _NOTE(connection, run=run_id, why=why)
    return holder


def leave(connection: sa.Connection, run_id: str, dispatch: Dispatch | None) -> None:
    """Take a run out of the line, and dispatch the next one where the run had the turn and there is a queue."""
    had_turn = _first(connection) == run_id
    _LEAVE(connection, run=run_id)
    following = _first(connection) if had_turn else ""
    if following and dispatch:
        dispatch(connection, following, next_segment(connection, following))


def _first(connection: sa.Connection) -> str:
    row = _FIRST(connection).fetchone()
    return str(row["run"]) if row else ""
