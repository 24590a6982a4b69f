from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phasegate.ledger import EVENT, Event, PrivateKey, first_break, pae
from phasegate.ledger.events import append, read
from phasegate.store import Database
from phasegate.store.sqlite import SqliteStore

SYSTEM, OTHER = (PrivateKey(Ed25519PrivateKey.generate()) for _ in range(2))
NOW = datetime(2026, 11, 18, 20, 10, tzinfo=UTC)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    opened = await SqliteStore(tmp_path / "p.db").open()
    yield opened
    await opened.close()


@pytest.fixture
async def chain(database: Database) -> list[Event]:
    await database.write(
        append, "r1", NOW, [(f"draft:plan/1/{n}", {"files": n, "by": "ä"}) for n in range(1, 7)], SYSTEM
    )
    return await database.read(read, "r1")


async def test_events_are_numbered_and_each_follows_from_the_one_before(chain: list[Event]) -> None:
    assert [event.seq for event in chain] == [1, 2, 3, 4, 5, 6]
    assert first_break(chain, SYSTEM.public) == 0
    assert (chain[2].kind, chain[2].place, chain[2].at) == ("draft", ["plan", "1", "3"], NOW)


async def test_what_was_appended_already_is_left_out(database: Database, chain: list[Event]) -> None:
    again = [("draft:plan/1/6", {"files": 99}), ("gate:plan/1", {}), ("gate:plan/1", {}), ("end", {})]
    await database.write(append, "r1", NOW, again, SYSTEM)
    now = await database.read(read, "r1")
    assert [event.key for event in now[6:]] == ["gate:plan/1", "end"]
    assert now[:6] == chain
    assert first_break(now, SYSTEM.public) == 0


async def test_each_run_has_a_chain_of_its_own(database: Database, chain: list[Event]) -> None:
    await database.write(append, "r2", NOW, [("draft:plan/1/1", {"files": 1, "by": "ä"})], SYSTEM)
    (other,) = await database.read(read, "r2")
    assert other.seq == 1
    assert other.digest != chain[0].digest


async def test_events_are_read_from_a_number_and_by_what_their_key_begins_with(
    database: Database, chain: list[Event]
) -> None:
    await database.write(append, "r1", NOW, [("draft:p_an/1/1", {}), ("draft_x", {})], SYSTEM)
    assert [event.seq for event in await database.read(read, "r1", 4)] == [5, 6, 7, 8]
    assert [event.key for event in await database.read(read, "r1", 0, "draft:p_an/")] == ["draft:p_an/1/1"]


def _edit(chain: list[Event]) -> list[Event]:
    return [*chain[:2], replace(chain[2], body={"files": 33, "by": "ä"}), *chain[3:]]


def _postdate(chain: list[Event]) -> list[Event]:
    return [*chain[:2], replace(chain[2], at=NOW.replace(year=2027)), *chain[3:]]


def _renumber(chain: list[Event]) -> list[Event]:
    return [replace(event, seq=number) for number, event in enumerate([*chain[:2], *chain[3:]], start=1)]


def _signed(event: Event, key: PrivateKey) -> Event:
    return replace(event, signature=key.sign(pae(EVENT, event.payload)))


@pytest.mark.parametrize(
    ("tamper", "at"),
    [
        (_edit, 3),  # another body under the old digest
        (_postdate, 3),  # another time
        (lambda chain: [*chain[:2], *chain[3:]], 3),  # one dropped
        (_renumber, 3),  # one dropped, the rest numbered anew
        (lambda chain: [*chain[:2], chain[3], chain[2], *chain[4:]], 3),  # two swapped
        (lambda chain: [*chain[:3], chain[2], *chain[3:]], 4),  # one twice
        (lambda chain: chain[1:], 1),  # the first cut off
        (lambda chain: [replace(event, run="r2") for event in chain], 1),  # passed off as another run's
        (lambda chain: [*chain[:2], _signed(chain[2], OTHER), *chain[3:]], 3),  # signed by somebody else
    ],
)
async def test_a_chain_that_was_tampered_with_shows_where(
    chain: list[Event], tamper: Callable[[list[Event]], list[Event]], at: int
) -> None:
    assert first_break(tamper(chain), SYSTEM.public) == at
