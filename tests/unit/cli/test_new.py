"""`phasegate new`: a sentence becomes a spec's folder, where somebody can make a spec of it."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from phasegate.cli.program import root
from phasegate.core import InvalidInput
from unit.authors.sample_spec import sample_repository

SENTENCE = 'Find EBS volumes nobody uses,\nand what they "cost"'


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    sample_repository(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_only_the_folder_is_written_where_that_is_asked_for(repository: Path) -> None:
    said = CliRunner().invoke(root, ["new", "--only", SENTENCE])
    assert said.exit_code == 0, said.output
    assert "phasegate run specs/002-ebs-volumes" in said.output
    text = (repository / "specs/002-ebs-volumes/spec.md").read_text()
    assert "User description: \"Find EBS volumes nobody uses, and what they 'cost'\"" in text


def test_a_sentence_that_nobody_can_work_on_leaves_nothing_behind(repository: Path) -> None:
    before = sorted((repository / "specs").iterdir())
    said = CliRunner().invoke(root, ["new", SENTENCE])
    assert isinstance(said.exception, InvalidInput)
    assert "[roles.product-owner]" in said.exception.fix
    assert sorted((repository / "specs").iterdir()) == before


def test_a_sentence_without_a_word_asks_for_a_name(repository: Path) -> None:
    said = CliRunner().invoke(root, ["new", "--only", "***"])
    assert said.exception is not None
    assert "--name" in getattr(said.exception, "fix", "")
    assert CliRunner().invoke(root, ["new", "--only", "--name", "idle-things", "***"]).exit_code == 0
