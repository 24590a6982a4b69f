"""Cards of gates: what they show, what their buttons carry, and how much Slack takes; through the protocol too."""

from typing import Any

import pytest
from slack_sdk.models.blocks import ButtonElement, ConfirmObject

from phasegate.core import InvalidInput
from phasegate.tools.servers.slack.cards import (
    ANSWER,
    APPROVE,
    CHANGES,
    OPEN,
    REJECT,
    REMARK,
    Card,
    Fact,
    answered,
    asking,
    calling,
    read_value,
    remark_view,
    value_of,
)
from services.calling import called, refused
from unit.tools.servers.slack.fixtures import SlackServer

GATE, DIGEST = "r7f3a2/plan/1", "ab" * 32
LINK = "https://inbox.example.org/gates/r7f3a2/plan/1"
FACTS = [{"title": "Risk", "value": "low"}, {"title": "Findings", "value": "2 findings, 1 blocking"}]
POST = {"gate": GATE, "digest": DIGEST, "title": "Architecture review", "summary": "Read the plan", "facts": FACTS}
RAISED = {name: POST[name] for name in ("gate", "title", "facts")}


def card(**more: Any) -> Card:
    return Card(**{"gate": GATE, "title": "Plan", "summary": "Read it", "link": LINK, **more})


def elements(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return next((block["elements"] for block in blocks if block["type"] == "actions"), [])


def every_text(part: Any) -> list[dict[str, Any]]:
    if isinstance(part, dict):
        here = [part] if part.get("type") in ("plain_text", "mrkdwn") else []
        return [*here, *(found for inner in part.values() for found in every_text(inner))]
    return [found for inner in part for found in every_text(inner)] if isinstance(part, list) else []


async def test_card_shows_the_gate_and_its_buttons_carry_it(at: SlackServer) -> None:
    posted = await called(at.server(), "post_gate_card", key="k", link=LINK, **POST)
    (message,) = at.slack.ops.messages
    assert (posted["created"], posted["message"]["key"], posted["channel"]) == (True, "k", "C0OPS")
    header, section, fields, context, actions = message.blocks
    assert header["text"]["text"] == "Architecture review"
    assert section["text"]["text"] == "Read the plan"
    assert [field["text"] for field in fields["fields"]] == ["Risk\nlow", "Findings\n2 findings, 1 blocking"]
    assert context["elements"][0]["text"] == f"{GATE} · digest {DIGEST[:12]}"
    shown = {each["action_id"]: each for each in actions["elements"]}
    assert list(shown) == [APPROVE, CHANGES, REJECT, OPEN]
    assert {shown[name]["value"] for name in (APPROVE, CHANGES, REJECT)} == {f"{GATE}|{DIGEST}"}
    assert (shown[OPEN]["url"], "value" in shown[OPEN]) == (LINK, False)
    assert [name for name in shown if "confirm" in shown[name]] == [APPROVE]
    assert (message.text, message.sent["mrkdwn"]) == ("Architecture review: Read the plan", False)


async def test_card_is_posted_once_for_a_key_and_updated_to_have_no_buttons(at: SlackServer) -> None:
    server = at.server()
    first = await called(server, "post_gate_card", key="k", link=LINK, **POST)
    assert not (await called(server, "post_gate_card", key="k", **POST))["created"]
    (message,) = at.slack.ops.messages
    told = {"timestamp": first["message"]["timestamp"], **RAISED, "summary": "approved by ada", "link": LINK}
    assert [(await called(server, "update_gate_card", **told))["changed"] for _ in range(2)] == [True, False]
    assert [each["action_id"] for each in elements(message.blocks)] == [OPEN]
    assert "approved by ada" in message.blocks[1]["text"]["text"]
    await called(server, "update_gate_card", **{**told, "link": ""})
    assert elements(message.blocks) == []


async def test_card_of_somebody_else_is_not_changed(at: SlackServer) -> None:
    message = at.slack.say("Card", by=at.slack.other)
    said = await refused(at.server(), "update_gate_card", timestamp=message.ts, summary="x", **RAISED)
    assert "not our message" in said


@pytest.mark.parametrize("text", ["<!channel> *now*", "<https://evil.example|plan>", ":tada: `x` <@U012>", "a & b < c"])
def test_what_others_wrote_is_plain_text(text: str) -> None:
    facts = (Fact(title=text, value=text),)
    for blocks in (asking(card(title=text, summary=text, facts=facts), DIGEST), answered(card(summary=text))):
        assert {(part["type"], part["emoji"]) for part in every_text(blocks)} == {("plain_text", False)}
    assert "<!" not in card(summary=text).text


def test_what_nobody_sees_is_written_out() -> None:
    blocks = asking(card(title="ad\u202emin", summary="a\u200bb"), DIGEST)
    assert (blocks[0]["text"]["text"], blocks[1]["text"]["text"]) == ("ad<U+202E>min", "a<U+200B>b")


def test_what_is_too_long_is_cut_to_what_slack_takes() -> None:
    facts = tuple(Fact(title=f"Fact {number}", value="v" * 9_000) for number in range(10))
    long = card(title="t\n" * 400, summary="s" * 9_000, facts=facts, link="https://example.org/" + "x" * 2_900)
    for blocks in (asking(long, DIGEST), answered(long)):
        assert [len(part["text"]["text"]) for part in blocks[:2]] == [150, 3000]
        assert {len(part["text"]) for part in blocks[2]["fields"]} == {2000}
        assert blocks[1]["text"]["text"].endswith("…")
    for button in elements(asking(long, DIGEST)):
        ButtonElement(**{name: value for name, value in button.items() if name != "type"}).to_dict()
    confirm = elements(asking(long, DIGEST))[0]["confirm"]
    ConfirmObject(**confirm).to_dict()


def test_empty_words_are_no_reason_to_fail() -> None:
    assert asking(card(title=" \n ", summary=" "), DIGEST)[1]["text"]["text"] == "–"


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "slack://open",
        "ftp://example.org",
        "//example.org",
        "example.org",
        "https://",
        "https://user:secret@example.org",
        "https://exa mple.org",
        "https://example.org/\u202e",
        "https://[",
        "https://example.org/" + "x" * 3_000,
        "https://ex\u00e4mple.org",
        "https://example.org/\x7f",
    ],
)
def test_link_that_is_no_web_address_is_refused(link: str) -> None:
    with pytest.raises(InvalidInput, match="no web address"):
        asking(card(link=link), DIGEST)
    with pytest.raises(InvalidInput, match="no web address"):
        answered(card(link=link))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gate", "plan"),
        ("gate", "r1/plan/0"),
        ("gate", "r1/plan/1|x"),
        ("gate", f"{GATE}\n"),
        ("digest", "ab"),
        ("digest", "AB" * 32),
        ("title", ""),
        ("facts", [{"title": "Risk", "value": "low"}] * 11),
        ("facts", [{"title": "Risk", "value": "low", "type": "mrkdwn"}]),
        ("facts", [{"title": "Risk", "value": ""}]),
    ],
)
async def test_card_that_names_no_gate_is_not_posted(at: SlackServer, name: str, value: Any) -> None:
    await refused(at.server(), "post_gate_card", key="k", **{**POST, name: value})
    assert at.slack.ops.messages == []


def test_value_comes_back_as_it_was() -> None:
    assert read_value(value_of(GATE, DIGEST)) == (GATE, DIGEST)
    with pytest.raises(InvalidInput):
        read_value(value_of(GATE, "x"))


@pytest.mark.parametrize(("action", "optional", "button"), [(CHANGES, False, "Send back"), (REJECT, True, "Reject")])
def test_view_asks_why_and_carries_where_it_came_from(action: str, optional: bool, button: str) -> None:
    view = remark_view(action, GATE, "Plan *now*", DIGEST, "kept")
    assert (view["callback_id"], view["private_metadata"], view["submit"]["text"]) == (action, "kept", button)
    asked = next(block for block in view["blocks"] if block["type"] == "input")
    assert (asked["block_id"], asked["optional"], asked["element"]["multiline"]) == (REMARK, optional, True)
    assert {part["type"] for part in every_text(view)} == {"plain_text"}


@pytest.mark.parametrize(
    ("count", "says"),
    [
        (20, ""),
        (21, "Not here: question 21 is on the gate's page."),
        (23, "Not here: questions 21 to 23 are on the gate's page."),
    ],
)
def test_questions_that_a_view_has_no_room_for_are_named(count: int, says: str) -> None:
    questions = [f"What about case {number}?" for number in range(1, count + 1)]
    view = remark_view(CHANGES, GATE, "Plan", DIGEST, "kept", questions)
    assert sum(block["block_id"].startswith(ANSWER) for block in view["blocks"] if block["type"] == "input") == 20
    notes = [part["text"] for block in view["blocks"][2:] if block["type"] == "context" for part in block["elements"]]
    assert [note.partition(" Answer")[0] for note in notes] == ([says] if says else [])
    rejected = remark_view(REJECT, GATE, "Plan", DIGEST, "kept", questions)
    assert "Not here" not in str(rejected)


@pytest.mark.parametrize("link", ["http://127.0.0.1:8000/gates", "https://example.org/".ljust(3_000, "x")])
def test_a_link_is_taken_as_it_is(link: str) -> None:
    assert [each["url"] for each in elements(answered(card(link=link)))] == [link]


def test_a_card_without_links_has_nothing_to_click_once_it_is_answered() -> None:
    assert [block["type"] for block in answered(card(link=""))] == ["header", "section", "context"]


def test_a_title_of_just_the_length_that_slack_takes_is_not_cut() -> None:
    title = "t" * 150
    assert answered(card(title=title))[0]["text"]["text"] == title


def test_those_who_decide_are_called_by_their_ids_alone() -> None:
    assert calling([]) == []
    assert [block["text"]["text"] for block in calling(["U01", "W02"])] == ["For <@U01> <@W02>"]
    assert calling(["U01"])[0] in asking(card(mention=["U01"]), DIGEST)
    with pytest.raises(InvalidInput, match="not the id of a user"):
        calling(["U01", "!channel"])
