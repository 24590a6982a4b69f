"""The Slack tools, through the protocol, with the real client library against a Slack on loopback."""

from typing import Any

import anyio
import pytest

from phasegate.core import InvalidInput, Missing
from phasegate.tools.servers.mcp_base import KEYED_WRITE, READ
from phasegate.tools.servers.slack.server import build, serving
from services.calling import called, called_by_command, listed, refused
from services.slack import OTHER_TOKEN, TOKEN
from unit.tools.servers.slack.fixtures import SlackServer

TITLE = {"type": "header", "text": {"type": "plain_text", "text": "Plan"}}
SAYS = {"type": "section", "text": {"type": "mrkdwn", "text": "*Ready* for <https://example.com|review>"}}


async def test_tools_say_what_they_do(at: SlackServer) -> None:
    tools = await listed(at.server())
    reads = {"find_message", "read_thread", "list_channels", "look_up_user", "get_user"}
    assert {name for name, tool in tools.items() if tool.annotations == READ} == reads
    assert {name for name, tool in tools.items() if tool.annotations == KEYED_WRITE} == set(tools) - reads
    assert set(tools) - reads == {
        "post_message",
        "update_message",
        "post_gate_card",
        "post_run_message",
        "update_gate_card",
    }
    assert all(tool.description and tool.outputSchema for tool in tools.values())
    assert "mrkdwn" not in tools["post_message"].inputSchema["properties"]


async def test_building_needs_settings_and_no_network() -> None:
    with pytest.raises(Missing, match="SLACK_BOT_TOKEN"):
        build({})
    assert await listed(build({"SLACK_BOT_TOKEN": "t", "SLACK_API_URL": "https://slack.invalid/api/"}))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SLACK_CHANNEL", "#ops"),
        ("SLACK_API_URL", "http://slack.com/api/"),  # the token would go over the wire for all to read
        ("SLACK_API_URL", "file:///etc/passwd"),
        ("SLACK_API_URL", "https://u:p@slack.com"),
    ],
)
def test_settings_that_do_not_hold_are_told(name: str, value: str) -> None:
    with pytest.raises(InvalidInput, match=name) as told:
        build({"SLACK_BOT_TOKEN": "t", name: value})
    assert value not in f"{told.value} {told.value.fix}"


async def test_the_command_serves_it(at: SlackServer) -> None:
    environ = {"SLACK_BOT_TOKEN": TOKEN, "SLACK_CHANNEL": "C0OPS", "SLACK_API_URL": f"{at.address}/api"}
    said = await called_by_command("slack", environ, "post_message", key="k", text="Ready")
    assert (said["created"], at.slack.ops.messages[0].text) == (True, "Ready")


async def test_a_message_is_posted_once_for_a_key(at: SlackServer) -> None:
    first = await called(at.server(), "post_message", key="r-1/card", text="Plan & risks", blocks=[TITLE, SAYS])
    again = await called(at.server(), "post_message", key="r-1/card", text="Other")
    other = await called(at.server(), "post_message", key="r-2/card", text="Plan")
    assert (first["created"], again["created"], other["created"]) == (True, False, True)
    assert again["message"] == first["message"]
    assert (first["channel"], first["message"]["key"], first["message"]["ours"]) == ("C0OPS", "r-1/card", True)
    posted = at.slack.ops.messages[0]
    assert posted.text == "Plan &amp; risks"
    assert posted.blocks[1]["text"]["text"] == "*Ready* for <https://example.com|review>"
    assert posted.metadata["event_payload"]["key"] == "r-1/card"
    assert (posted.sent["unfurl_links"], posted.sent["unfurl_media"], posted.sent["mrkdwn"]) == (False, False, False)
    assert len(at.slack.ops.messages) == 2


async def test_a_key_is_of_a_channel_or_thread(at: SlackServer) -> None:
    server, first = at.server(), at.slack.say("Talk")
    reply = await called(server, "post_message", key="k", text="In the thread", thread=first.ts)
    assert reply["message"]["thread"] == first.ts
    assert not (await called(server, "find_message", key="k"))["found"]
    assert (await called(server, "find_message", key="k", thread=first.ts))["message"] == reply["message"]
    assert not (await called(server, "post_message", key="k", text="Again", thread=first.ts))["created"]
    assert (await called(server, "post_message", key="k", text="Outside of it"))["created"]
    assert (await called(server, "find_message", key="k"))["message"]["thread"] == ""


async def test_a_key_that_somebody_else_wrote_is_not_ours(at: SlackServer) -> None:
    forged = {"event_type": "phasegate", "event_payload": {"key": "k"}}
    at.slack.say("Approved", by=at.slack.other, metadata=forged)
    at.slack.say("key: k")
    foreign = {"event_type": "jobs", "event_payload": {"key": "k"}}
    at.slack.say("Job", by=at.slack.bot, metadata=foreign)
    assert not (await called(at.server(), "find_message", key="k"))["found"]
    assert (await called(at.server(), "post_message", key="k", text="Ready"))["created"]
    thread = await called(at.server(), "read_thread", timestamp=at.slack.ops.messages[0].ts)
    assert (thread["messages"][0]["ours"], thread["messages"][0]["key"]) == (False, "")


async def test_a_key_is_found_on_a_later_page_and_not_before_the_day(at: SlackServer) -> None:
    at.slack.page = 3
    for number in range(3):
        noted = {"event_type": "phasegate", "event_payload": {"key": f"k{number}"}}
        at.slack.say(f"Ours {number}", by=at.slack.bot, metadata=noted, ago_s=(86_401, 86_000, 60)[number])
    for number in range(7):
        at.slack.say(f"Talk {number}")
    found = [(await called(at.server(), "find_message", key=f"k{number}"))["found"] for number in range(3)]
    assert found == [False, True, True]


async def test_a_channel_with_too_much_in_it_is_told_and_not_posted_to(at: SlackServer) -> None:
    at.slack.page = 2
    for number in range(40):
        at.slack.say(f"Talk {number}")
    assert "cannot tell whether the key" in await refused(at.server(), "post_message", key="k", text="Ready")
    assert len(at.slack.ops.messages) == 40


async def test_two_calls_at_once_post_once(at: SlackServer) -> None:
    server = at.server()
    at.slack.faults.slow("POST", "chat.postMessage", seconds=0.05)
    created: list[bool] = []

    async def post() -> None:
        created.append((await called(server, "post_message", key="k", text="Ready"))["created"])

    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(post)
    assert (sorted(created), len(at.slack.ops.messages)) == ([False, False, False, True], 1)


async def test_an_update_replaces_all_and_keeps_the_key(at: SlackServer) -> None:
    server = at.server()
    posted = (await called(server, "post_message", key="k", text="Waits", blocks=[TITLE, SAYS]))["message"]
    given = {"timestamp": posted["timestamp"], "text": "Approved <@U0MIA>"}
    changes = [await called(server, "update_message", **given) for _ in range(2)]
    assert [change["changed"] for change in changes] == [True, False]
    assert changes[0]["message"] == changes[1]["message"]
    message = at.slack.ops.messages[0]
    assert (message.text, message.blocks, message.called()) == ("Approved &lt;@U0MIA&gt;", [], [])
    assert at.slack.faults.count("POST", "chat.update") == 1
    assert (await called(server, "find_message", key="k"))["message"]["text"] == "Approved &lt;@U0MIA&gt;"


async def test_a_reply_is_updated_in_its_thread(at: SlackServer) -> None:
    server, first = at.server(), at.slack.say("Talk")
    posted = await called(server, "post_message", key="k", text="Waits", thread=first.ts)
    changed = await called(server, "update_message", timestamp=posted["message"]["timestamp"], text="Done")
    assert (changed["message"]["thread"], changed["message"]["key"]) == (first.ts, "k")
    assert [message.text for message in at.slack.ops.messages] == ["Talk", "Done"]


async def test_what_others_posted_is_not_updated(at: SlackServer) -> None:
    for by in (at.slack.mia, at.slack.other):
        said = await refused(at.server(), "update_message", timestamp=at.slack.say("Mine", by=by).ts, text="Ours")
        assert "is not our message; only what this bot posted" in said
    given = {"timestamp": f"{at.slack.ops.messages[0].ts[:11]}999999", "text": "x"}
    assert "thread_not_found; check the id" in await refused(at.server(), "update_message", **given)
    assert [message.text for message in at.slack.ops.messages] == ["Mine", "Mine"]
    assert at.slack.faults.count("POST", "chat.update") == 0


async def test_a_thread_comes_page_by_page(at: SlackServer) -> None:
    server, first = at.server(), at.slack.say("Talk 0")
    for number in range(1, 5):
        at.slack.say(f"Talk {number}", thread=first.ts)
    at.slack.say("Elsewhere")
    page = await called(server, "read_thread", timestamp=first.ts, limit=3)
    rest = await called(server, "read_thread", timestamp=first.ts, limit=3, cursor=page["next_cursor"])
    assert [message["text"][-1] for message in page["messages"] + rest["messages"]] == list("01234")
    assert (page["messages"][0]["by"], rest["next_cursor"]) == ("U0MIA", "")
    assert "invalid_cursor" in await refused(server, "read_thread", timestamp=first.ts, cursor="nonsense")


async def test_channels_come_page_by_page(at: SlackServer) -> None:
    first = await called(at.server(), "list_channels", limit=1)
    rest = await called(at.server(), "list_channels", limit=1, cursor=first["next_cursor"])
    assert first["channels"] == [{"id": "C0OPS", "name": "ops", "private": False, "member": True}]
    assert [(channel["name"], channel["member"]) for channel in rest["channels"]] == [("closed", False)]
    assert rest["next_cursor"] == ""


async def test_people_are_looked_up(at: SlackServer) -> None:
    mia = await called(at.server(), "look_up_user", email="mia@example.com")
    assert (mia["id"], mia["real_name"], mia["bot"]) == ("U0MIA", "Mia Chen", False)
    assert await called(at.server(), "get_user", user="U0MIA") == mia
    assert (await called(at.server(), "get_user", user="U0BOT"))["bot"]
    assert "users_not_found" in await refused(at.server(), "look_up_user", email="nobody@example.com")
    assert "user_not_found" in await refused(at.server(), "get_user", user="U0NOBODY")


async def test_without_a_channel_one_must_be_given(at: SlackServer) -> None:
    server = serving(at.client())
    assert "set SLACK_CHANNEL" in await refused(server, "post_message", key="k", text="Ready")
    assert (await called(server, "post_message", key="k", text="Ready", channel="C0OPS"))["created"]


async def test_another_apps_message_for_the_key_is_its_own(at: SlackServer) -> None:
    assert (await called(at.server(), "post_message", key="k", text="One"))["created"]
    assert (await called(at.server(token=OTHER_TOKEN), "post_message", key="k", text="Two"))["created"]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"channel": "C0CLOSED"}, "not_in_channel; invite the bot"),
        ({"channel": "C0NOWHERE"}, "channel_not_found; check the id"),
        ({"channel": "C0SECRET"}, "channel_not_found"),
        ({"channel": "C0OLD"}, "is_archived; choose a channel that is not archived"),
        ({"thread": "1763888400.999999"}, "thread_not_found"),
        ({"channel": "#ops"}, "channel"),
        ({"text": ""}, "text"),
    ],
)
async def test_what_slack_refuses_says_what_to_do(at: SlackServer, given: dict[str, Any], said: str) -> None:
    assert said in await refused(at.server(), "post_message", **{"key": "k", "text": "Ready", **given})
    assert at.slack.ops.messages == []
