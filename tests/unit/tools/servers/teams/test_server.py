"""The Teams tool, through the protocol, with a workflow on loopback that takes and keeps cards."""

import json
from typing import Any

import pytest

from phasegate.core import InvalidInput, Missing
from phasegate.tools.servers.mcp_base import WRITE
from phasegate.tools.servers.teams.cards import MOST_BYTES, Card, message
from phasegate.tools.servers.teams.server import build
from services.calling import called, called_by_command, listed, refused
from services.teams import PATH
from unit.tools.servers.teams.fixtures import CARD, TeamsServer

FACTS = [{"name": "Risk", "value": "low"}, {"name": "Account", "value": "111122223333"}]
HOSTILE = [
    "<at>Mia</at> <AT id='0'>Mia</AT>",
    "[Approve](https://evil.example) **now**",
    "![x](https://evil.example/?secret=1)",
    "{{DATE(2026-11-23T09:00:00Z)}} ${title} {{7*7}}",
    "<script>alert(1)</script> <a href='https://evil.example'>x</a>",
    '"}],"actions":[{"type":"Action.OpenUrl"',
    "ad\u202emin \u200bx\u2028y\x00",
]


async def test_the_tool_says_what_it_does(at: TeamsServer) -> None:
    tools = await listed(at.server())
    assert {name: tool.annotations for name, tool in tools.items()} == {"post_card": WRITE}
    assert "Not idempotent" in str(tools["post_card"].description)
    assert tools["post_card"].outputSchema


async def test_building_needs_the_address_and_no_network() -> None:
    with pytest.raises(Missing, match="TEAMS_WEBHOOK_URL"):
        build({})
    assert await listed(build({"TEAMS_WEBHOOK_URL": "https://teams.invalid/x"}))


@pytest.mark.parametrize(
    "address",
    [
        "http://example.com/s3cret",
        "http://127.0.0.1.example.com/s3cret",
        "http://localhost.example.com/s3cret",
        "http://127.0.0.1@example.com/s3cret",
        "https://user:s3cret@example.com/",
        "https:///s3cret",
        "https://exam\\ple.com/s3cret",
        "https://[s3cret/",
        "https://example.com:s3cret/",
        "file:///s3cret",
        "example.com/s3cret",
        "https://example.com/s3cret x",
        "https://еxample.com/s3cret",  # the first letter is Cyrillic
    ],
)
def test_an_address_that_is_not_safe_is_refused_and_not_shown(address: str) -> None:
    with pytest.raises(InvalidInput, match="TEAMS_WEBHOOK_URL") as told:
        build({"TEAMS_WEBHOOK_URL": address})
    assert "s3cret" not in f"{told.value} {told.value.fix}"


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/x", "http://[::1]/x", "http://localhost/x", "https://a.b/x"])
def test_a_safe_address_is_taken(address: str) -> None:
    assert build({"TEAMS_WEBHOOK_URL": address})


async def test_the_command_serves_it(at: TeamsServer) -> None:
    environ = {"TEAMS_WEBHOOK_URL": f"{at.address}{PATH}"}
    assert (await called_by_command("teams", environ, "post_card", **CARD))["created"]
    assert at.teams.lines()[0] == "Plan waits"


@pytest.mark.parametrize("status", [200, 202])
async def test_a_card_is_posted(at: TeamsServer, status: int) -> None:
    at.teams.status = status
    given = {**CARD, "facts": FACTS, "link": "https://phasegate.example/gates/1?x=y", "severity": "critical"}
    assert await called(at.server(), "post_card", **given) == {"key": "r-7f3a/plan", "created": True}
    card = at.teams.card
    said = ["Plan waits", "Three volumes.", "One risk.", "Risk: low", "Account: 111122223333", "r-7f3a/plan"]
    assert at.teams.lines() == said
    assert card["body"][0]["style"] == "attention"
    assert card["actions"] == [
        {"type": "Action.OpenUrl", "title": "Open phasegate.example", "url": "https://phasegate.example/gates/1?x=y"}
    ]


async def test_a_server_knows_what_it_has_posted(at: TeamsServer) -> None:
    server = at.server()
    made = [await called(server, "post_card", **CARD) for _ in range(2)]
    other = await called(server, "post_card", **{**CARD, "key": "other"})
    assert [card["created"] for card in [*made, other]] == [True, False, True]
    assert len(at.teams.messages) == 2


async def test_a_text_stays_text(at: TeamsServer) -> None:
    text = "\n".join(HOSTILE)
    facts = [{"name": hostile[:100], "value": hostile} for hostile in HOSTILE]
    given = {"key": HOSTILE[0], "title": HOSTILE[1], "text": text, "facts": facts}
    assert (await called(at.server(), "post_card", **given))["created"]
    card = json.dumps(at.teams.card, ensure_ascii=False)
    assert at.teams.card["actions"] == []
    assert "entities" not in at.teams.card["msteams"]
    assert {part["type"] for part in at.teams.card["body"]} == {"Container", "RichTextBlock"}
    assert "<at" not in card.lower()
    assert "{{" not in card
    assert not set(card) & set("\u202e\u200b\u2028\x00")
    assert at.teams.lines()[2] == "[Approve](https://evil.example) **now**"  # such a block knows no Markdown


@pytest.mark.parametrize(
    "text", ["x" * 100_000, "\n".join(["y"] * 50_000), '"\\' * 50_000, "\u202e" * 99_999, "数" * 50_000]
)
async def test_a_text_that_is_too_long_is_cut_with_a_note(at: TeamsServer, text: str) -> None:
    facts = [{"name": "n" * 100, "value": "\u202e" * 2000}] * 20
    given = {"key": "k" * 200, "title": "ü" * 300, "text": text, "facts": facts, "link": "https://a.b/" + "x" * 1900}
    assert (await called(at.server(), "post_card", **given))["created"]
    note = at.teams.lines().index(next(line for line in at.teams.lines() if line.startswith("… (cut; it had ")))
    assert len(at.teams.lines()) == note + 1 + 20 + 1
    assert at.teams.lines()[note - 1][0] in text + "<"
    assert _size(at) > MOST_BYTES - 1000


def test_a_text_is_cut_only_where_it_must_be() -> None:
    room = MOST_BYTES - len(message(Card(key="k", title="t", text="x"))) + 1
    fits, over = (message(Card(key="k", title="t", text="x" * length)) for length in (room, room + 1))
    assert (len(fits), b"(cut;" in fits, b"(cut;" in over) == (MOST_BYTES, False, True)
    assert MOST_BYTES - 3 <= len(over) <= MOST_BYTES


def _size(at: TeamsServer) -> int:
    return len(json.dumps(at.teams.messages[0], ensure_ascii=False).encode())


@pytest.mark.parametrize(
    "link",
    [
        "http://example.com", "javascript:alert(1)", "example.com", "https://", "https://a b", "https://a\\b",
        "https://good.example@evil.example/", "https://[x", "msteams://x", "https://еxample.com",
    ],
)  # fmt: skip
async def test_a_link_that_is_not_an_https_address_is_refused(at: TeamsServer, link: str) -> None:
    said = await refused(at.server(), "post_card", **CARD, link=link)
    assert "the link is not an https address" in said
    assert at.teams.faults.seen == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"severity": "loud"}, "severity"),
        ({"title": ""}, "title"),
        ({"facts": [{"name": "a", "value": "b"}] * 21}, "facts"),
        ({"facts": [{"name": "a", "value": "b", "type": "Image"}]}, "facts"),
        ({"key": ""}, "key"),
    ],
)
async def test_what_does_not_fit_is_named(at: TeamsServer, given: dict[str, Any], said: str) -> None:
    assert said in await refused(at.server(), "post_card", **{**CARD, **given})
    assert at.teams.faults.seen == []
