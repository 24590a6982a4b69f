"""A new target repository: its files hold, and its package runs."""

import ast
import json
import os
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import pytest

from phasegate.core import UsageError
from phasegate.release import check_backend, read_project
from phasegate.runbooks.language.lint import lint
from phasegate.scaffold import Approver, Aws, next_folder, package_name, scaffold, starter_spec
from phasegate.spec import lint_spec

KEY = "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w="
MANAGER = Approver(name='Ada "L" \\ Lovelace', public_key=KEY)


def runtime() -> dict[str, bytes]:
    return dict(_python(files("phasegate.runbooks.runtime")))


def _python(folder: Traversable) -> Iterator[tuple[str, bytes]]:
    yield from ((item.name, item.read_bytes()) for item in folder.iterdir() if item.name.endswith(".py"))


def make(**more: object) -> dict[str, bytes]:
    given = {"runtime": {"__init__.py": b"def main(package): return 0\n"}, "prices": b"{}\n"} | more
    return scaffold("acme-runbooks", **given)  # type: ignore[arg-type]


def lay(tree: dict[str, bytes], into: Path) -> Path:
    for path, content in tree.items():
        (into / path).parent.mkdir(parents=True, exist_ok=True)
        (into / path).write_bytes(content)
    return into


def test_the_layout_is_that_of_a_target_repository() -> None:
    assert sorted(make()) == [
        ".gitignore",
        "CHANGELOG.md",
        "README.md",
        "docs/README.md",
        "phasegate.toml",
        "pyproject.toml",
        "specs/README.md",
        "src/acme_runbooks/__init__.py",
        "src/acme_runbooks/_runtime/__init__.py",
        "src/acme_runbooks/approvers.json",
        "src/acme_runbooks/cli.py",
        "src/acme_runbooks/prices.json",
        "src/acme_runbooks/runbooks/__init__.py",
        "tests/conftest.py",
        "tests/test_package.py",
    ]


def test_files_that_tests_share_come_before_our_own() -> None:
    assert make(support={"tests/conftest.py": b"# theirs\n"})["tests/conftest.py"] == b"# theirs\n"


def test_the_same_names_give_the_same_bytes() -> None:
    assert make(managers=[MANAGER]) == make(managers=[MANAGER])


def test_every_file_ends_with_one_line_end_and_no_blank_at_a_line_end() -> None:
    for path, content in make(managers=[MANAGER], demo=True).items():
        text = content.decode()
        assert text.endswith("\n"), path
        assert not text.endswith("\n\n"), path
        assert not [line for line in text.splitlines() if line != line.rstrip()], path


def test_package_can_be_built_and_needs_three_dependencies() -> None:
    tree = make()
    project = read_project(tree)
    assert (project.name, project.package, project.version) == ("acme-runbooks", "acme_runbooks", "0.0.0")
    assert [requirement.name for requirement in project.requirements] == ["boto3", "jmespath", "tzdata"]
    assert project.table.scripts == {"acme-runbooks": "acme_runbooks.cli:main"}
    assert check_backend(tree) == []


def test_python_files_parse() -> None:
    for path, content in make().items():
        if path.endswith(".py"):
            ast.parse(content)


def settings(tree: dict[str, bytes]) -> dict[str, Any]:
    return tomllib.loads(tree["phasegate.toml"].decode())


def test_the_settings_hold_what_was_given() -> None:
    aws = Aws(endpoint_url="http://127.0.0.1:5000", as_of="2026-11-18T20:10:00Z")
    assert settings(make(managers=[MANAGER], aws=aws, index="/tmp/index", demo=True)) == {
        "demo": True,
        "project": {"name": "acme-runbooks", "package": "acme_runbooks"},
        "work": {"flow": "sdlc"},
        "index": {"path": "/tmp/index"},
        "aws": {"endpoint_url": "http://127.0.0.1:5000", "region": "us-east-1", "as_of": "2026-11-18T20:10:00Z"},
        "managers": [{"name": MANAGER.name, "public_key": KEY, "card": "manager"}],
    }


def test_without_managers_the_settings_say_how_to_get_one() -> None:
    tree = make()
    assert settings(tree).keys() == {"project", "work"}
    assert b"phasegate manager init" in tree["phasegate.toml"]


def test_approvers_are_the_managers() -> None:
    listed = json.loads(make(managers=[MANAGER])["src/acme_runbooks/approvers.json"])
    assert listed == {"approvers": [{"name": MANAGER.name, "public_key": KEY}]}


def test_the_tests_of_a_new_repository_pass(tmp_path: Path) -> None:
    lay(make(runtime=runtime()), tmp_path)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "AWS"))}
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "2 passed" in ran.stdout


@pytest.mark.parametrize(
    ("project", "package", "says"),
    [
        ("Acme Runbooks", "", "project"),
        ("-acme", "", "project"),
        ("../x", "", "project"),
        ('x"\nname = "y', "", "project"),
        ("acme", "acme-runbooks", "package"),
        ("json", "", "package"),
        ("class", "", "package"),
        ("phasegate", "", "package"),
    ],
)
def test_a_name_that_cannot_be_one_is_refused(project: str, package: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        scaffold(project, package=package, runtime={}, prices=b"")
    assert "such as" in caught.value.fix


@pytest.mark.parametrize(
    ("project", "package"), [("acme-runbooks", "acme_runbooks"), ("a.b-c", "a_b_c"), ("3m", "runbooks_3m")]
)
def test_a_package_is_named_after_its_project(project: str, package: str) -> None:
    assert package_name(project) == package
    scaffold(project, runtime={}, prices=b"")


def test_a_starter_spec_is_complete_but_for_what_its_author_knows() -> None:
    folder = next_folder("idle-things", [])
    tree = starter_spec(folder, today="2026-11-02")
    assert sorted(tree) == ["specs/001-idle-things/runbook.yaml", "specs/001-idle-things/spec.md"]
    assert {finding.rule for finding in lint_spec(tree, folder)} == {"needs-clarification"}
    path = f"{folder}/runbook.yaml"
    assert {finding.rule for finding in lint(tree[path].decode(), path)} == {"needs-clarification"}


def test_the_next_spec_gets_the_next_number() -> None:
    paths = ["specs/001-a/spec.md", "specs/009-b/plan.md", "specs/README.md", "docs/specs/020-c/x"]
    assert next_folder("c-d", paths) == "specs/010-c-d"


@pytest.mark.parametrize("name", ["", "A", "a b", "../x", "-a", "a/b"])
def test_a_name_that_no_folder_can_have_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="cannot name a spec"):
        next_folder(name, [])
