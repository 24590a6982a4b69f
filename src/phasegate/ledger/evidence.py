"""A run's events as evidence: they are read where their whole chain holds, and nowhere else.

Whoever can write the database can write a row, and whoever holds no key cannot sign it. So each read goes through the
run's chain from its first event to its last: what was signed is looked at once a process, the digests each time.
"""

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import sqlalchemy as sa

from phasegate.core import Refused, visible
from phasegate.ledger.chain import entry_of, payload_of, rows_of
from phasegate.ledger.records import Entry
from phasegate.ledger.signing.dsse import EVENT, pae
from phasegate.ledger.signing.keys import Verifier
from phasegate.store import Row

_BEGINNING = datetime.fromtimestamp(0, UTC)


class Chain(NamedTuple):
    """All events of a run, in order, each of which follows from the one before and is signed."""

    events: tuple[Entry, ...]
    last: bytes
    """Digest of the last one; empty where there is none."""

    @property
    def last_at(self) -> datetime:
        """Return the time of the last event."""
        return self.events[-1].at if self.events else _BEGINNING


def broken_record(run: str, wrong: str) -> Refused:
    """Return the error for a run whose record does not hold.

    Args:
        run: its id.
        wrong: what does not hold, in words.
    """
    return Refused(
        f"the record of run '{run}' does not hold: {wrong}",
        reason="record_broken",
        fix="put a copy of the database back, or start the spec again; 'phasegate doctor' names every such run",
    )


class Chains:
    """Reader of all runs' chains, which remembers how far it verified each of them."""

    def __init__(self, key: Verifier) -> None:
        """Takes the key that events are signed with."""
        self._key = key
        self._signed: dict[str, tuple[int, bytes]] = {}
        """By run: how many events were found signed, and what digests and signatures up to there come to."""

    def read(self, connection: sa.Connection, run: str) -> Chain:
        """Return the events of a run.

        Raises:
            Refused: `record_broken`, naming the first event that is not what was signed; `record_unknown`, where
                another version of Phasegate wrote one.
        """
        rows = rows_of(connection, run)
        payloads = [_payload(row) for row in rows]
        digests = [hashlib.sha256(payload).digest() for payload in payloads]
        wrong = self._unsigned(run, rows, payloads, digests) or _loose(rows, digests)
        if wrong:
            key = visible(str(rows[wrong - 1]["key"]))
            raise broken_record(run, f"event {wrong} ({key}) is not what was signed")
        return Chain(tuple(entry_of(row) for row in rows), digests[-1] if digests else b"")

    def is_signed(self, row: Row) -> bool:
        """Return whether a row is signed, which says nothing of its place among others."""
        return self._key.verifies(pae(EVENT, _payload(row)), _bytes(row["signature"]))

    def _unsigned(self, run: str, rows: Sequence[Row], payloads: Sequence[bytes], digests: Sequence[bytes]) -> int:
        """Return the number of the first unsigned event or 0, and verify only events that were not verified before."""
        marks = [b""]
        for row, digest in zip(rows, digests, strict=True):
            marks.append(hashlib.sha256(marks[-1] + digest + _bytes(row["signature"])).digest())
        known, mark = self._signed.get(run, (0, b""))
        # Ed25519 is the slow part of a read. What was verified is skipped as long as digests and signatures up to there
        # are the same; else all of it is verified again.
        first = known if known < len(marks) and marks[known] == mark else 0
        for number in range(first, len(rows)):
            if not self._key.verifies(pae(EVENT, payloads[number]), bytes(rows[number]["signature"])):
                return number + 1
        self._signed[run] = len(rows), marks[-1]
        return 0


def _payload(row: Row) -> bytes:
    """Return the signed bytes of a row, or empty bytes where a column holds a value of another type."""
    try:
        return payload_of(row)
    except (AttributeError, TypeError, ValueError):
        return b""


def _bytes(value: object) -> bytes:
    return value if isinstance(value, bytes) else b""


def _loose(rows: Sequence[Row], digests: Sequence[bytes]) -> int:
    """Number of the first event that does not follow from the one before, or 0."""
    before = b""
    for number, (row, digest) in enumerate(zip(rows, digests, strict=True), start=1):
        if (row["seq"], _bytes(row["before"])) != (number, before):
            return number
        before = digest
    return 0
