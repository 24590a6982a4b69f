"""The unit that keeps a worker running: written, removed, and what systemd thinks of it."""

import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from phasegate.cli.program import root
from phasegate.hosting.systemd import install, unit_name, unit_path, unit_text
from unit.authors.sample_spec import sample_repository


def test_two_repositories_of_one_name_have_a_unit_each() -> None:
    assert unit_name(Path("/a/acme runs")) != unit_name(Path("/b/acme runs"))
    assert unit_name(Path("/a/acme runs")).startswith("phasegate-acme-runs-")


@pytest.mark.parametrize("name", ["acme", "acme runs", "100%", "a$b", 'a"b', "a\\b"])
def test_systemd_takes_the_unit(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    text = unit_text(folder, name)
    assert "Restart=on-failure" in text
    assert " -m phasegate.cli worker\n" in text
    verify = shutil.which("systemd-analyze")
    if verify is None:
        pytest.skip("systemd is not on this machine")
    path = install(folder, name, {"XDG_CONFIG_HOME": str(tmp_path / "config")})
    said = subprocess.run([verify, "--user", "verify", str(path)], capture_output=True, text=True, check=False)
    assert str(path.name) not in said.stderr, said.stderr


def test_the_command_writes_and_removes_it_and_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = sample_repository(tmp_path / "target")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    path = unit_path(folder, {"XDG_CONFIG_HOME": str(tmp_path / "config")})
    said = CliRunner().invoke(root, ["worker", "--install"], catch_exceptions=False)
    assert path.is_file()
    assert f"systemctl --user enable --now {path.name}" in said.output
    assert f"WorkingDirectory={folder}" in path.read_text()
    said = CliRunner().invoke(root, ["worker", "--uninstall"], catch_exceptions=False)
    assert not path.exists()
    assert f"systemctl --user disable --now {path.name}" in said.output
    assert "no unit" in CliRunner().invoke(root, ["worker", "--uninstall"], catch_exceptions=False).output
