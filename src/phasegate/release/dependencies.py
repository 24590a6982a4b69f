"""Check of a package's dependencies: a short list, declared, with bounds, and spelt right."""

import ast
import difflib
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from phasegate.core.errors import InvalidInput
from phasegate.core.findings import Finding, Severity, worst_first
from phasegate.core.python_source import parse_python
from phasegate.release.project import PYPROJECT, SOURCE, Project, read_project

ALLOWED = ("boto3", "botocore", "jmespath", "s3transfer", "tzdata")
"""The distributions that a runbook may use; each is imported under its own name."""
ALLOWED_EXTRA = ("cryptography",)
"""Optional dependencies, under `[project.optional-dependencies]`: this one verifies the approval of a change."""
_BROUGHT_BY_BOTO3 = {"botocore", "s3transfer"}
_IMPORTERS = {"__import__", "import_module"}


def check_dependencies(
    tree: Mapping[str, bytes], *, allowed: Sequence[str] | None = None, of: str = "a runbooks package"
) -> list[Finding]:
    """Each dependency that is unknown, misspelt, unpinned or undeclared, and each import that none of them gives.

    A dependency is pinned when its version has an upper bound (`==`, `~=`, `<`): nobody has tested what comes after.
    A pyproject.toml that does not hold is a finding too.

    Args:
        tree: a target repository.
        allowed: names of the distributions that it may use; None: those of a runbooks package.
        of: what it is, in messages.
    """
    own = _Rules(allowed=ALLOWED, extra=ALLOWED + ALLOWED_EXTRA, of=of)
    rules = own if allowed is None else _Rules(allowed=allowed, extra=allowed, of=of)
    try:
        project = read_project(tree)
    except InvalidInput as error:
        return list(error.findings)
    lines = tree[PYPROJECT].decode().splitlines()
    # The line is searched by name, since packaging keeps no positions.
    needed = [f for requirement in project.requirements for f in _declared(requirement, rules.allowed, rules, lines)]
    extra = [f for r in project.optional_requirements for f in _declared(r, rules.extra, rules, lines)]
    return worst_first([*needed, *extra, *_imports(tree, project, rules)])


@dataclass(frozen=True, kw_only=True)
class _Rules:
    """Distributions that a kind of package may use."""

    allowed: Sequence[str]
    extra: Sequence[str]
    """Those of its extras."""
    of: str
    """What it is, such as `a runbooks package`."""


def _declared(
    requirement: Requirement, allowed: Sequence[str], rules: _Rules, lines: Sequence[str]
) -> Iterator[Finding]:
    line = next(
        (n for n, text in enumerate(lines, 1) if re.search(rf"""["']{re.escape(requirement.name)}\b""", text)), 0
    )
    name = canonicalize_name(requirement.name)
    if name not in allowed:
        yield _unknown(name, PYPROJECT, line, "dependency", rules)
    if requirement.url:
        message = f"dependency {name!r} comes from an address, not from the index"
        yield _finding("address", Severity.critical, PYPROJECT, line, message, "name a version instead")
    elif not any(specifier.operator in ("==", "===", "~=", "<", "<=") for specifier in requirement.specifier):
        message = f"dependency {name!r} is unpinned: {str(requirement.specifier) or 'any version'} may come"
        yield _finding("unpinned", Severity.high, PYPROJECT, line, message, f"bound it, such as {name}>=1,<2")


def _imports(tree: Mapping[str, bytes], project: Project, rules: _Rules) -> Iterator[Finding]:
    declared = {canonicalize_name(r.name) for r in (*project.requirements, *project.optional_requirements)}
    given = declared | (_BROUGHT_BY_BOTO3 if "boto3" in declared else set()) | {project.package}
    for path in sorted(tree):
        if path.startswith(f"{SOURCE}/{project.package}/") and path.endswith(".py"):
            yield from _imports_of(path, tree[path], given, rules)


def _imports_of(path: str, content: bytes, given: set[str], rules: _Rules) -> Iterator[Finding]:
    try:
        module = parse_python(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield _finding("unreadable", Severity.high, path, 0, f"{path!r} is no Python", "mend it")
        return
    for node in ast.walk(module):
        for name in _imported(node):
            yield from _import(name.partition(".")[0], path, getattr(node, "lineno", 0), given, rules)


def _imported(node: ast.AST) -> list[str]:
    """Return the modules that a node imports by name.

    One that stands in a variable is for other checks to flag.
    """
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module), level=0):
            return [module]
        case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called), args=[ast.Constant(value=str(name)), *_]):
            return [name] if called in _IMPORTERS and not name.startswith(".") else []
        case _:
            return []


def _import(name: str, path: str, line: int, given: set[str], rules: _Rules) -> Iterator[Finding]:
    if name in given or name in sys.stdlib_module_names:
        return
    if name in rules.extra:
        message = f"{name!r} is imported, and is no declared dependency"
        yield _finding("undeclared", Severity.high, path, line, message, f"add {name!r} to [project] dependencies")
    else:
        yield _unknown(name, path, line, "import", rules)


def _unknown(name: str, path: str, line: int, what: str, rules: _Rules) -> Finding:
    near = difflib.get_close_matches(name, rules.allowed, n=1, cutoff=0.7)
    if near:
        message = f"{what} {name!r} looks like {near[0]!r} misspelt"
        return _finding("misspelt", Severity.critical, path, line, message, f"write {near[0]!r}")
    message = f"{what} {name!r} is not on the list of {rules.of} ({', '.join(rules.allowed) or 'none'})"
    return _finding("unknown", Severity.high, path, line, message, "do without it, or ask for a waiver")


def _finding(rule: str, severity: Severity, path: str, line: int, message: str, fix: str) -> Finding:
    return Finding(check="dependencies", rule=rule, severity=severity, path=path, line=line, message=message, fix=fix)
