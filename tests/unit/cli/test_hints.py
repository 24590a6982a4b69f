"""What the terminal says to do next can be copied as it stands, and names things as people know them."""

import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from phasegate.cli.program import root
from phasegate.core import InvalidInput


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
        assert (
            "→ git add phasegate.toml phasegate.roots.jsonl src/acme/approvers.json && git commit -m 'Managers'" in told
        )


def test_lint_names_specs_from_the_top_of_the_repository(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said("init", "acme", "--spec", "unattached-ebs-volumes")
    monkeypatch.chdir(target)
    told = said("lint")
    assert told.startswith("specs/001-unattached-ebs-volumes  ")
    assert str(target) not in told


def test_spec_new_adds_one_of_ours_or_a_template_with_the_next_number(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said("init", "acme", "--spec", "unattached-ebs-volumes")
    monkeypatch.chdir(target)
    assert "→ phasegate run specs/002-idle-queues\n" in said("spec", "new", "idle-queues")
    assert "→ phasegate run specs/003-service-idle\n" in said("spec", "new", "service-idle")
    assert "→ phasegate run specs/004-snapshot-unreferenced\n" in said("spec", "new", "002-snapshot-unreferenced")
    assert "`004-snapshot-unreferenced`" in (target / "specs/004-snapshot-unreferenced/spec.md").read_text()
    done = CliRunner().invoke(root, ["spec", "new", "idle-queues"], standalone_mode=False)
    assert "there is a spec 'specs/002-idle-queues' already" in str(done.exception)


def test_template_is_marked_wherever_it_must_be_changed(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said("init", "acme", "--spec", "idle-queues")
    monkeypatch.chdir(target)
    done = CliRunner().invoke(root, ["lint"])
    assert done.exit_code == 3
    assert "runbook.yaml:10" in done.output
    template = (target / "specs/001-idle-queues/spec.md").read_text()
    unmarked = [line for line in template.splitlines() if "volume" in line and "[NEEDS CLARIFICATION" not in line]
    assert unmarked == []


def test_lint_says_what_is_wrong_with_one_spec_and_goes_on(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said("init", "acme", "--spec", "service-idle")
    monkeypatch.chdir(target)
    (target / "specs/001-empty").mkdir()
    (target / "specs/002-half").mkdir()
    (target / "specs/002-half/runbook.yaml").write_text("match: true\n")
    done = CliRunner().invoke(root, ["lint"])
    assert done.exit_code == 3
    assert "'specs/001-empty' has no spec.md" in done.output
    assert "'specs/002-half' has no spec.md" in done.output
    assert re.search(r"specs/003-service-idle  (no findings|\d low\n)", done.output)


def test_runbook_check_refuses_what_lint_refuses(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said("init", "acme", "--spec", "service-idle")
    monkeypatch.chdir(target)
    file = target / "specs/003-service-idle/runbook.yaml"
    lines = [line for line in file.read_text().splitlines() if not line.startswith("match:")]
    file.write_text("\n".join([*lines, 'match: "true"', ""]))
    done = CliRunner().invoke(root, ["runbook", "check", str(file)], standalone_mode=False)
    assert isinstance(done.exception, InvalidInput)
    assert [finding.rule for finding in done.exception.findings] == ["bare-literal"]
