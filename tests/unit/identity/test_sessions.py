from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from phasegate.identity import Proof, Session, Sessions
from phasegate.identity.sessions import ABSOLUTE, IDLE
from phasegate.store.schema import sessions
from unit.identity.people import NOW, People, people

SECOND = timedelta(seconds=1)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[People]:
    async with people(tmp_path) as made:
        yield made


async def begin(here: People) -> Session:
    return await here.sessions.begin(Proof(account="ada"))


async def stored(here: People) -> list[bytes]:
    return await here.database.read(lambda c: list(c.execute(sa.select(sessions.c.digest)).scalars()))


async def test_session_is_found_by_its_secret_alone(here: People) -> None:
    session = await begin(here)
    found = await here.sessions.find(session.id)
    assert found
    assert found.account == "ada"
    for other in ("", session.id[:-1], session.id + "x", (await stored(here))[0].hex()):
        assert await here.sessions.find(other) is None


async def test_only_a_digest_is_stored(here: People) -> None:
    session = await begin(here)
    marks = await stored(here)
    assert len(session.id) == 43
    assert session.id.encode() not in b"".join(marks)
    assert [len(mark) for mark in marks] == [32]


async def test_each_session_has_an_id_and_a_form_token_of_its_own(here: People) -> None:
    one, other = await begin(here), await begin(here)
    assert one.id != other.id
    assert one.form_token != other.form_token


async def test_session_that_is_idle_ends(here: People) -> None:
    session = await begin(here)
    here.clock.move(NOW + IDLE - SECOND)
    assert await here.sessions.find(session.id)
    here.clock.move(NOW + 2 * IDLE - 2 * SECOND)
    assert await here.sessions.find(session.id)
    here.clock.move(NOW + 3 * IDLE)
    assert await here.sessions.find(session.id) is None


async def test_session_ends_after_twelve_hours_however_busy(here: People) -> None:
    session = await begin(here)
    step = timedelta(minutes=20)
    for number in range(1, ABSOLUTE // step):
        here.clock.move(NOW + number * step)
        assert await here.sessions.find(session.id)
    here.clock.move(NOW + ABSOLUTE)
    assert await here.sessions.find(session.id) is None


async def test_clock_that_jumps_a_day_ends_it_and_jumping_back_does_not_revive_it(here: People) -> None:
    session = await begin(here)
    here.clock.move(NOW + timedelta(days=1))
    assert await here.sessions.find(session.id) is None
    here.clock.move(NOW)
    assert await here.sessions.find(session.id) is None


async def test_signed_out_means_at_once(here: People) -> None:
    session, other = await begin(here), await begin(here)
    await here.sessions.end(session)
    assert await here.sessions.find(session.id) is None
    assert await here.sessions.find(other.id)


async def test_signed_out_everywhere_reaches_other_servers(here: People) -> None:
    session = await begin(here)
    elsewhere = Sessions(here.database, here.clock)
    assert await elsewhere.end_all("ada") == 1
    assert await here.sessions.find(session.id) is None


async def test_restart_needs_a_new_sign_in(here: People) -> None:
    session = await begin(here)
    assert await Sessions(here.database, here.clock).find(session.id) is None


async def test_a_new_proof_is_noted(here: People) -> None:
    session = await begin(here)
    here.clock.move(NOW + IDLE / 2)
    again = here.sessions.proved(session, Proof(account="ada"))
    found = await here.sessions.find(session.id)
    assert found
    assert found.proved_at == again.proved_at == NOW + IDLE / 2
    with pytest.raises(ValueError, match="one person"):
        here.sessions.proved(session, Proof(account="bob"))


async def test_proof_does_not_revive_a_session_that_ended(here: People) -> None:
    session = await begin(here)
    await here.sessions.end(session)
    here.sessions.proved(session, Proof(account="ada"))
    assert await here.sessions.find(session.id) is None
