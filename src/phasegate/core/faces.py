"""Faces of packages whose modules are loaded at the first use of a name."""

import ast
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any


def lazily(package: str, file: str) -> Callable[[str], Any]:
    """Return the `__getattr__` of a package: names that its `if TYPE_CHECKING:` block imports are imported when used.

    The block is read from the source, so that a name stands there once, for type checkers and for the interpreter.

    Args:
        package: the package's `__name__`.
        file: its `__file__`.
    """
    modules = _imported(ast.parse(Path(file).read_text(encoding="utf-8")))

    def found(name: str) -> Any:
        if name not in modules:
            raise AttributeError(f"module '{package}' has no attribute '{name}'")
        return getattr(import_module(modules[name]), name)

    return found


def _imported(tree: ast.Module) -> dict[str, str]:
    """Return the module of each name that a block for type checkers imports."""
    blocks = (node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING")
    imports = (node for block in blocks for node in block.body if isinstance(node, ast.ImportFrom))
    return {alias.name: node.module for node in imports if node.module for alias in node.names}
