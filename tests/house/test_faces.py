"""Tests know a package by its face: what they import of others is what `__init__` of the package exports."""

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
SOURCE = TESTS.parent / "src"
EXCEPTIONS = {
    "phasegate.cli.*": "has no face but the command, which refuses an old Python before it imports anything",
    "phasegate.ledger.events": "is a vocabulary by itself: a type for each kind of event",
    "phasegate.authors.kinds": "knows the kinds of deliverable, which the face of the seams must not",
    "phasegate.models.langchain": "loads the library of models, which the face must not",
    "phasegate.authors.roles": "knows the compiler, which the face of the seams must not",
    "phasegate.ledger.rows": "forges rows behind the ledger's back",
    "phasegate.store.schema": "looks into tables",
    "phasegate.runbooks.runtime.*": "is laid into packages as it is, so that no name is exported for tests alone",
    "phasegate.runbooks.compiler.check": "is a module of its function's name",
    "phasegate.reports.progress": "is a module of its function's name",
    "phasegate.feedback.proposals": "is read as source by tests/hostile",
    "phasegate.reports.artifacts": "is read as source by tests/hostile",
    "phasegate.reports.backlog": "is read as source by tests/hostile",
    "phasegate.tools.servers.slack.cards": "is mutated by tests/mutation",
    "phasegate.web.decisions": "is mutated by tests/mutation",
    "phasegate.workflow.gates.tokens": "is mutated by tests/mutation",
}
"""Modules that tests of other packages import, each with why."""
READS_LIMITS = TESTS / "house" / "test_guides.py"
"""Holds the guide's table of limits against the constants, wherever they stand."""


def _is_package(name: str) -> bool:
    return (SOURCE / Path(*name.split("."))).is_dir()


def _is_module(name: str) -> bool:
    return (SOURCE / Path(*name.split("."))).with_suffix(".py").is_file()


def _exported(package: str) -> set[str]:
    tree = ast.parse((SOURCE / Path(*package.split(".")) / "__init__.py").read_text())
    return {a.asname or a.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for a in node.names}


def _modules(tree: ast.Module) -> Iterator[str]:
    """Modules that are no packages and whose names are imported."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if _is_module(alias.name))
        elif isinstance(node, ast.ImportFrom) and node.module:
            if _is_module(node.module):
                yield node.module
            elif _is_package(node.module):
                new = (alias.name for alias in node.names if alias.name not in _exported(node.module))
                yield from (f"{node.module}.{name}" for name in new if _is_module(f"{node.module}.{name}"))


def _own(file: Path) -> str:
    """Return the package that a unit test is of."""
    parts = file.relative_to(TESTS).parts
    return f"phasegate.{parts[1]}." if parts[0] == "unit" and len(parts) > 2 else "none"


def past_faces(source: str, own: str) -> list[str]:
    found = [name for name in _modules(ast.parse(source)) if name.count(".") > 1 and not name.startswith(own)]
    return [name for name in found if not {name, f"{name.rpartition('.')[0]}.*"} & set(EXCEPTIONS)]


@pytest.mark.parametrize(
    "file", sorted({*TESTS.rglob("*.py")} - {READS_LIMITS}), ids=lambda file: file.relative_to(TESTS).as_posix()
)
def test_a_test_imports_other_packages_through_their_faces(file: Path) -> None:
    assert past_faces(file.read_text(), _own(file)) == [], "export the name in the package's __init__, and import that"


def test_every_exception_is_needed() -> None:
    imported = {name for file in TESTS.rglob("*.py") for name in _modules(ast.parse(file.read_text()))}
    imported |= {f"{name.rpartition('.')[0]}.*" for name in imported}
    assert set(EXCEPTIONS) <= imported


@pytest.mark.parametrize(
    ("line", "own", "past"),
    [
        ("from phasegate.ledger.grants import Grants", "phasegate.web.", ["phasegate.ledger.grants"]),
        ("from phasegate.ledger import grants", "none", ["phasegate.ledger.grants"]),
        ("import phasegate.ledger.grants", "none", ["phasegate.ledger.grants"]),
        ("from phasegate.ledger import Grants", "none", []),
        ("from phasegate.ledger.grants import Grants", "phasegate.ledger.", []),
        ("from phasegate.tools.client import fingerprint", "none", []),  # the function, not the module of its name
    ],
)
def test_the_rule_sees_every_form_of_an_import(line: str, own: str, past: list[str]) -> None:
    assert past_faces(line, own) == past


@pytest.mark.parametrize("init", sorted(SOURCE.rglob("__init__.py")), ids=lambda init: init.parent.name)
def test_every_name_of_a_lazy_face_is_there(init: Path) -> None:
    face = import_module(".".join(init.parent.relative_to(SOURCE).parts))
    blocks = (node for node in ast.parse(init.read_text()).body if isinstance(node, ast.If))
    names = [a.name for block in blocks for n in block.body if isinstance(n, ast.ImportFrom) for a in n.names]
    assert all(hasattr(face, name) for name in names)
    assert not hasattr(face, "no_such_name")
