"""What a runbooks package may depend on: a short list, declared, with bounds, and spelt right."""

import ast
import difflib
import sys
from collections.abc import Iterator, Mapping

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from phasegate.core.errors import InvalidInput
from phasegate.core.findings import Finding, Severity, worst_first
from phasegate.release.project import PYPROJECT, SOURCE, Project, read_project, read_pyproject

ALLOWED = ("boto3", "botocore", "jmespath", "s3transfer")
"""The distributions that a runbook may use; each is imported under its own name."""
_BROUGHT_BY_BOTO3 = {"botocore", "s3transfer"}
_IMPORTERS = {"__import__", "import_module"}


def check_dependencies(tree: Mapping[str, bytes]) -> list[Finding]:
    """Each dependency that is unknown, misspelt, unpinned or undeclared, and each import that none of them gives.

    A dependency is pinned when its version has an upper bound (`==`, `~=`, `<`): nobody has tested what comes after.
    A pyproject.toml that does not hold is a finding too.
    """
    try:
        project = read_project(tree)
    except InvalidInput as error:
        return list(error.findings)
    lines = tree[PYPROJECT].decode().splitlines()
    declared = [f for text in _declared(tree) for f in _requirement(text, _line(lines, text))]
    return worst_first([*declared, *_imports(tree, project)])


def _declared(tree: Mapping[str, bytes]) -> Iterator[str]:
    data = read_pyproject(tree)
    project = data["project"]
    yield from project.get("dependencies", [])
    for texts in project.get("optional-dependencies", {}).values():
        yield from texts


def _line(lines: list[str], text: str) -> int:
    return next((number for number, line in enumerate(lines, 1) if text in line), 0)


def _requirement(text: str, line: int) -> Iterator[Finding]:
    try:
        requirement = Requirement(text)
    except InvalidRequirement:
        yield _finding(
            "unreadable", Severity.high, PYPROJECT, line, f"dependency {text!r} is no PEP 508", "write name>=1,<2"
        )
        return
    name = canonicalize_name(requirement.name)
    if name not in ALLOWED:
        yield _unknown(name, PYPROJECT, line, "dependency")
    if requirement.url:
        message = f"dependency {name!r} comes from an address, not from the index"
        yield _finding("address", Severity.critical, PYPROJECT, line, message, "name a version instead")
    elif not any(specifier.operator in ("==", "===", "~=", "<", "<=") for specifier in requirement.specifier):
        message = f"dependency {name!r} is unpinned: {str(requirement.specifier) or 'any version'} may come"
        yield _finding("unpinned", Severity.high, PYPROJECT, line, message, f"bound it, such as {name}>=1,<2")


def _imports(tree: Mapping[str, bytes], project: Project) -> Iterator[Finding]:
    declared = {canonicalize_name(requirement.name) for requirement in project.requirements}
    given = declared | (_BROUGHT_BY_BOTO3 if "boto3" in declared else set()) | {project.package}
    for path in sorted(tree):
        if path.startswith(f"{SOURCE}/{project.package}/") and path.endswith(".py"):
            yield from _imports_of(path, tree[path], given)


def _imports_of(path: str, content: bytes, given: set[str]) -> Iterator[Finding]:
    try:
        module = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        yield _finding("unreadable", Severity.high, path, 0, f"{path!r} is no Python", "mend it")
        return
    for node in ast.walk(module):
        for name in _imported(node):
            yield from _import(name.partition(".")[0], path, getattr(node, "lineno", 0), given)


def _imported(node: ast.AST) -> list[str]:
    """The modules that a node imports by name; one that stands in a variable is for other checks to flag."""
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module), level=0):
            return [module]
        case ast.Call(func=ast.Name(id=called) | ast.Attribute(attr=called), args=[ast.Constant(value=str(name)), *_]):
            return [name] if called in _IMPORTERS and not name.startswith(".") else []
        case _:
            return []


def _import(name: str, path: str, line: int, given: set[str]) -> Iterator[Finding]:
    if name in given or name in sys.stdlib_module_names:
        return
    if name in ALLOWED:
        message = f"{name!r} is imported, and is no declared dependency"
        yield _finding("undeclared", Severity.high, path, line, message, f"add {name!r} to [project] dependencies")
    else:
        yield _unknown(name, path, line, "import")


def _unknown(name: str, path: str, line: int, what: str) -> Finding:
    near = difflib.get_close_matches(name, ALLOWED, n=1, cutoff=0.7)
    if near:
        message = f"{what} {name!r} looks like {near[0]!r} misspelt"
        return _finding("misspelt", Severity.critical, path, line, message, f"write {near[0]!r}")
    message = f"{what} {name!r} is not on the list of a runbooks package ({', '.join(ALLOWED)})"
    return _finding("unknown", Severity.high, path, line, message, "do without it, or ask for a waiver")


def _finding(rule: str, severity: Severity, path: str, line: int, message: str, fix: str) -> Finding:
    return Finding(check="dependencies", rule=rule, severity=severity, path=path, line=line, message=message, fix=fix)
