"""Check of the build configuration: a backend runs code, so only plain data for setuptools is let through."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from phasegate.core.errors import InvalidInput
from phasegate.core.findings import Finding, Severity
from phasegate.release.project import PYPROJECT, read_pyproject

BACKEND = "setuptools.build_meta"
_TOOLS = {"setuptools", "wheel"}
# Settings that are data. Any other may name a function, or lay files outside of the package.
_DATA_KEYS = {
    "exclude-package-data",
    "include-package-data",
    "license-files",
    "package-data",
    "package-dir",
    "packages",
    "zip-safe",
}
_SCRIPTS = ("setup.py", "setup.cfg")
_METADATA = re.compile(r"(^|/)[^/]+\.(egg-info|dist-info|egg-link)(/|$)")


def check_backend(tree: Mapping[str, bytes]) -> list[Finding]:
    """Whatever could run code of the tree's own while it is built, or change what is built unseen.

    A pyproject.toml that is missing or no TOML is a finding too.
    """
    try:
        data = read_pyproject(tree)
    except InvalidInput as error:
        return list(error.findings)
    system, settings = _table(data, "build-system"), _table(_table(data, "tool"), "setuptools")
    return [*_system(system), *_settings(settings), *_dynamic(_table(data, "project")), *_commands(data), *_files(tree)]


def ensure_safe(tree: Mapping[str, bytes]) -> None:
    """Raise unless the tree is built from data alone.

    Raises:
        InvalidInput: It is not; `findings` say why.
    """
    findings = check_backend(tree)
    if findings:
        raise InvalidInput(f"the package is not built: {findings[0].message}", fix=findings[0].fix, findings=findings)


def _system(system: Mapping[str, Any]) -> Iterator[Finding]:
    backend = system.get("build-backend")
    if backend != BACKEND:
        yield _finding("backend", f"build-backend is {backend!r}", f'set build-backend = "{BACKEND}" in [build-system]')
    if "backend-path" in system:
        yield _finding("backend-path", "backend-path names code in the tree", "take backend-path out of [build-system]")
    for text in system.get("requires", []):
        if not _is_tool(text):
            yield _finding(
                "build-requirement", f"the build asks for {text!r}", "require setuptools alone in [build-system]"
            )


def _is_tool(text: Any) -> bool:
    try:
        requirement = Requirement(str(text))
    except InvalidRequirement:
        return False
    return canonicalize_name(requirement.name) in _TOOLS and requirement.url is None


def _settings(settings: Mapping[str, Any]) -> Iterator[Finding]:
    for key in sorted(settings.keys() - _DATA_KEYS):
        yield _finding("setting", f"[tool.setuptools] {key} can run code or place files elsewhere", f"take {key} out")


def _dynamic(project: Mapping[str, Any]) -> Iterator[Finding]:
    if project.get("dynamic"):
        names = ", ".join(map(str, project["dynamic"]))
        yield _finding("dynamic", f"[project] leaves {names} to the build", "give every value in [project] itself")


def _commands(data: Mapping[str, Any]) -> Iterator[Finding]:
    if "distutils" in _table(data, "tool"):
        yield _finding("commands", "[tool.distutils] sets build commands", "take the table out")


def _files(tree: Mapping[str, bytes]) -> Iterator[Finding]:
    for name in _SCRIPTS:
        if name in tree:
            yield _finding(
                "script", f"{name} takes part in the build", f"move its settings to pyproject.toml, delete {name}", name
            )
    for path in sorted(tree):
        if _METADATA.search(path):
            yield _finding("metadata", f"{path!r} would pass for metadata of the build", "delete it", path)


def _finding(rule: str, message: str, fix: str, path: str = PYPROJECT) -> Finding:
    return Finding(check="build-backend", rule=rule, severity=Severity.critical, path=path, message=message, fix=fix)


def _table(data: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = data.get(key, {})
    return value if isinstance(value, dict) else {}
