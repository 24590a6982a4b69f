"""Position of each notification channel in each run's events, which are the outbox.

What happens in a run and what is to be told of it are one row, so that nothing can be stored without being told later.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from phasegate.ledger.chain import entry_of, is_of
from phasegate.ledger.events import DeliveryNoted
from phasegate.ledger.records import Entry
from phasegate.store import Database, insert_or_update
from phasegate.store.schema import events, mirrors, runs

_MOST = 100
_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, kw_only=True)
class Mirrored:
    """Position of a channel in a run's events."""

    run: str
    """Empty: what is of no run, such as when the place was switched on."""
    place: str
    seq: int = 0
    """Events up to this one were told."""
    tries: int = 0
    """How often the next one was tried in vain."""
    due_at: datetime = _EPOCH
    """Not before then."""
    trouble: str = ""
    """Why the next one could not be told."""
    holds: Mapping[str, Any] = field(default_factory=dict)
    """What was made there, such as a ticket's key; JSON."""


class Mirrors:
    """The rows of all places."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, run: str, place: str) -> Mirrored:
        """Return the channel's position in a run."""
        return await self._database.read(_find, run, place)

    async def keep(self, mirrored: Mirrored) -> None:
        """Notes how far it is now."""
        await self._database.write(keep, mirrored)

    async def switch_on(self, places: Sequence[str], now: datetime) -> None:
        """Switch channels on for runs that begin from now on, and keep the time of those that are on.

        After a clock was set back, the time moves back with it, so that a run that begins now is followed.
        """
        await self._database.write(_switch_on, places, int(now.timestamp()))

    async def since(self, place: str) -> datetime | None:
        """Return the time since which the channel follows runs, or None."""
        found = (await self.find("", place)).holds.get("since")
        return datetime.fromisoformat(found) if found else None

    async def behind(self, place: str, since: datetime, now: datetime | None = None) -> list[Mirrored]:
        """Runs begun since then with events that the place has not looked at, the oldest first.

        Args:
            place: which.
            since: when it was switched on.
            now: leave out what is not due by then, and stop at a hundred; None: all.
        """
        return await self._database.read(_behind, place, since, now)

    async def of(self, place: str) -> list[Mirrored]:
        """Every run that the place follows."""
        return await self._database.read(_of, mirrors.c.place == place)

    async def of_run(self, run: str) -> list[Mirrored]:
        """Every place that follows the run."""
        return await self._database.read(_of, mirrors.c.run == run)

    async def remarks(self, most: int) -> list[Entry]:
        """Return remarks on undelivered news and manual changes, the newest first."""
        return await self._database.read(_remarks, most)

    async def troubled(self) -> list[Mirrored]:
        """Return the positions at which a delivery failed."""
        return await self._database.read(_of, mirrors.c.trouble != "")


def _find(connection: sa.Connection, run: str, place: str) -> Mirrored:
    query = sa.select(mirrors).where(mirrors.c.run == run, mirrors.c.place == place)
    row = connection.execute(query).mappings().first()
    return _mirrored(row) if row else Mirrored(run=run, place=place)


def _remarks(connection: sa.Connection, most: int) -> list[Entry]:
    query = sa.select(events).where(is_of(DeliveryNoted)).order_by(events.c.at.desc(), events.c.seq.desc())
    return [entry_of(row) for row in connection.execute(query.limit(most)).mappings()]


def _of(connection: sa.Connection, which: sa.ColumnElement[bool]) -> list[Mirrored]:
    query = sa.select(mirrors).where(which, mirrors.c.run != "").order_by(mirrors.c.run, mirrors.c.place)
    return [_mirrored(row) for row in connection.execute(query).mappings()]


def _switch_on(connection: sa.Connection, places: Sequence[str], now: int) -> None:
    for place in places:
        found = _find(connection, "", place)
        since = found.holds.get("since")
        if since is None or datetime.fromisoformat(since).timestamp() > now:
            began = datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds")
            keep(connection, replace(found, holds={**found.holds, "since": began}))


def _behind(connection: sa.Connection, place: str, since: datetime, now: datetime | None) -> list[Mirrored]:
    last = sa.select(sa.func.max(events.c.seq)).where(events.c.run == runs.c.id).scalar_subquery()
    here = sa.and_(mirrors.c.run == runs.c.id, mirrors.c.place == place)
    query = (
        sa.select(runs.c.id, mirrors)
        .select_from(runs.outerjoin(mirrors, here))
        .where(runs.c.started_at >= int(since.timestamp()))
        .where(sa.func.coalesce(mirrors.c.seq, 0) < last)
        .order_by(runs.c.started_at, runs.c.id)
    )
    if now is not None:
        query = query.where(sa.func.coalesce(mirrors.c.due_at, 0) <= int(now.timestamp())).limit(_MOST)
    rows = connection.execute(query).mappings().all()
    return [_mirrored(row) if row["place"] else Mirrored(run=row["id"], place=place) for row in rows]


def keep(connection: sa.Connection, mirrored: Mirrored) -> None:
    """Stores how far a place follows a run."""
    row = {**vars(mirrored), "due_at": int(mirrored.due_at.timestamp()), "holds": json.dumps(dict(mirrored.holds))}
    keys = {"run": row.pop("run"), "place": row.pop("place")}
    connection.execute(insert_or_update(mirrors, list(keys), list(row)).values(**keys, **row))


def _mirrored(row: sa.RowMapping) -> Mirrored:
    return Mirrored(
        run=row["run"],
        place=row["place"],
        seq=row["seq"],
        tries=row["tries"],
        due_at=datetime.fromtimestamp(row["due_at"], UTC),
        trouble=row["trouble"],
        holds=json.loads(row["holds"]),
    )
