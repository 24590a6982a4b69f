"""Keeps a worker's lease, and looks after the segments of workers that fell silent, and after its own."""

import asyncio
import logging
import os
import threading
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path

from phasegate.core import Gone, Lost, PhasegateError
from phasegate.ledger import PrivateKey
from phasegate.store import Presence, Store
from phasegate.workflow.engine import lease as leases
from phasegate.workflow.engine.foreign_rows import refuse_foreign
from phasegate.workflow.engine.lease import BEAT_SECONDS, Lease, Watch
from phasegate.workflow.engine.queue import Queue, run_of

_log = logging.getLogger("phasegate.worker")


class LeaseKeeper(threading.Thread):
    """Renews the lease and looks around, every second or two."""

    def __init__(
        self,
        *,
        executor: str,
        store: Store,
        work_tree: Path,
        queue: Queue,
        at_work: Collection[str],
        system: PrivateKey,
        lost: Callable[[PhasegateError], None],
    ) -> None:
        """Prepares it.

        Args:
            executor: the worker whose lease it is.
            store: where leases lie.
            work_tree: the folder that the worker was started for.
            queue: where segments wait.
            at_work: the runs that the worker works on.
            system: signs that a row which somebody else wrote was refused.
            lost: called once, where the worker must end.
        """
        # A thread, since beats must go on while a segment keeps the loop busy.
        super().__init__(name="keeper", daemon=True)
        self._executor = executor
        self._queue = queue
        self._at_work = at_work
        self._refuse = partial(refuse_foreign, store, system, queue)
        self._lost = lost
        self._stopped = threading.Event()
        self._engine = store.engine()
        self._watch = Watch()
        self._idle: set[str] = set()
        self._presence = Presence(work_tree=work_tree, record=store.places)

    def claim(self, *, handed: bool = False) -> None:
        """Begin the lease, as the standing worker's where no other one stands.

        Args:
            handed: whether the lease was begun for this process by the one that started it.

        Raises:
            Lost: the lease was begun for this process and is gone.
        """
        with self._engine.begin() as connection:
            if not handed:
                leases.begin(connection, self._executor)
                leases.claim_role(connection, self._executor, leases.STANDING)
            elif not leases.hand_over(connection, self._executor, os.getpid()):
                raise Lost("another worker stands in for this one already", fix="start it again")

    def run(self) -> None:
        """Keep the lease until stopped."""
        while not self._stopped.is_set():
            try:
                self.step()
            except PhasegateError as error:
                self._lost(error)
                return
            except Exception as error:
                # Not the end: a disk that is full may be emptied. If somebody takes the lease meanwhile, the fence
                # stops each write.
                _log.warning("the lease could not be kept: %s", error, extra={"action": "lease"})
            self._stopped.wait(BEAT_SECONDS)

    def stop(self) -> None:
        """Stop renewing."""
        self._stopped.set()
        self.join()

    def release(self) -> None:
        """Hand back what the worker holds, and end its lease."""
        for segment in _held_by(self._queue, self._executor):
            self._queue.send_on(segment, self._executor)
        with self._engine.begin() as connection:
            leases.end(connection, self._executor)

    def close(self) -> None:
        """Close the connection."""
        self._engine.dispose()
        self._presence.close()

    def gone(self) -> Gone | None:
        """Return what happened to the database's file or folder, or to the work tree."""
        return self._presence.gone()

    def behind(self, error: Exception) -> Gone | None:
        """Return what happened to these, where a failure may have come of that."""
        return self._presence.behind(error)

    def step(self) -> None:
        """Renew the lease, and look around once.

        Raises:
            Lost: the lease was taken over.
            Gone: the database's file or folder, or the work tree, is not the one that was opened.
        """
        if gone := self.gone():
            raise gone
        with self._engine.begin() as connection:
            if not leases.renew(connection, self._executor, leases.FIRST, self._at_work):
                raise Lost(
                    "this process was silent for too long, and others took over what it was at", fix="start it again"
                )
            known = leases.read_leases(connection)
        if self._queue.foreign():
            # The ledger is asynchronous, and this thread has no loop.
            asyncio.run(self._refuse())
        held = self._queue.held()
        self._send_own_on({name for name, by in held.items() if by == self._executor})
        self._look_at_others(known, held)

    def _send_own_on(self, segments: set[str]) -> None:
        """Dispatch held segments that are not worked on, after a while for those just taken."""
        idle = {segment for segment in segments if run_of(segment) not in self._at_work}
        for segment in idle & self._idle:
            _log.warning("a segment is held and not worked on: it waits again", extra={"run": run_of(segment)})
            self._queue.send_on(segment, self._executor)
        self._idle = idle

    def _look_at_others(self, known: list[Lease], held: dict[str, str]) -> None:
        others = {lease.executor: lease for lease in known if lease.executor != self._executor}
        for executor in {*others, *held.values()} - {self._executor}:
            lease = others.get(executor) or _unknown(executor)
            if self._watch.is_over(lease):
                self._take_over(lease, [segment for segment, by in held.items() if by == executor])

    def _take_over(self, lease: Lease, segments: list[str]) -> None:
        with self._engine.begin() as connection:
            # Without a host there is no row whose epoch could be raised: the holder is of a version that had no leases.
            if lease.host and not lease.taken and not leases.take_over(connection, lease):
                return
        for segment in segments:
            self._queue.send_on(segment, lease.executor)
        if segments:
            _log.warning("worker %s fell silent; what it held waits again", lease.executor)
        elif lease.gone or not lease.here:
            with self._engine.begin() as connection:
                leases.end(connection, lease.executor)


def _held_by(queue: Queue, executor: str) -> list[str]:
    return [segment for segment, by in queue.held().items() if by == executor]


def _unknown(executor: str) -> Lease:
    """A lease for a worker that has none: one of an older version."""
    return Lease(executor=executor, role=None, host="", pid=0, born="", epoch=1, beat=1, age=0, works=())
