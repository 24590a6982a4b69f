"""What the Slack tools do when Slack, or the way to it, is not as one would wish."""

import logging
import re
from collections.abc import Callable

import pytest

from services.calling import called, refused
from services.slack import TOKEN
from unit.tools.servers.slack.fixtures import SlackServer

POST, READ = "chat.postMessage", "conversations.history"


async def test_429_is_waited_for_as_long_as_asked(at: SlackServer) -> None:
    at.slack.faults.too_many("POST", READ, retry_after="7", times=2)
    assert not (await called(at.server(), "find_message", key="k"))["found"]
    assert at.slept == [7, 7]


async def test_429_on_a_post_posts_once(at: SlackServer) -> None:
    at.slack.faults.too_many("POST", POST, retry_after="2")
    assert (await called(at.server(), "post_message", key="k", text="Ready"))["created"]
    assert (at.slept, len(at.slack.ops.messages)) == ([2], 1)


@pytest.mark.parametrize(("retry_after", "seconds"), [("3600", "3600"), ("Sat, 01 Jan 2095 00:00:00 GMT", "[0-9]{10}")])
async def test_429_for_longer_than_we_wait_is_told(at: SlackServer, retry_after: str, seconds: str) -> None:
    at.slack.faults.too_many("POST", POST, retry_after=retry_after)
    said = await refused(at.server(), "post_message", key="k", text="Ready")
    assert re.search(
        f"Slack asks to wait {seconds} s before the next call; call again after that; it was not done", said
    )
    assert (at.slept, at.slack.ops.messages) == ([], [])


async def test_429_without_end_ends(at: SlackServer) -> None:
    at.slack.refusing[READ] = "ratelimited"
    assert "asks to wait 30 s" in await refused(at.server(), "find_message", key="k")
    assert at.slept == [30, 30]
    at.slack.refusing.clear()
    at.slack.faults.too_many("POST", READ, retry_after="0", times=10_000)
    assert "asks to wait" in await refused(at.server(waits_s=5), "find_message", key="k")
    assert at.slack.faults.count("POST", READ) == 3 + 6


@pytest.mark.parametrize("retry_after", ["soon", "-5", "1e9", ""])
async def test_429_that_does_not_say_how_long_is_waited_for_a_little(at: SlackServer, retry_after: str) -> None:
    at.slack.faults.too_many("POST", READ, retry_after=retry_after)
    assert not (await called(at.server(), "find_message", key="k"))["found"]
    assert at.slept == [5]


BREAKS: dict[str, Callable[[SlackServer, str], None]] = {
    "5xx": lambda at, path: at.slack.faults.error("POST", path, status=503),
    "torn": lambda at, path: at.slack.faults.torn("POST", path),
    "lost": lambda at, path: at.slack.faults.lost("POST", path),
    "late": lambda at, path: at.slack.faults.slow("POST", path, seconds=0.6),
    "not an answer": lambda at, path: at.slack.faults.error("POST", path, status=200),
}


@pytest.mark.parametrize("how", BREAKS)
@pytest.mark.parametrize("method", [READ, "auth.test"])
async def test_a_read_is_asked_again(at: SlackServer, how: str, method: str) -> None:
    BREAKS[how](at, method)
    assert not (await called(at.server(answer_s=0.3), "find_message", key="k"))["found"]
    assert at.slack.faults.count("POST", method) == 2


async def test_a_slack_that_is_down_is_told(at: SlackServer) -> None:
    at.slack.faults.error("POST", READ, status=500, times=3)
    assert "Slack failed (500); call again later" in await refused(at.server(), "find_message", key="k")


DONE: dict[str, Callable[[SlackServer, str], None]] = {
    **{how: BREAKS[how] for how in ("torn", "lost", "late")},
    "502 after it was done": lambda at, path: at.slack.faults.error("POST", path, status=502, done=True),
    "200 after it was done": lambda at, path: at.slack.faults.error("POST", path, status=200, done=True),
}


@pytest.mark.parametrize("how", DONE)
@pytest.mark.parametrize("in_thread", [False, True])
async def test_a_post_whose_answer_was_lost_is_found(at: SlackServer, how: str, in_thread: bool) -> None:
    thread = at.slack.say("Talk").ts if in_thread else ""
    DONE[how](at, POST)
    server = at.server(answer_s=0.3)
    first = await called(server, "post_message", key="k", text="Ready", thread=thread)
    again = await called(at.server(), "post_message", key="k", text="Ready", thread=thread)
    assert (first["created"], again["created"]) == (True, False)
    assert first["message"] == again["message"]
    assert len([message for message in at.slack.ops.messages if message.text == "Ready"]) == 1
    assert at.slack.faults.count("POST", POST) == 1


async def test_a_post_that_nothing_is_known_of_says_so_and_is_safe_to_call_again(at: SlackServer) -> None:
    at.slack.faults.error(
        "POST",
        POST,
        status=502,
        done=True,
        meanwhile=lambda: at.slack.faults.error("POST", READ, times=9),
    )
    said = await refused(at.server(), "post_message", key="k", text="Ready")
    assert "to post may or may not have happened; read it back in a minute" in said
    assert at.slack.faults.count("POST", POST) == 1
    at.slack.faults.clear()
    again = await called(at.server(), "post_message", key="k", text="Ready")
    assert (again["created"], len(at.slack.ops.messages)) == (False, 1)


async def test_a_post_that_did_not_happen_is_not_repeated(at: SlackServer) -> None:
    at.slack.faults.error("POST", POST, status=500)
    assert "may or may not have happened" in await refused(at.server(), "post_message", key="k", text="Ready")
    assert (at.slack.faults.count("POST", POST), at.slack.ops.messages) == (1, [])


@pytest.mark.parametrize("code", ["fatal_error", "internal_error", "service_unavailable"])
async def test_an_error_of_slacks_own_is_not_taken_for_a_no(at: SlackServer, code: str) -> None:
    at.slack.refusing[POST] = code
    assert "may or may not have happened" in await refused(at.server(), "post_message", key="k", text="Ready")
    assert at.slack.faults.count("POST", POST) == 1


@pytest.mark.parametrize("how", DONE)
async def test_an_update_whose_answer_was_lost_is_recognised(at: SlackServer, how: str) -> None:
    server = at.server(answer_s=0.3)
    posted = (await called(server, "post_message", key="k", text="Waits"))["message"]
    DONE[how](at, "chat.update")
    changed = await called(server, "update_message", timestamp=posted["timestamp"], text="Approved")
    assert (changed["message"]["text"], changed["message"]["key"]) == ("Approved", "k")
    assert at.slack.faults.count("POST", "chat.update") == 1


async def test_an_update_that_did_not_happen_is_told(at: SlackServer) -> None:
    posted = (await called(at.server(), "post_message", key="k", text="Waits"))["message"]
    at.slack.faults.error("POST", "chat.update", status=500)
    given = {"timestamp": posted["timestamp"], "text": "Approved"}
    assert "may or may not have happened" in await refused(at.server(), "update_message", **given)
    assert (at.slack.ops.messages[0].text, at.slack.faults.count("POST", "chat.update")) == ("Waits", 1)


@pytest.mark.parametrize("code", ["token_expired", "invalid_auth", "token_revoked", "account_inactive"])
async def test_credentials_that_ended_are_told_and_not_shown(at: SlackServer, code: str) -> None:
    at.slack.refusing["auth.test"] = code
    said = await refused(at.server(), "post_message", key="k", text="Ready")
    assert f"Slack does not accept the token ({code}); set SLACK_BOT_TOKEN" in said
    assert TOKEN not in said


async def test_a_token_that_ends_between_look_and_post_posts_nothing(at: SlackServer) -> None:
    at.slack.refusing[POST] = "token_expired"
    assert "does not accept the token" in await refused(at.server(), "post_message", key="k", text="Ready")
    assert at.slack.faults.count("POST", POST) == 1


async def test_a_wrong_token_is_not_shown(at: SlackServer, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    said = await refused(at.server(token="xoxb-s3cret"), "post_message", key="k", text="Ready")
    assert "does not accept the token (invalid_auth)" in said
    assert "s3cret" not in said + caplog.text


async def test_a_scope_that_is_missing_is_named(at: SlackServer) -> None:
    at.slack.bot.scopes.remove("channels:history")
    said = await refused(at.server(), "post_message", key="k", text="Ready")
    assert "lacks the scope channels:history; add the scope channels:history to the app" in said


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("restricted_action", "ask an administrator"),
        ("msg_too_long", "Slack refuses to post: msg_too_long"),
        ("invalid_blocks", "invalid_blocks"),
        ("some_new_code", "Slack refuses to post: some_new_code"),
    ],
)
async def test_other_refusals_are_told(at: SlackServer, code: str, said: str) -> None:
    at.slack.refusing[POST] = code
    assert said in await refused(at.server(), "post_message", key="k", text="Ready")
    assert at.slack.faults.count("POST", POST) == 1


async def test_no_connection_is_told(at: SlackServer) -> None:
    nowhere = SlackServer(at.slack, "http://127.0.0.1:9")
    assert "no readable answer (ConnectionRefusedError)" in await refused(nowhere.server(), "find_message", key="k")
