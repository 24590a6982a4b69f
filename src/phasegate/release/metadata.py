"""A wheel's generated metadata, derived again from pyproject.toml and compared value by value.

The order of fields, the version of the format and the spelling of a version range are the build tool's affair; a value
that pyproject.toml does not say, or says otherwise, is not.
"""

import configparser
from collections import Counter
from collections.abc import Iterator, Mapping
from email.utils import formataddr
from typing import Any

from packaging.metadata import parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet

from phasegate.core.findings import Finding
from phasegate.release.project import Project, ProjectTable
from phasegate.release.wheel import broken

# Fields that the build tool words in its own way; the licence is compared apart.
_TOOLS_OWN = {"metadata_version", "dynamic", "license_files", "license_expression", "license"}
_CONTENT_TYPES = {".md": "text/markdown", ".rst": "text/x-rst", ".txt": "text/plain"}
_WHEEL = {"Wheel-Version": "1.0", "Root-Is-Purelib": "true", "Tag": "py3-none-any"}


def check_metadata(content: bytes, project: Project, tree: Mapping[str, bytes], path: str) -> Iterator[Finding]:
    """Each field of METADATA that is not what pyproject.toml says."""
    found, unparsed = parse_email(content)
    if unparsed:
        yield _finding(path, f"METADATA has fields that nobody knows: {', '.join(sorted(unparsed))}")
    want = _expected(project, tree)
    for name in sorted((found.keys() | want.keys()) - _TOOLS_OWN):
        if _comparable(name, found.get(name)) != _comparable(name, want.get(name)):
            yield _finding(path, f"METADATA's {name} is not what pyproject.toml says")
    yield from _license(found, project, path)


def check_wheel_file(content: bytes, path: str) -> Iterator[Finding]:
    """Whatever WHEEL says beyond a pure Python wheel made by setuptools."""
    lines = [line.partition(": ") for line in content.decode(errors="replace").splitlines() if line]
    fields = {name: value for name, _, value in lines}
    generator = fields.pop("Generator", "")
    if fields != _WHEEL or len(lines) != len(_WHEEL) + 1 or not generator.startswith("setuptools ("):
        yield _finding(path, "WHEEL does not describe a pure Python wheel made by setuptools")


def check_entry_points(content: bytes, project: Project, path: str) -> Iterator[Finding]:
    """Each entry point that pyproject.toml does not declare, and each declared one that is missing."""
    parser = configparser.RawConfigParser(delimiters=("=",), strict=True)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    try:
        parser.read_string(content.decode())
    except (configparser.Error, UnicodeDecodeError):
        yield _finding(path, "entry_points.txt cannot be read")
        return
    table = project.table
    want = {**table.entry_points, "console_scripts": table.scripts, "gui_scripts": table.gui_scripts}
    found = {name: dict(parser[name]) for name in parser.sections()}
    for group in sorted(want.keys() | found.keys()):
        if found.get(group, {}) != want.get(group, {}):
            yield _finding(path, f"entry_points.txt's {group} are not those of pyproject.toml")


def check_top_level(content: bytes, packages: set[str], path: str) -> Iterator[Finding]:
    """Yield a finding unless top_level.txt names exactly the wheel's packages."""
    if set(content.decode(errors="replace").split()) != packages:
        yield _finding(path, "top_level.txt does not name exactly the packages of the wheel")


def _expected(project: Project, tree: Mapping[str, bytes]) -> dict[str, Any]:
    table = project.table
    readme = _readme(table, tree)
    fields = {
        "name": table.name,
        "version": project.version,
        "summary": table.description,
        "requires_python": table.requires_python,
        "requires_dist": [*table.dependencies, *_optional(table)],
        "provides_extra": list(table.optional_dependencies),
        "keywords": table.keywords,
        "classifiers": table.classifiers,
        "project_urls": table.urls,
        "description": readme[0],
        "description_content_type": readme[1],
        **_people("author", table.authors),
        **_people("maintainer", table.maintainers),
    }
    return {name: value for name, value in fields.items() if value}


def _optional(table: ProjectTable) -> list[str]:
    made = []
    for extra, texts in table.optional_dependencies.items():
        for text in texts:
            spec, _, marker = text.partition(";")
            made.append(f'{spec}; {f"({marker}) and " if marker else ""}extra == "{extra}"')
    return made


def _readme(table: ProjectTable, tree: Mapping[str, bytes]) -> tuple[str, str]:
    readme = {"file": table.readme} if isinstance(table.readme, str) else table.readme or {}
    path = readme.get("file", "")
    text = readme.get("text") or tree.get(path, b"").decode(errors="replace")
    kind = readme.get("content-type") or next((v for end, v in _CONTENT_TYPES.items() if path.endswith(end)), "")
    return text, kind


def _people(role: str, people: list[dict[str, str]]) -> dict[str, str]:
    # The standard for [project]: a person with an address goes to the one field, without one to the other.
    mails = [_address(p.get("name", ""), p["email"]) for p in people if "email" in p]
    names = [p["name"] for p in people if "name" in p and "email" not in p]
    return {f"{role}_email": ", ".join(mails), role: ", ".join(names)}


def _address(name: str, email: str) -> str:
    # formataddr writes letters beyond ASCII in an encoding that metadata, being UTF-8, does not use.
    return formataddr((name, email)) if name.isascii() else f"{name} <{email}>"


def _license(found: Mapping[str, Any], project: Project, path: str) -> Iterator[Finding]:
    in_a_file = isinstance(project.table.license, dict) and "file" in project.table.license
    if project.licence != (found.get("license_expression") or found.get("license") or "") and not in_a_file:
        yield _finding(path, "METADATA's license is not what pyproject.toml says")


def _comparable(name: str, value: Any) -> Any:
    """The value in a form in which two spellings of one thing are equal."""
    match name:
        case "requires_dist":
            return Counter(_requirement(text) for text in value or [])
        case "requires_python":
            return _specifiers(value or "")
        case "classifiers" | "keywords" | "provides_extra":
            return Counter(value or [])
        case "description" | "summary":
            return " ".join((value or "").split()) if name == "summary" else (value or "").strip()
        case "description_content_type":
            return (value or "").partition(";")[0]
        case _:
            return value or None


def _requirement(text: str) -> str:
    try:
        return str(Requirement(text))
    except InvalidRequirement:
        return text


def _specifiers(text: str) -> object:
    try:
        return SpecifierSet(text)
    except InvalidSpecifier:
        return text


def _finding(path: str, message: str) -> Finding:
    return broken("metadata", path, message)
