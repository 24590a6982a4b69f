"""What the terminal says to do next can be copied as it stands, and names things as people know them."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from phasegate.cli.root import root


def said(*words: str) -> str:
    done = CliRunner().invoke(root, list(words), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


@pytest.fixture
def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to begin in, with a home of its own."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    (tmp_path / "passphrase").write_text("a passphrase of ours\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "acme"


def test_init_names_the_spec_even_beside_an_ejected_team(target: Path) -> None:
    told = said("init", "acme", "--eject", "--spec", "service-idle")
    assert "→ phasegate run specs/003-service-idle\n" in told
    assert (target / "specs/003-service-idle/spec.md").is_file()


def test_manager_init_says_what_is_not_committed_until_it_is(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said("init", "acme")
    monkeypatch.chdir(target)
    for _ in range(2):  # the second time nothing is written, and still nothing is committed
        told = said("manager", "init", "--name", "ada", "--passphrase-file", "../passphrase")
        assert "Not committed" in told
        assert "→ git add phasegate.toml src/acme/approvers.json && git commit -m 'Managers'" in told


def test_lint_names_specs_from_the_top_of_the_repository(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said("init", "acme", "--spec", "unattached-ebs-volumes")
    monkeypatch.chdir(target)
    told = said("lint")
    assert told.startswith("specs/001-unattached-ebs-volumes  ")
    assert str(target) not in told
