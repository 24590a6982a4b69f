"""Work items: orders to a role that wait for an assistant, each taken by one at a time."""

import json
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa

from phasegate.authors.author import matches
from phasegate.authors.model.answers import DraftAnswer, Malformed, ReviewAnswer, read_answer, schema_of
from phasegate.core import InvalidInput, Refused, digest
from phasegate.ledger import Dispatch
from phasegate.ledger.rows import next_segment
from phasegate.store import Database, insert_new, now_ms
from phasegate.store.schema import work_items

LEASE_SECONDS = 1800
"""Seconds for which an item is one assistant's, from its last sign of life."""
MOST_ROUNDS = 8
"""Answers to one item that are judged; the last one goes to the checks as it is."""
MOST_CHARACTERS = 800_000
"""Of all files of an answer, so that each fits into a request of the REST API."""
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
    rounds: int
    """Number of answers that were not accepted."""

    @property
    def phase(self) -> str:
        """Name of the phase that asks for it."""
        return self.key.partition("/")[0]


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

    async def supersede(self, run: str, waited_for: Collection[str]) -> None:
        """Close the open orders of a run that no draft or review of it waits for any more.

        Args:
            run: whose; it is not worked on.
            waited_for: keys of its orders that stay open.
        """
        await self.database.write(_superseded, run, waited_for)

    async def listed(self, role: str = "", run: str = "") -> Sequence[WorkItem]:
        """Return the items that wait for an answer, the oldest first, of one role or run or of all."""
        rows = await self.database.read(_listed, role, run)
        return [_item(row) for row in rows]

    async def find(self, id: str) -> tuple[WorkItem, str]:
        """Return an item that waits for an answer, and what its assistant is told.

        Raises:
            Refused: it waits for no answer (`work_gone`).
        """
        row = await self.database.read(_waiting, id)
        return _item(row), str(row["instructions"])

    async def claim(self, id: str, by: str) -> Lease:
        """Take an item that nobody holds.

        Raises:
            Refused: somebody else holds it (`work_taken`), or it waits for no answer (`work_gone`).
        """
        secret = secrets.token_urlsafe(24)
        # Stored as its digest alone: whoever reads the database cannot hand in for the assistant that took the order.
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

    async def hand_in(self, id: str, secret: str, arguments: Any, dispatch: Dispatch) -> WorkItem:
        """Store the answer to an item that the caller holds, and send its run on, in one transaction.

        Handing the same answer in again changes nothing, so that a lost reply can be asked for again.

        Args:
            id: the item's.
            secret: the lease's.
            arguments: the answer, of the lease's schema.
            dispatch: enqueues the run's next segment.

        Raises:
            InvalidInput: the answer does not have the shape, is too long, or writes where the role may not.
            Refused: the caller does not hold it (`work_not_held`), another answer was handed in (`work_handed_in`), or
                the run waits for none any more (`work_gone`).
        """
        held = digest(secret.encode())
        row = await self.database.read(_held, id, held)
        try:
            answer = read_answer(arguments, _SHAPES[row["task"]])
        except Malformed as error:
            raise InvalidInput(str(error), fix="hand in the whole answer again") from error
        # Judged while the assistant is there to mend it; all that takes longer is judged when the run goes on.
        _require_length(answer)
        _require_paths(answer, json.loads(row["outputs"]))
        return _item(await self.database.write(_handed_in, id, held, answer.model_dump_json(), dispatch))


def _require_length(answer: DraftAnswer | ReviewAnswer) -> None:
    length = len(answer.model_dump_json())
    if length > MOST_CHARACTERS:
        message = f"the answer has {length:,} characters, and {MOST_CHARACTERS:,} are the most"
        raise InvalidInput(message, fix="hand in fewer files or shorter ones; one that is left out stays as it is")


def _require_paths(answer: DraftAnswer | ReviewAnswer, outputs: Sequence[str]) -> None:
    if not isinstance(answer, DraftAnswer):
        return
    stray = [file.path for file in answer.files if not matches(file.path, outputs)]
    if stray:
        raise InvalidInput(f"'{stray[0]}' may not be written here", fix=f"write only {', '.join(outputs)}")


_OPEN = work_items.c.answer.is_(None) & work_items.c.closed_at.is_(None)
_FREE = work_items.c.lease.is_(None) | (work_items.c.held_until < now_ms())
_FRESH = {"closed_at": None, "holder": "", "lease": None, "held_until": None, "problem": "", "rounds": 0}
_LIST = "list the items that wait"


def _id(order: Order) -> str:
    # The same when a node that was killed asks again, so that it finds the order, and perhaps the answer.
    return digest([order.run, order.key, order.task])[:16]


def _row(connection: sa.Connection, id: str) -> dict[str, Any]:
    wanted = sa.select(work_items, _FREE.label("free")).where(work_items.c.id == id)
    row = connection.execute(wanted).mappings().first()
    if row is None:
        raise Refused(f"there is no work item '{id}'", reason="work_gone", fix=_LIST)
    return dict(row)


def _waiting(connection: sa.Connection, id: str) -> dict[str, Any]:
    """Return the row of an item that waits for an answer.

    Raises:
        Refused: `work_gone`.
    """
    row = _row(connection, id)
    _require_open(row)
    if row["answer"] is not None:
        message = f"an answer to '{id}' was handed in, and its run goes on with it"
        raise Refused(message, reason="work_gone", fix=_LIST)
    return row


def _require_open(row: dict[str, Any]) -> None:
    if row["closed_at"] is not None:
        message = f"'{row['id']}' is closed: run '{row['run']}' waits for no answer to it any more"
        raise Refused(message, reason="work_gone", fix=_LIST)


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
    row = _row(connection, _id(order))
    if row["closed_at"] is None or row["answer"] is not None:
        return row
    # It was superseded, as where a model worked as the role for a while, and is wanted after all.
    _update(connection, row["id"], **_FRESH, instructions=order.instructions, opened_at=now_ms())
    return _row(connection, row["id"])


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


def _superseded(connection: sa.Connection, run: str, waited_for: Collection[str]) -> None:
    of = (work_items.c.run == run) & work_items.c.closed_at.is_(None) & work_items.c.key.not_in(waited_for)
    connection.execute(sa.update(work_items).where(of).values(closed_at=now_ms(), answer=None))


def _listed(connection: sa.Connection, role: str, run: str) -> Sequence[Any]:
    found = sa.select(work_items, _FREE.label("free")).where(_OPEN)
    wanted = found.order_by(work_items.c.opened_at, work_items.c.id)
    asked = {work_items.c.role: role, work_items.c.run: run}
    wanted = wanted.where(*(column == value for column, value in asked.items() if value))
    return connection.execute(wanted).mappings().all()


def _taken(connection: sa.Connection, id: str, by: str, lease: str) -> dict[str, Any]:
    until = now_ms() + LEASE_SECONDS * 1000
    # In the statement itself: of two that take the order at once, one changes a row.
    of = (work_items.c.id == id) & _OPEN & _FREE
    took = connection.execute(sa.update(work_items).where(of).values(lease=lease, holder=by, held_until=until))
    row = _row(connection, id)
    if took.rowcount:
        return row
    row = _waiting(connection, id)
    message = f"'{row['holder']}' holds '{id}' until {_until(row):%H:%M} UTC"
    raise Refused(message, reason="work_taken", fix="take another one, or wait")


def _held(connection: sa.Connection, id: str, lease: str) -> dict[str, Any]:
    row = _row(connection, id)
    _require_open(row)
    if row["lease"] == lease:
        return row
    if row["answer"] is not None:
        message = f"you do not hold '{id}': '{row['holder']}' handed an answer in"
        raise Refused(message, reason="work_not_held", fix=_LIST)
    if row["lease"] is None:
        message, fix = f"you do not hold '{id}': nobody does", "take it, and hand in with its new lease"
        raise Refused(message, reason="work_not_held", fix=fix)
    message = f"you do not hold '{id}': '{row['holder']}' does until {_until(row):%H:%M} UTC"
    raise Refused(message, reason="work_not_held", fix="take another one; this one is free again when its lease ends")


def _held_open(connection: sa.Connection, id: str, lease: str) -> dict[str, Any]:
    row = _held(connection, id, lease)
    if row["answer"] is not None:
        message = f"you handed an answer to '{id}' in already, and its run goes on with it"
        raise Refused(message, reason="work_handed_in", fix="one that is found at fault is listed again, with why")
    return row


def _renewed(connection: sa.Connection, id: str, lease: str) -> dict[str, Any]:
    _held_open(connection, id, lease)
    _update(connection, id, held_until=now_ms() + LEASE_SECONDS * 1000)
    return _row(connection, id)


def _given_back(connection: sa.Connection, id: str, lease: str) -> None:
    _held_open(connection, id, lease)
    _update(connection, id, lease=None, holder="", held_until=None)


def _handed_in(connection: sa.Connection, id: str, lease: str, answer: str, dispatch: Dispatch) -> dict[str, Any]:
    row = _held(connection, id, lease)
    # Before it is asked whether the order is open: a second try of a call whose reply was lost gets its first answer.
    if row["answer"] == answer:
        return row
    run = str(_held_open(connection, id, lease)["run"])
    _update(connection, id, answer=answer, problem="")
    # Always: a segment that is under way may have found this order unanswered already.
    dispatch(connection, run, next_segment(connection, run))
    return _row(connection, id)


def _update(connection: sa.Connection, id: str, **values: Any) -> None:
    connection.execute(sa.update(work_items).where(work_items.c.id == id).values(**values))


def _until(row: Any) -> datetime:
    return datetime.fromtimestamp(row["held_until"] / 1000, UTC)


def _item(row: Any) -> WorkItem:
    names = ("id", "run", "key", "role", "task", "holder", "problem", "rounds")
    opened = datetime.fromtimestamp(row["opened_at"] / 1000, UTC)
    item = WorkItem(**{name: row[name] for name in names}, opened_at=opened, held_until=None)
    if row["held_until"] is None:
        return item
    # A lease that ran out holds nothing, until somebody takes the item or its answer comes late.
    return replace(item, holder="") if row.get("free") else replace(item, held_until=_until(row))
