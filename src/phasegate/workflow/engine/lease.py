"""Leases of workers, renewed by each, of which a silent one may be taken over.

Ages by a clock are only a hint, since clocks jump: a lease is taken over once its worker's process has ended, or once
somebody has watched its beats stand still for long enough by a monotonic clock. A worker that was taken over cannot
write any more, since each of its transactions begins by finding its epoch.
"""

import json
import os
import time
from collections.abc import Collection
from dataclasses import dataclass, field

import sqlalchemy as sa

from phasegate.core import Lost
from phasegate.core.processes import host, process_start
from phasegate.store import Execute, Statement, now_ms
from phasegate.store.schema import workers

LEASE_SECONDS = 10.0
"""How long a worker may be silent before its segments are taken over."""
BEAT_SECONDS = 2.0
"""How often a worker renews its lease."""
START_SECONDS = 60.0
"""How long a worker may take from being started to its first beat."""
FIRST = 1
"""The epoch of a lease until it is taken over."""
STANDING = "standing"
"""The role of the one worker that outlives the terminal."""
_EPOCH = Statement(sa.select(workers.c.epoch).where(workers.c.executor == sa.bindparam("of")))


@dataclass(frozen=True, kw_only=True)
class Lease:
    """A worker's lease as it was read."""

    executor: str
    role: str | None
    host: str
    pid: int
    born: str
    epoch: int
    beat: int
    age: float
    """Seconds since its last beat, by the database's clock."""
    works: tuple[str, ...]
    """The runs that it works on."""

    @property
    def here(self) -> bool:
        """True if its process is on this host, where it can be looked at."""
        return self.host == host()

    @property
    def taken(self) -> bool:
        """True if the lease was taken over."""
        return self.epoch != FIRST

    @property
    def gone(self) -> bool:
        """True if its process has surely ended."""
        # A number of a process is used again after a while, so its start time is compared, too.
        return self.here and process_start(self.pid) != self.born

    @property
    def live(self) -> bool:
        """True if its worker seems to be at work, as far as one look can tell."""
        # The absolute age: a clock that was set back makes a beat seem to come from the future. A lease without any
        # beat is of a process that is still loading its libraries.
        return not self.taken and not self.gone and abs(self.age) <= (LEASE_SECONDS if self.beat else START_SECONDS)


@dataclass(kw_only=True)
class Watch:
    """Observations of other workers' leases, by this process's monotonic clock."""

    _seen: dict[str, tuple[tuple[int, int], float]] = field(default_factory=dict)

    def silent(self, lease: Lease) -> float:
        """Record the lease's beats, and return the seconds since they changed as seen by this process."""
        now, mark = time.monotonic(), _mark(lease)
        before, since = self._seen.get(lease.executor, (None, now))
        if before != mark:
            since = now
        self._seen[lease.executor] = (mark, since)
        return now - since

    def apart(self, found: Collection[Lease]) -> float:
        """Return by how many seconds the clock of a worker that beats differs most from this process's."""
        beating = [lease.age for lease in found if self._seen.get(lease.executor, ("",))[0] != _mark(lease)]
        for lease in found:
            self.silent(lease)
        return max(beating, key=abs, default=0.0)

    def is_over(self, lease: Lease, seconds: float = LEASE_SECONDS) -> bool:
        """Return whether what its worker held may be taken over."""
        return (
            lease.taken or lease.gone or self.silent(lease) >= (seconds if lease.beat else max(seconds, START_SECONDS))
        )


def read_leases(connection: sa.Connection) -> list[Lease]:
    """All leases, the oldest first."""
    age = (now_ms() - workers.c.seen_at).label("age")
    rows = connection.execute(sa.select(workers, age).order_by(workers.c.began_at)).mappings()
    return [_lease(row) for row in rows]


def begin(connection: sa.Connection, executor: str, role: str | None = None, pid: int = 0, beat: int = 1) -> None:
    """Add a lease for a process of this host: this one where none is named."""
    pid = pid or os.getpid()
    row = {"executor": executor, "role": role, "host": host(), "pid": pid, "born": process_start(pid), "epoch": FIRST}
    connection.execute(workers.insert().values(**row, beat=beat, began_at=now_ms(), seen_at=now_ms(), works="[]"))


def claim_role(connection: sa.Connection, executor: str, role: str) -> bool:
    """Take a role for a begun lease, or return False where a live worker has it."""
    holder = next((lease for lease in read_leases(connection) if lease.role == role), None)
    if holder and holder.live:
        return False
    if holder:
        connection.execute(workers.update().where(workers.c.executor == holder.executor).values(role=None))
    connection.execute(workers.update().where(workers.c.executor == executor).values(role=role))
    return True


def hand_over(connection: sa.Connection, executor: str, pid: int) -> bool:
    """Assign a claimed lease to a process, or return False where it was taken away meanwhile."""
    own = {"pid": pid, "born": process_start(pid), "seen_at": now_ms()}
    return bool(connection.execute(workers.update().where(workers.c.executor == executor).values(**own)).rowcount)


def renew(connection: sa.Connection, executor: str, epoch: int, works: Collection[str]) -> bool:
    """Renew a lease, or return False where it was lost."""
    changed = {"beat": workers.c.beat + 1, "seen_at": now_ms(), "works": json.dumps(sorted(works))}
    own = workers.update().where(workers.c.executor == executor, workers.c.epoch == epoch)
    return bool(connection.execute(own.values(**changed)).rowcount)


def take_over(connection: sa.Connection, lease: Lease) -> bool:
    """Take a lease from its worker, which then cannot write, or return False where it was renewed meanwhile."""
    # Compare and set: a worker that renewed since the lease was read lives, and two that take over at once are told
    # apart.
    same = (workers.c.executor == lease.executor, workers.c.epoch == lease.epoch, workers.c.beat == lease.beat)
    # The raised epoch is the fence: each transaction of the worker's begins by reading it.
    taken = {"epoch": workers.c.epoch + 1, "role": None}
    return bool(connection.execute(workers.update().where(*same).values(**taken)).rowcount)


def end(connection: sa.Connection, executor: str) -> None:
    """Delete a lease."""
    connection.execute(workers.delete().where(workers.c.executor == executor))


@dataclass(frozen=True, kw_only=True)
class Fence:
    """Guard of a worker's transactions, which fails once the worker's lease is lost."""

    executor: str
    epoch: int = FIRST

    def __call__(self, execute: Execute) -> None:
        """Check, in the transaction that is to be fenced.

        Raises:
            Lost: the lease was taken over.
        """
        # In the transaction that it guards, since a look before it would leave a gap in which the lease could be lost.
        row = execute(_EPOCH, of=self.executor).fetchone()
        if row is None or row["epoch"] != self.epoch:
            raise Lost(
                "this process was silent for too long, and another may have taken over what it was at",
                fix="start it again",
            )


def _mark(lease: Lease) -> tuple[int, int]:
    return lease.epoch, lease.beat


def _lease(row: sa.RowMapping) -> Lease:
    columns = {name: row[name] for name in ("executor", "role", "host", "pid", "born", "epoch", "beat")}
    return Lease(**columns, age=row["age"] / 1000, works=_works(row["works"]))


def _works(text: str) -> tuple[str, ...]:
    """Return the runs of a lease, or none where somebody wrote something else into the column."""
    try:
        found = json.loads(text)
    except (TypeError, ValueError):
        return ()
    return tuple(map(str, found)) if isinstance(found, list) else ()
