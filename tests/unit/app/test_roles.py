"""Who works as a role: its card says so, and phasegate.toml may say otherwise."""

from pathlib import Path

import pytest

from phasegate.app import open_app
from phasegate.core import InvalidInput
from unit.authors.sample_spec import sample_repository


def repository(folder: Path, text: str) -> Path:
    sample_repository(folder)
    config = folder / "phasegate.toml"
    config.write_text(config.read_text() + text)
    return folder


async def test_a_role_of_its_own_counts_before_everybody_and_everybody_before_the_card(tmp_path: Path) -> None:
    text = '\n[roles.qa-specialist]\nmodel = "assistant"\n'
    path = repository(tmp_path, text)
    config = path / "phasegate.toml"
    config.write_text(config.read_text().replace('flow = "sdlc"', 'flow = "sdlc"\nmodel = "openai:gpt-5"'))
    async with open_app(path) as app:
        models = {name: card.model for name, card in app.team.cards.items()}
    assert (models["qa-specialist"], models["product-owner"], models["manager"]) == (
        "assistant",
        "openai:gpt-5",
        "compiler",
    )


async def test_a_role_without_a_card_is_refused(tmp_path: Path) -> None:
    path = repository(tmp_path, '\n[roles.qa]\nmodel = "assistant"\n')
    with pytest.raises(InvalidInput, match=r"there is no agents/qa\.md"):
        async with open_app(path):
            pass


@pytest.mark.parametrize("model", ["gpt 5", "gpt-5", "Openai:x", "openai:"])
async def test_what_names_nobody_is_refused(tmp_path: Path, model: str) -> None:
    path = repository(tmp_path, f'\n[roles.qa-specialist]\nmodel = "{model}"\n')
    with pytest.raises(InvalidInput, match=r"roles\.qa-specialist\.model"):
        async with open_app(path):
            pass
