"""Reading a card."""

import pytest

from phasegate.core import InvalidInput
from phasegate.team import Kind, load_team, read_card

CARD = """---
name: scout
title: Scout
kind: agent
answerable_for: [finding things]
authors: [specify]
prompt: scout
limits: {tokens: 10, money_usd: 0.5, calls: 1, seconds: 5, rounds: 1}
---

# Scout

I find things.
"""


def test_a_card_has_its_front_matter_and_its_body() -> None:
    card = read_card(CARD, "agents/scout.md")
    assert (card.name, card.kind, card.authors, card.model) == ("scout", Kind.agent, ("specify",), "compiler")
    assert card.body == "# Scout\n\nI find things.\n"


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("name: scout", "name: scouts", "its file 'scout'"),
        ("prompt: scout\n", "", "needs both 'prompt' and 'limits'"),
        ("kind: agent", "kind: robot", "'agent' or 'person'"),
        ("kind: agent", "kind: person", "a person decides at gates"),
        ("tokens: 10", "tokens: 0", "greater than 0"),
        ("title:", "titel:", "unknown key 'titel'"),
        ("---\nname", "name", "does not begin with front matter"),
    ],
)
def test_a_fault_in_a_card_is_refused(old: str, new: str, says: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        read_card(CARD.replace(old, new, 1), "agents/scout.md")
    assert any(says in finding.message for finding in caught.value.findings)


def test_no_card_is_named_as_the_engine_itself() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_card(CARD.replace("name: scout", "name: phasegate", 1), "agents/phasegate.md")
    assert "stands for the engine itself" in caught.value.findings[0].message


def test_lines_count_from_the_top_of_the_file() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_card(CARD.replace("kind: agent", "kind: robot"), "agents/scout.md")
    assert caught.value.findings[0].line == 4


def test_the_team_is_one_person_and_eight_agents() -> None:
    cards = load_team().cards.values()
    assert [card.name for card in cards if card.kind is Kind.person] == ["manager"]
    assert len([card for card in cards if card.kind is Kind.agent]) == 8


@pytest.mark.parametrize("heading", ["What I own", "What I look for", "When I say no", "What I hand over"])
def test_every_card_reads_as_a_job_description(heading: str) -> None:
    for card in load_team().cards.values():
        assert f"## {heading}\n" in card.body, card.name
