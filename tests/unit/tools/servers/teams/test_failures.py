"""What the Teams tool does when Teams, or the way to it, is not as one would wish; the address is never shown."""

import logging
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from services.calling import called, refused
from services.teams import PATH, SECRET
from unit.tools.servers.teams.fixtures import CARD, TeamsServer

INVOKE = "/invoke$"


@pytest.fixture(autouse=True)
def nothing_secret_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    said = [record.getMessage() for record in caplog.get_records("call")]
    assert said  # the library logs something, or this holds nothing
    assert SECRET not in "".join(said)


async def failing(at: TeamsServer, *, answer_s: float = 5.0) -> str:
    said = await refused(at.server(answer_s=answer_s), "post_card", **CARD)
    assert SECRET not in said
    assert "/workflows" not in said
    return said


async def test_429_is_waited_for_as_long_as_asked(at: TeamsServer) -> None:
    at.teams.faults.too_many("POST", INVOKE, retry_after="7", times=2)
    assert (await called(at.server(), "post_card", **CARD))["created"]
    assert (at.slept, len(at.teams.messages)) == ([7, 7], 1)


@pytest.mark.parametrize(
    ("retry_after", "slept"),
    [
        ("3600", 0),
        ("30", 2),
        ("0", 60),
        ("soon", 12),
        ("9" * 400, 12),
        ("Fri, 31 Dec 9999 23:59:59 -1200", 12),  # a date that no zone can be applied to
    ],
)
async def test_429_for_longer_than_we_wait_is_told(at: TeamsServer, retry_after: str, slept: int) -> None:
    at.teams.faults.too_many("POST", INVOKE, retry_after=retry_after, times=1000)
    said = await failing(at)
    assert "Teams asks to wait" in said
    assert "call again after that; it was not posted" in said
    assert (len(at.slept), sum(at.slept) <= 60, at.teams.messages) == (slept, True, [])


async def test_what_was_not_posted_may_be_posted_again(at: TeamsServer) -> None:
    server = at.server()
    at.teams.faults.too_many("POST", INVOKE, retry_after="3600")
    await refused(server, "post_card", **CARD)
    assert (await called(server, "post_card", **CARD))["created"]


@pytest.mark.parametrize("how", ["torn", "lost"])
async def test_a_torn_answer_that_says_taken_is_enough(at: TeamsServer, how: str) -> None:
    getattr(at.teams.faults, how)("POST", INVOKE)
    assert (await called(at.server(), "post_card", **CARD))["created"]
    assert len(at.teams.messages) == 1


UNKNOWN: dict[str, Callable[[TeamsServer], None]] = {
    "500": lambda at: at.teams.faults.error("POST", INVOKE, status=500),
    "502 after it was done": lambda at: at.teams.faults.error("POST", INVOKE, status=502, done=True),
    "408": lambda at: at.teams.faults.error("POST", INVOKE, status=408),
    "204": lambda at: at.teams.faults.error("POST", INVOKE, status=204),
    "late": lambda at: at.teams.faults.slow("POST", INVOKE, seconds=0.6),
}


@pytest.mark.parametrize("how", UNKNOWN)
async def test_an_unknown_outcome_is_told_and_not_repeated(at: TeamsServer, how: str) -> None:
    UNKNOWN[how](at)
    server = at.server(answer_s=0.3)
    said = await refused(server, "post_card", **CARD)
    assert "may or may not have been posted; do not call again by yourself; look into the channel" in said
    again = await refused(server, "post_card", **CARD)
    assert "a card of 'r-7f3a/plan' may have arrived" in again
    assert at.teams.faults.count("POST", INVOKE) == 1
    assert SECRET not in said + again
    assert (await called(server, "post_card", **{**CARD, "key": "r-7f3a/plan/2"}))["created"]


async def test_an_answer_that_never_came_is_unknown(at: TeamsServer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def hang_up() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(100_000)

        thread = threading.Thread(target=hang_up)
        thread.start()
        said = await failing(TeamsServer(at.teams, f"http://127.0.0.1:{listening.getsockname()[1]}"))
        thread.join(5)
    assert "may or may not have been posted" in said


async def test_without_a_connection_nothing_was_posted(at: TeamsServer) -> None:
    said = await failing(TeamsServer(at.teams, "http://127.0.0.1:9"))
    assert "no connection to 127.0.0.1 (ConnectError): the card was not posted" in said


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_not_followed(at: TeamsServer, status: int) -> None:
    at.teams.status, at.teams.moved = status, f"{at.address}/elsewhere?sig={SECRET}"
    assert f"leads somewhere else ({status}), which is not followed: the card was not posted" in await failing(at)
    assert [request.path for request in at.teams.faults.seen] == [PATH.split("?")[0]]
    assert at.teams.messages == []


async def test_an_address_that_ended_is_told(at: TeamsServer) -> None:
    at.teams.on = False
    assert "does not take cards (404): the card was not posted; see whether it is on" in await failing(at)
    wrong = await refused(at.server(path=PATH.replace(SECRET, "old-s3cret")), "post_card", **CARD)
    assert "does not take cards (401)" in wrong
    assert "s3cret" not in wrong


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (400, "Teams refuses the card (400): it was not posted; see the workflow's run history"),
        (413, "Teams refuses the card (413): it was not posted; shorten it"),
        (410, "does not take cards (410)"),
        (403, "does not take cards (403)"),
    ],
)
async def test_other_refusals_are_told(at: TeamsServer, status: int, said: str) -> None:
    at.teams.faults.error("POST", INVOKE, status=status)
    assert said in await failing(at)
