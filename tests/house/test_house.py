"""What the repository says of itself: packaging, dependencies, documents."""

import ast
import doctest
import importlib
import json
import pkgutil
import re
import sys
import tomllib
from fnmatch import fnmatch
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

import phasegate

TOP = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((TOP / "pyproject.toml").read_text())
SETUPTOOLS: dict[str, Any] = PROJECT["tool"]["setuptools"]
SURFACE = ("agents", "graphs", "prompts", "specs", "tools")
IMPORTED_AS = {
    "griffe": "griffelib",
    "cyclonedx": "cyclonedx-python-lib",
    "markdown_it": "markdown-it-py",
    "yaml": "pyyaml",
    "ruamel": "ruamel-yaml",
    "packageurl": "packageurl-python",
    "botocore": "boto3",
    "pydantic_core": "pydantic",
    "langchain_core": "langgraph",
    "argon2": "argon2-cffi",
    "requests": "jira",
    "urllib3": "boto3",
    "starlette": "fastapi",
    "anyio": "mcp",
}
"""Packages that are imported under another name, or come as part of another."""


def modules() -> list[str]:
    found = pkgutil.walk_packages(phasegate.__path__, "phasegate.")
    return sorted(
        module.name for module in found if ".migrations." not in module.name and not module.name.endswith("__main__")
    )


def test_every_package_is_listed() -> None:
    folders = {file.parent.relative_to(TOP / "src") for file in (TOP / "src").rglob("__init__.py")}
    packages = {".".join(folder.parts) for folder in folders} | {f"phasegate.team.{name}" for name in SURFACE}
    assert set(SETUPTOOLS["packages"]) == packages


@pytest.mark.parametrize("name", SURFACE)
def test_the_surface_is_data_at_the_top_and_a_package_when_installed(name: str) -> None:
    assert SETUPTOOLS["package-dir"][f"phasegate.team.{name}"] == name
    assert [file.name for file in (TOP / name).rglob("*.py")] == ["__init__.py"]
    assert resources.files(f"phasegate.team.{name}").joinpath("__init__.py").is_file()


def test_all_data_ships() -> None:
    patterns = SETUPTOOLS["package-data"]["*"]
    roots = [TOP / name for name in SURFACE] + [TOP / "src" / p.replace(".", "/") for p in SETUPTOOLS["packages"][:-5]]
    left_out = [
        file.relative_to(TOP).as_posix()
        for root in roots
        for file in [*root.glob("*"), *(root.glob("*/*") if root.name in SURFACE else [])]
        if file.is_file() and file.suffix not in (".py", ".pyc")
        if not any(fnmatch(file.relative_to(root).as_posix(), pattern) for pattern in patterns)
    ]
    assert left_out == []


def test_each_dependency_is_imported_declared_and_explained() -> None:
    declared = {Requirement(text).name.lower() for text in PROJECT["project"]["dependencies"]}
    text = (TOP / "docs" / "dependencies.md").read_text().lower()
    assert [name for name in sorted(declared) if not re.search(rf"\|[^|]*\b{re.escape(name)}\b[^|]*\|", text)] == []
    imported = {
        found[1].split(".")[0]
        for file in (TOP / "src").rglob("*.py")
        for found in re.finditer(r"^\s*(?:from|import) ([a-zA-Z_][\w.]*)", file.read_text(), re.M)
    }
    third_party = imported - set(sys.stdlib_module_names) - {"phasegate"}
    names = {IMPORTED_AS.get(name, name.replace("_", "-")) for name in third_party}
    assert names - declared == set()


@pytest.mark.parametrize("path", sorted((TOP / "lock").glob("*.txt")), ids=lambda path: path.name)
def test_a_lock_has_hashes_and_names_no_index(path: Path) -> None:
    lines = path.read_text().splitlines()
    pinned = [line for line in lines if re.match(r"[a-z0-9]", line)]
    assert pinned
    assert all("==" in line for line in pinned)
    assert sum("--hash=sha256:" in line for line in lines) >= len(pinned)
    assert not any("://" in line for line in lines)


def test_the_lock_of_the_inspector_has_hashes_and_names_no_index() -> None:
    locked = json.loads((TOP / "lock" / "inspector" / "package-lock.json").read_text())["packages"]
    packages = {name: package for name, package in locked.items() if name}
    assert packages
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert not any("resolved" in package for package in packages.values())


def test_the_lock_holds_what_is_declared() -> None:
    locked = (TOP / "lock" / "runtime.txt").read_text().lower()
    declared = [Requirement(text) for text in PROJECT["project"]["dependencies"]]
    missing = []
    for requirement in declared:
        found = re.search(rf"^{re.escape(requirement.name.lower())}(?:\[[^]]*\])?==([^ ;\\]+)", locked, re.M)
        if not (found and requirement.specifier.contains(found[1])):
            missing.append(str(requirement))
    assert missing == []


@pytest.mark.parametrize("name", modules())
def test_examples_in_docstrings_hold(name: str) -> None:
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0


def _without_encoding(call: ast.Call) -> bool:
    """Whether it reads or writes text in whatever encoding the locale of the day has."""
    given = {keyword.arg for keyword in call.keywords}
    if given & {"encoding", None}:
        return False
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in {"read_text", "write_text"}:
        return isinstance(call.func, ast.Attribute) and len(call.args) < {"read_text": 1, "write_text": 2}[name]
    if name in {"run", "Popen", "check_output"}:
        return bool(given & {"text", "universal_newlines"})
    if name in {"open", "NamedTemporaryFile", "TemporaryFile"}:
        modes = [arg.value for arg in call.args if isinstance(arg, ast.Constant) and isinstance(arg.value, str)]
        return any(set(mode) <= set("rwax+t") and mode for mode in modes)
    return False


@pytest.mark.parametrize("folder", ["src", "docs", "bench"])
def test_text_is_read_and_written_in_a_named_encoding(folder: str) -> None:
    found = [
        f"{path.relative_to(TOP)}:{node.lineno}"
        for path in sorted((TOP / folder).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and _without_encoding(node)
    ]
    assert found == []


@pytest.mark.parametrize("name", ["sandbox/shim.py", "sandbox/harness.py", "release/build_inside.py"])
def test_a_program_that_is_given_as_an_argument_is_ascii(name: str) -> None:
    """An argument is encoded as the locale of the day has it."""
    assert (resources.files("phasegate") / name).read_bytes().isascii()


def test_the_composition_root_is_configuration_and_wiring_alone() -> None:
    sources = (TOP / "src" / "phasegate" / "app").rglob("*.py")
    lines = sum(path.read_text(encoding="utf-8").count("\n") for path in sources)
    assert 0 < lines < 1000, "what is more than wiring gets a room of its own"


CLAUSE = re.compile(r"(What|Whether|How|Which|Where|Who|Whose|Why|When|It|Those|That|One|Of|As|Not)\b")


def test_docstrings_begin_with_a_verb_or_a_noun_and_their_first_line_is_one_sentence() -> None:
    first_lines = {
        f"{path.relative_to(TOP)}:{node.body[0].lineno}": (ast.get_docstring(node) or "").partition("\n")[0]
        for path in sorted((TOP / "src").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.body
    }
    assert {at: line for at, line in first_lines.items() if CLAUSE.match(line) or ";" in line} == {}


def _fix(node: ast.keyword) -> tuple[str, str]:
    """The text with which a fix begins and that with which it ends, each empty where a value stands there."""
    parts = node.value.values if isinstance(node.value, ast.JoinedStr) else [node.value]
    first, *_ = last = [part.value if isinstance(part, ast.Constant) else "" for part in parts] or [""]
    return str(first), str(last[-1])


def test_a_fix_begins_with_a_small_letter_and_has_no_full_stop() -> None:
    fixes = {
        f"{path.relative_to(TOP)}:{node.value.lineno}": _fix(node)
        for path in sorted((TOP / "src").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.keyword) and node.arg == "fix"
    }
    assert len(fixes) > 300
    assert [at for at, (first, last) in fixes.items() if re.match(r"[A-Z][a-z]", first) or last.endswith(".")] == []
