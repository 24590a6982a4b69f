"""Work items: orders to a role that wait for an assistant, each taken by one at a time."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa

from phasegate.authors.author import matches
from phasegate.authors.model.answers import DraftAnswer, Malformed, ReviewAnswer, read_answer, schema_of
from phasegate.core import InvalidInput, Refused, digest
from phasegate.store import Database, insert_new, now_ms
from phasegate.store.schema import work_items

LEASE_SECONDS = 1800
"""Seconds for which an item is one assistant's, from its last sign of life."""
MOST_ROUNDS = 8
"""Answers to one item that are judged; the last one goes to the checks as it is."""
Task = Literal["draft", "review"]
_SHAPES: dict[str, type[DraftAnswer] | type[ReviewAnswer]] = {"draft": DraftAnswer, "review": ReviewAnswer}


@dataclass(frozen=True, kw_only=True)
class WorkItem:
    """An order to a role, without what its assistant is told."""

    id: str
    run: str
    key: str
    """Name of the draft or review within the run, `PHASE/ATTEMPT/ROUND/NAME`."""
    role: str
    task: Task
    opened_at: datetime
    holder: str
    """Who has taken it; empty: nobody."""
    held_until: datetime | None
    problem: str
    """Why the last answer was not accepted; empty: none was given, or it was."""


@dataclass(frozen=True, kw_only=True)
class Lease:
    """An item that was taken, with all that its assistant is told."""

    item: WorkItem
    secret: str
    """Proves with each later call that the caller took it."""
    instructions: str
    schema: dict[str, Any]
    """JSON Schema of the answer."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """Draft or review that an author or a reviewer asks an assistant for."""

    run: str
    key: str
    role: str
    task: Task
    instructions: str
    outputs: tuple[str, ...] = ()
    """Path patterns that a draft may write."""


@dataclass(frozen=True, kw_only=True)
class WorkItems:
    """Work items of a repository's runs."""

    database: Database

    async def answer(self, order: Order) -> DraftAnswer | ReviewAnswer | None:
        """Return the answer to an order, or open it for assistants and return None."""
        row = await self.database.write(_opened, order)
        return _SHAPES[order.task].model_validate_json(row["answer"]) if row["answer"] else None

    async def refuse(self, order: Order, problem: str) -> bool:
        """Open an order again because its answer has faults, unless too many were refused already."""
        return await self.database.write(_refused, order, problem)

    async def accept(self, order: Order) -> None:
        """Close an order whose answer is used."""
        await self.database.write(_accepted, _id(order))

    async def forget(self, run: str) -> None:
        """Delete what assistants were told and answered in closed orders of a run that is not worked on."""
        await self.database.write(_forget, run)

    async def listed(self, role: str = "") -> Sequence[WorkItem]:
        """Return the items that wait for an answer, the oldest first, of one role or of all."""
        rows = await self.database.read(_listed, role)
        return [_item(row) for row in rows]

    async def claim(self, id: str, by: str) -> Lease:
        """Take an item that nobody holds.

        Raises:
            Refused: somebody else holds it (`work_taken`), or it waits for no answer (`work_gone`).
        """
        secret = secrets.token_urlsafe(24)
        row = await self.database.write(_taken, id, by, digest(secret.encode()))
        shape = _SHAPES[row["task"]]
        return Lease(item=_item(row), secret=secret, instructions=row["instructions"], schema=schema_of(shape))

    async def renew(self, id: str, secret: str) -> WorkItem:
        """Hold an item for longer.

        Raises:
            Refused: the caller does not hold it (`work_not_held`).
        """
        return _item(await self.database.write(_renewed, id, digest(secret.encode())))

    async def give_back(self, id: str, secret: str) -> None:
        """Let another assistant take an item.

        Raises:
            Refused: the caller does not hold it (`work_not_held`).
        """
        await self.database.write(_given_back, id, digest(secret.encode()))

    async def hand_in(self, id: str, secret: str, arguments: Any) -> WorkItem:
        """Store the answer to an item that the caller holds.

        Raises:
            InvalidInput: the answer does not have the shape, or writes where the role may not.
            Refused: the caller does not hold it (`work_not_held`).
        """
        held = digest(secret.encode())
        row = await self.database.read(_held, id, held)
        try:
            answer = read_answer(arguments, _SHAPES[row["task"]])
        except Malformed as error:
            raise InvalidInput(str(error), fix="hand in the whole answer again") from error
        _require_paths(answer, json.loads(row["outputs"]))
        return _item(await self.database.write(_handed_in, id, held, answer.model_dump_json()))


def _require_paths(answer: DraftAnswer | ReviewAnswer, outputs: Sequence[str]) -> None:
    if not isinstance(answer, DraftAnswer):
        return
    stray = [file.path for file in answer.files if not matches(file.path, outputs)]
    if stray:
        raise InvalidInput(f"'{stray[0]}' may not be written here", fix=f"write only {', '.join(outputs)}")


_OPEN = work_items.c.answer.is_(None) & work_items.c.closed_at.is_(None)
_FREE = work_items.c.lease.is_(None) | (work_items.c.held_until < now_ms())


def _id(order: Order) -> str:
    return digest([order.run, order.key, order.task])[:16]


def _row(connection: sa.Connection, id: str) -> dict[str, Any]:
    row = connection.execute(sa.select(work_items).where(work_items.c.id == id)).mappings().first()
    if row is None:
        raise Refused(f"there is no work item '{id}'", reason="work_gone", fix="list the items that wait")
    return dict(row)


def _opened(connection: sa.Connection, order: Order) -> dict[str, Any]:
    values = {
        "id": _id(order),
        "run": order.run,
        "key": order.key,
        "role": order.role,
        "task": order.task,
        "instructions": order.instructions,
        "outputs": json.dumps(order.outputs),
    }
    connection.execute(insert_new(work_items, ["id"]).values(**values, opened_at=now_ms()))
    return _row(connection, _id(order))


def _refused(connection: sa.Connection, order: Order, problem: str) -> bool:
    row = _row(connection, _id(order))
    if row["rounds"] >= MOST_ROUNDS:
        return False
    _update(connection, row["id"], answer=None, problem=problem, rounds=row["rounds"] + 1)
    return True


def _accepted(connection: sa.Connection, id: str) -> None:
    _update(connection, id, closed_at=now_ms())


def _forget(connection: sa.Connection, run: str) -> None:
    of = (work_items.c.run == run) & work_items.c.closed_at.is_not(None) & (work_items.c.instructions != "")
    # The answer lies in the run's tree and events by now.
    connection.execute(sa.update(work_items).where(of).values(instructions="", answer=None, lease=None))


def _listed(connection: sa.Connection, role: str) -> Sequence[Any]:
    wanted = sa.select(work_items).where(_OPEN).order_by(work_items.c.opened_at, work_items.c.id)
    return connection.execute(wanted.where(work_items.c.role == role) if role else wanted).mappings().all()


def _taken(connection: sa.Connection, id: str, by: str, lease: str) -> dict[str, Any]:
    until = now_ms() + LEASE_SECONDS * 1000
    of = (work_items.c.id == id) & _OPEN & _FREE
    took = connection.execute(sa.update(work_items).where(of).values(lease=lease, holder=by, held_until=until))
    row = _row(connection, id)
    if took.rowcount:
        return row
    if row["answer"] is not None or row["closed_at"] is not None:
        raise Refused(f"'{id}' waits for no answer", reason="work_gone", fix="list the items that wait")
    raise Refused(f"'{row['holder']}' holds '{id}'", reason="work_taken", fix="take another one, or wait")


def _held(connection: sa.Connection, id: str, lease: str) -> dict[str, Any]:
    row = _row(connection, id)
    if row["lease"] != lease or row["answer"] is not None or row["closed_at"] is not None:
        raise Refused(f"you do not hold '{id}'", reason="work_not_held", fix="take it first, unless another one did")
    return row


def _renewed(connection: sa.Connection, id: str, lease: str) -> dict[str, Any]:
    _held(connection, id, lease)
    _update(connection, id, held_until=now_ms() + LEASE_SECONDS * 1000)
    return _row(connection, id)


def _given_back(connection: sa.Connection, id: str, lease: str) -> None:
    _held(connection, id, lease)
    _update(connection, id, lease=None, holder="", held_until=None)


def _handed_in(connection: sa.Connection, id: str, lease: str, answer: str) -> dict[str, Any]:
    _held(connection, id, lease)
    _update(connection, id, answer=answer, problem="")
    return _row(connection, id)


def _update(connection: sa.Connection, id: str, **values: Any) -> None:
    connection.execute(sa.update(work_items).where(work_items.c.id == id).values(**values))


def _item(row: Any) -> WorkItem:
    names = ("id", "run", "key", "role", "task", "holder", "problem")
    until = datetime.fromtimestamp(row["held_until"] / 1000, UTC) if row["held_until"] else None
    opened = datetime.fromtimestamp(row["opened_at"] / 1000, UTC)
    return WorkItem(**{name: row[name] for name in names}, opened_at=opened, held_until=until)
