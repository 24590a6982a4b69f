"""The documents keep up with the code."""

import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

TOP = Path(__file__).parents[2]
PAGES = sorted([*TOP.glob("*.md"), *(TOP / "docs").rglob("*.md")])


def generator() -> ModuleType:
    spec = spec_from_file_location("generate", TOP / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_generated_parts_are_up_to_date() -> None:
    stale = [path.name for path, text in generator().generated().items() if path.read_text() != text]
    assert stale == [], "run: python docs/generate.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(TOP).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", page.read_text())
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(TOP).as_posix())
def test_commands_in_fences_exist(page: Path) -> None:
    fences = re.findall(r"```console\n(.*?)```", page.read_text(), re.S)
    words = {
        tuple(found.split()[:2])
        for fence in fences
        for found in re.findall(r"^(?:\$ )?phasegate ([a-z][a-z ]*)", fence, re.M)
    }
    for command in sorted({word[0] for word in words}):
        ran = subprocess.run(
            [sys.executable, "-m", "phasegate.cli", command, "--help"], capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, f"{page.name} names 'phasegate {command}'"


def test_the_readme_names_the_two_commands_in_its_first_screen() -> None:
    first = (TOP / "README.md").read_text().splitlines()[:25]
    assert any(line.startswith("make demo") for line in first)
    assert any(line.startswith("make test") for line in first)
