"""A Python module while it is written: names that are taken, constants, functions, and what they import."""

import ast
import builtins
import keyword
import re
import subprocess
from collections.abc import Iterable

from botocore import xform_name
from ruff import find_ruff_bin

from phasegate.core.python_source import parse_python
from phasegate.runbooks import runtime

# A name of the module's own must hide none of these, since any function of it may read them.
_RESERVED = {
    *keyword.kwlist,
    *keyword.softkwlist,
    *dir(builtins),
    *runtime.__all__,
    *("scan", "change", "made", "found", "answer", "ids", "some", "index", "rows", "row", "shared"),
    *("Any", "Iterator", "Iterable", "Sequence", "RUNBOOK"),
}
LINE_LENGTH = 120
NAME = "\0"
"""Stands in a function's source for the name that it gets; no text of a stranger's can hold it."""

_TYPING = {"Iterable": "collections.abc", "Iterator": "collections.abc", "Sequence": "collections.abc", "Any": "typing"}


class ModuleSource:
    """Source of one module: names, constants and functions, collected in order."""

    def __init__(self, params: Iterable[str] = ()) -> None:
        self.params = frozenset(params)
        """Parameters that the runbook declares."""
        self._taken = set(_RESERVED)
        self._constants: dict[str, str] = {}
        self._functions: list[str] = []
        self._made: dict[str, str] = {}

    def name(self, wanted: str) -> str:
        """A name of the module's own: the one wanted, or with a number where that is taken."""
        name, number = wanted, 2
        while name in self._taken:
            name, number = f"{wanted}_{number}", number + 1
        self._taken.add(name)
        return name

    def local(self, wanted: str, otherwise: str = "item") -> str:
        """A name for a parameter or variable, which may not hide anything of the module's."""
        return f"{wanted}_{otherwise}" if wanted in self._taken or not wanted.isidentifier() else wanted

    def constant(self, wanted: str, value: str) -> str:
        """The name of a constant with this value."""
        if value not in self._constants:
            self._constants[value] = self.name(wanted)
        return self._constants[value]

    def function(self, wanted: str, source: str) -> str:
        """Add a function once and return its name, for which `NAME` stands in the source."""
        # Two entries that list the same thing share one function, and so one call.
        if source not in self._made:
            self._made[source] = self.name(wanted)
            self._functions.append(source.replace(NAME, self._made[source]))
        return self._made[source]

    def text(self, docstring: str, *, end: str) -> str:
        """The whole module, not yet formatted."""
        constants = [f"{name} = {value}" for value, name in self._constants.items()]
        body = "\n\n\n".join(["\n".join(constants), *self._functions, end])
        return f"{docstring}\n\n{imports(body)}\n\n{body}\n"


def imports(body: str) -> str:
    """The import statements that the code needs, from the names that it reads."""
    # Read from the syntax tree, so that a word in a docstring imports nothing.
    read = {node.id for node in ast.walk(parse_python(body)) if isinstance(node, ast.Name)}
    lines = [
        f"from {module} import {', '.join(sorted(name for name in read if _TYPING.get(name) == module))}"
        for module in sorted(set(_TYPING.values()))
        if any(_TYPING.get(name) == module for name in read)
    ]
    ours = sorted(read & set(runtime.__all__), key=_as_sorted)
    return "\n".join([*lines, "", f"from .._runtime import {', '.join(ours)}"])


def _as_sorted(name: str) -> tuple[int, str]:
    """Import sorting puts constants first, then classes, then the rest."""
    return (0 if name.isupper() and len(name) > 1 else 1 if name[0].isupper() else 2, name)


def snake(name: str) -> str:
    """`DBInstances` as `db_instances`."""
    return re.sub(r"\W+", "_", str(xform_name(name))).strip("_") or "item"


def plural(name: str) -> str:
    """The plural of a snake-case noun."""
    if name.endswith("y") and name[-2:-1] not in "aeiou":
        return name[:-1] + "ies"
    return name + ("es" if name.endswith(("s", "x", "ch", "sh")) else "s")


def prose(text: str) -> str:
    """Text of a stranger's as it may stand in a docstring or a comment: one line, nothing that ends either."""
    line = " ".join(text.split())
    visible = "".join(letter if letter.isprintable() else f"<U+{ord(letter):04X}>" for letter in line)
    return visible.replace("\\", "/").replace('"""', "'''").rstrip('"')


def formatted(source: str) -> str:
    """Format source as ruff does with lines of 120, so that the package it goes into needs no change.

    Raises:
        SyntaxError: it is no Python; then the compiler is wrong.
    """
    command = [
        find_ruff_bin(),
        "format",
        # Settings of a folder above would make the same runbook give other bytes.
        "--isolated",
        f"--line-length={LINE_LENGTH}",
        "--stdin-filename=module.py",
        "-",
    ]
    done = subprocess.run(
        command, input=source, capture_output=True, text=True, check=False, timeout=60, encoding="utf-8"
    )
    if done.returncode:
        raise SyntaxError(f"{done.stderr.strip()} in\n{source}")
    return done.stdout
