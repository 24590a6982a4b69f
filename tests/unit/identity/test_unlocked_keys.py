from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa

from phasegate.core import UsageError
from phasegate.identity import Sessions, Unlock, Unlocked
from phasegate.identity.unlocked_keys import LONGEST
from phasegate.store import Database
from phasegate.store.schema import sessions
from unit.identity.people import NOW, PASSPHRASE, People, people
from unit.identity.people import held as held_key

HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[People]:
    async with people(tmp_path) as made:
        yield made


@pytest.fixture
def unlocked(here: People) -> Unlocked:
    return Unlocked(here.database, here.clock)


async def begin(here: People, unlocked: Unlocked, lasts: timedelta = LONGEST, user: str = "U1") -> Unlock:
    return await unlocked.begin("ada", held_key(here.key), user, lasts)


async def rows(here: People) -> int:
    return await here.database.read(lambda c: c.execute(sa.select(sa.func.count()).select_from(sessions)).scalar_one())


async def test_key_is_held_for_its_time_and_its_user(here: People, unlocked: Unlocked) -> None:
    made = await begin(here, unlocked, HOUR)
    assert (made.user, made.proved_at, made.until) == ("U1", NOW, NOW + HOUR)
    assert await unlocked.find("ada") is made
    assert await unlocked.find("amy") is None
    here.clock.move(NOW + HOUR - SECOND)
    assert await unlocked.find("ada") is made
    here.clock.move(NOW + HOUR)
    assert await unlocked.find("ada") is None
    here.clock.move(NOW)
    assert await unlocked.find("ada") is None


async def test_row_that_somebody_lengthens_lengthens_nothing(here: People, unlocked: Unlocked) -> None:
    await begin(here, unlocked, HOUR)
    later = int((NOW + timedelta(days=9)).timestamp())
    await here.database.write(lambda c: c.execute(sessions.update().values(ends_at=later)))
    here.clock.move(NOW + HOUR)
    assert await unlocked.find("ada") is None


async def test_clock_that_is_set_back_does_not_lengthen_it(here: People, unlocked: Unlocked) -> None:
    await begin(here, unlocked, HOUR)
    here.clock.move(NOW - SECOND)
    assert await unlocked.find("ada") is None


@pytest.mark.parametrize("lasts", [timedelta(), -HOUR, LONGEST + SECOND, timedelta(days=365)])
async def test_no_longer_than_eight_hours(here: People, unlocked: Unlocked, lasts: timedelta) -> None:
    with pytest.raises(UsageError, match="eight hours"):
        await begin(here, unlocked, lasts)
    assert (await unlocked.find("ada"), await rows(here)) == (None, 0)


async def test_key_that_cannot_be_held_so_long_is_forgotten(here: People, unlocked: Unlocked) -> None:
    key = held_key(here.key)
    with pytest.raises(UsageError):
        await unlocked.begin("ada", key, "U1", LONGEST + SECOND)
    assert not key.is_held()


async def test_key_whose_time_is_over_is_forgotten(here: People, unlocked: Unlocked) -> None:
    made = await begin(here, unlocked, HOUR)
    here.clock.move(NOW + HOUR)
    assert await unlocked.find("ada") is None
    assert not made.key.is_held()


async def test_key_that_its_process_has_forgotten_is_not_found(here: People, unlocked: Unlocked) -> None:
    made = await begin(here, unlocked)
    made.key.close()
    assert await unlocked.find("ada") is None


async def test_key_that_is_replaced_or_ended_is_forgotten(here: People, unlocked: Unlocked) -> None:
    first = await begin(here, unlocked)
    again = await begin(here, unlocked)
    assert (first.key.is_held(), again.key.is_held()) == (False, True)
    await unlocked.end("ada")
    assert not again.key.is_held()


async def test_again_takes_the_place_of_the_first(here: People, unlocked: Unlocked) -> None:
    await begin(here, unlocked)
    here.clock.move(NOW + HOUR)
    again = await begin(here, unlocked, HOUR, user="U2")
    assert (await unlocked.find("ada"), await rows(here)) == (again, 1)


async def test_end_forgets_it_at_once(here: People, unlocked: Unlocked) -> None:
    await begin(here, unlocked)
    await unlocked.end("ada")
    assert (await unlocked.find("ada"), await rows(here)) == (None, 0)
    await unlocked.end("ada")


async def test_it_ends_from_anywhere(here: People, unlocked: Unlocked) -> None:
    elsewhere = Sessions(here.database, here.clock)
    await begin(here, unlocked)
    assert await elsewhere.end_all("ada") == 1
    assert await unlocked.find("ada") is None
    await begin(here, unlocked)
    await here.accounts.add("ada", PASSPHRASE, here.pem, here.key.public)
    assert await unlocked.find("ada") is None
    await begin(here, unlocked)
    await here.accounts.remove("ada")
    assert await unlocked.find("ada") is None


async def test_what_is_stored_is_no_key_and_opens_no_session(here: People, unlocked: Unlocked) -> None:
    made = await begin(here, unlocked)
    (row,) = await here.database.read(lambda c: c.execute(sa.select(sessions)).fetchall())
    assert tuple(row) == (made.mark, "ada", int(NOW.timestamp()), int((NOW + LONGEST).timestamp()))
    assert await Unlocked(here.database, here.clock).find("ada") is None
    assert await here.sessions.find(made.mark.hex()) is None
    assert "mark" not in repr(made)


async def test_end_forgets_the_key_of_one_account(here: People, unlocked: Unlocked) -> None:
    await here.accounts.add("amy", PASSPHRASE, here.pem, here.key.public)
    await begin(here, unlocked)
    other = await unlocked.begin("amy", held_key(here.key), "U2", HOUR)
    await unlocked.end("ada")
    assert await unlocked.find("ada") is None
    assert await unlocked.find("amy") is other


class Slow:
    """A database whose answer arrives after something else has happened."""

    def __init__(self, database: Database, meanwhile: Callable[[], Awaitable[object]]) -> None:
        self._database = database
        self._meanwhile: list[Callable[[], Awaitable[object]]] = [meanwhile]

    async def read(self, *words: Any) -> Any:
        answer = await self._database.read(*words)
        if self._meanwhile:
            await self._meanwhile.pop()()
        return answer

    async def write(self, *words: Any) -> Any:
        return await self._database.write(*words)


@pytest.mark.parametrize("ended", [False, True])
async def test_key_that_was_replaced_while_it_was_looked_up_is_not_found_and_the_new_one_stays(
    here: People, ended: bool
) -> None:
    made: list[Unlock] = []

    async def meanwhile() -> None:
        made.append(await begin(here, held, user="U2"))

    held = Unlocked(cast(Database, Slow(here.database, meanwhile)), here.clock)
    first = await begin(here, held)
    if ended:
        await here.database.write(lambda c: c.execute(sessions.delete()))
    assert await held.find("ada") is None
    assert not first.key.is_held()
    assert await held.find("ada") is made[0]
