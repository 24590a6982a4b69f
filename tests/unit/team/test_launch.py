"""What binds a server's definition: everything that decides what is started, and what it is let do."""

from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from phasegate.team import load_team
from phasegate.team.launch import from_workspace, moved, pointed, program_of, safe_path
from phasegate.team.servers import ServerFile

FILE: dict[str, Any] = {
    "name": "costs",
    "command": ["python", "tools/costs.py", "--config=tools/costs.ini"],
    "env": ["AWS_PROFILE", {"READ_ONLY": "true"}],
    "roles": ["data-architect"],
    "tools": {"get_*": "read", "get_secret*": "destructive"},
    "only": {"region": ["eu-west-1"]},
}


@pytest.fixture
def top(tmp_path: Path) -> Path:
    (tmp_path / "tools").mkdir()
    (tmp_path / "tools" / "costs.py").write_text("print()")
    (tmp_path / "tools" / "costs.ini").write_text("[x]")
    return tmp_path


def definition(top: Path, path: str = "/usr/bin", **more: Any) -> str:
    file = ServerFile.model_validate({name: value for name, value in {**FILE, **more}.items() if value is not None})
    return from_workspace(file, top, {"PATH": path}).definition


@pytest.mark.parametrize(
    "change",
    [
        {"command": ["python3", "tools/costs.py", "--config=tools/costs.ini"]},
        {"command": ["python", "tools/costs.py"]},
        {"env": ["AWS_PROFILE", {"READ_ONLY": "false"}]},
        {"env": ["AWS_PROFILE", "READ_ONLY"]},
        {"env": ["AWS_PROFILE", "AWS_SECRET_ACCESS_KEY", {"READ_ONLY": "true"}]},
        {"cwd": "."},
        {"roles": ["data-architect", "sre-automation"]},
        {"only": {"region": ["eu-west-1", "us-east-1"]}},
        {"tools": {"get_*": "read", "get_secret*": "read"}},
        {"tools": {"get_*": {"effect": "read", "bounds": {"name": "a"}}, "get_secret*": "destructive"}},
        {"tools": {"get_secret*": "destructive", "get_*": "read"}},  # an earlier pattern comes before a later one
        {"command": None, "url": "https://example.org/mcp", "env": None},
    ],
)
def test_whatever_changes_in_a_definition_makes_it_another(top: Path, change: dict[str, Any]) -> None:
    assert definition(top) == definition(top, env={"AWS_PROFILE": None, "READ_ONLY": "true"})
    assert definition(top, **change) != definition(top)


def test_what_a_manager_granted_before_there_were_bounds_is_granted_still(top: Path) -> None:
    assert definition(top) == "69bf6e7f2ce37ea7fc7778e04fe6167ac7bf79c3c27844eaa9596d03460488ad"


@pytest.mark.parametrize("file", ["tools/costs.py", "tools/costs.ini"])
def test_files_of_the_repository_that_are_started_are_a_part_of_it(top: Path, file: str) -> None:
    server = from_workspace(ServerFile.model_validate(FILE), top, {"PATH": "/usr/bin"})
    (top / "tools" / "other.py").write_text("x")
    assert not moved(server, {"PATH": "/usr/bin"})
    (top / file).write_text("import os")
    assert moved(server, {"PATH": "/usr/bin"})


@pytest.mark.parametrize("command", [["./aws"], ["aws"], ["bash", "-c", "exec ./aws --x"], ["bash", "link"]])
def test_a_program_of_the_repository_is_bound_wherever_it_is_found(top: Path, command: list[str]) -> None:
    (top / "link").symlink_to("aws")
    found = set()
    for content in ("one", "two"):
        (top / "aws").write_text(content)
        (top / "aws").chmod(0o755)
        found.add(definition(top, path=f"{top}:/usr/bin", command=command))
    assert len(found) == 2


def test_a_relative_folder_of_path_finds_no_program(top: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (top / "aws-tool").write_text("#!/bin/sh")
    (top / "aws-tool").chmod(0o755)
    monkeypatch.chdir(top)
    server = ServerFile.model_validate({**FILE, "command": ["aws-tool"]})
    assert program_of(server, top, {"PATH": ".::bin:/usr/bin"}) == "aws-tool"
    assert safe_path({"PATH": ".::bin:/usr/bin"}) == "/usr/bin"


def test_what_is_no_name_of_a_file_hurts_nobody(top: Path) -> None:
    assert definition(top, command=["bash", "-c", "x" * 5000, "\x00"])


def test_only_what_is_shipped_byte_for_byte_needs_no_grant(top: Path) -> None:
    text = resources.files("phasegate.team.tools").joinpath("teams.yaml").read_text()
    (top / "tools" / "teams.yaml").write_text(text)
    assert load_team(top).servers["teams"].ours
    (top / "tools" / "teams.yaml").write_text(text + "\n")
    changed = load_team(top).servers["teams"]
    assert (changed.ours, bool(changed.definition)) == (False, True)
    assert load_team().servers["teams"].ours


def test_an_address_of_the_repository_s_is_a_part_of_the_definition(top: Path) -> None:
    aws = load_team().servers["aws"]
    sent = [pointed(aws, "AWS_ENDPOINT_URL", url, top, {}) for url in ("https://a.example", "https://b.example")]
    assert not any(server.ours for server in sent)
    assert sent[0].definition != sent[1].definition
    assert "with AWS_ENDPOINT_URL=https://a.example" in sent[0].runs
