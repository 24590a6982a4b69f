"""Package that a target repository's pyproject.toml describes."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from phasegate.core import plain_toml
from phasegate.core.errors import InvalidInput
from phasegate.core.findings import Finding, Severity

PYPROJECT = "pyproject.toml"
SOURCE = "src"
"""The folder that holds the package; what stands below it goes into the wheel under the same name."""


class ProjectTable(BaseModel):
    """The table `[project]`, as far as a release reads it."""

    model_config = ConfigDict(alias_generator=lambda name: name.replace("_", "-"), extra="ignore", frozen=True)

    name: str = Field(pattern=r"(?i)^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$")
    version: str
    description: str = ""
    readme: str | dict[str, str] | None = None
    requires_python: str = ""
    license: str | dict[str, str] | None = None
    license_files: list[str] | None = None
    authors: list[dict[str, str]] = []
    maintainers: list[dict[str, str]] = []
    keywords: list[str] = []
    classifiers: list[str] = []
    urls: dict[str, str] = {}
    scripts: dict[str, str] = {}
    gui_scripts: dict[str, str] = {}
    entry_points: dict[str, dict[str, str]] = {}
    dependencies: list[str] = []
    optional_dependencies: dict[str, list[str]] = {}
    dynamic: list[str] = []


@dataclass(frozen=True, kw_only=True)
class Project:
    """A package that can be released."""

    table: ProjectTable
    package: str
    """The import name: the folder below `src`."""

    @property
    def name(self) -> str:
        """Name as pyproject.toml spells it."""
        return self.table.name

    @property
    def licence(self) -> str:
        """SPDX expression or words of the licence in pyproject.toml, empty where it has none or names a file."""
        said = self.table.license
        return said if isinstance(said, str) else (said or {}).get("text", "")

    @property
    def folder(self) -> str:
        """The name as indexes normalise it: lower case, words joined by `-`."""
        return canonicalize_name(self.table.name)

    @property
    def version(self) -> str:
        """In its normal form (PEP 440)."""
        return str(Version(self.table.version))

    @property
    def stem(self) -> str:
        """Beginning of the release's file names, such as `acme_runbooks-1.2.0`."""
        return f"{self.folder.replace('-', '_')}-{self.version}"

    @property
    def wheel_name(self) -> str:
        """File name of the wheel, which is pure Python."""
        return f"{self.stem}-py3-none-any.whl"

    @property
    def sdist_name(self) -> str:
        """The source distribution's file name."""
        return f"{self.stem}.tar.gz"

    @property
    def requirements(self) -> list[Requirement]:
        """The declared dependencies without the optional ones."""
        return [Requirement(text) for text in self.table.dependencies]

    @property
    def optional_requirements(self) -> list[Requirement]:
        """The dependencies of all extras."""
        return [Requirement(text) for texts in self.table.optional_dependencies.values() for text in texts]


def read_pyproject(tree: Mapping[str, bytes]) -> dict[str, Any]:
    """The tables of pyproject.toml.

    Raises:
        InvalidInput: The file is missing, or is no TOML.
    """
    if PYPROJECT not in tree:
        raise _invalid("the tree has no pyproject.toml", "run `phasegate init` in the target repository")
    return _toml(tree, PYPROJECT)


def read_project(tree: Mapping[str, bytes]) -> Project:
    """The package that a tree makes.

    Raises:
        InvalidInput: pyproject.toml or the package is missing, or a value does not hold; `findings` say which.
    """
    data = read_pyproject(tree)
    try:
        table = ProjectTable.model_validate(data.get("project", {}))
        project = Project(table=table, package=_package(tree))
        # Read once here, so that what does not parse is told as a mistake of the file.
        _ = project.version, project.requirements, project.optional_requirements
    except ValidationError as error:
        raise _invalid(_first(error), "give it in the table [project]") from error
    except (InvalidVersion, InvalidRequirement) as error:
        raise _invalid(
            f"pyproject.toml [project]: {' '.join(str(error).split())}",
            "write versions and dependencies as PEP 440 and PEP 508 have them",
        ) from error
    return project


def _first(error: ValidationError) -> str:
    first = error.errors()[0]
    return f"pyproject.toml [project] {'.'.join(str(part) for part in first['loc'])}: {first['msg']}"


def _package(tree: Mapping[str, bytes]) -> str:
    found = sorted({m[1] for path in tree if (m := re.fullmatch(rf"{SOURCE}/(\w+)/__init__\.py", path))})
    named = _named(tree)
    if named and named in found:
        return named
    if len(found) == 1 and not named:
        return found[0]
    raise _invalid(
        f"which package? phasegate.toml names {named or 'none'}, {SOURCE}/ holds {', '.join(found) or 'none'}",
        "set `package` in phasegate.toml's table [project] to one folder below src/",
    )


def _named(tree: Mapping[str, bytes]) -> str:
    project = _toml(tree, "phasegate.toml").get("project", {})
    return str(project.get("package", "")) if isinstance(project, dict) else ""


def _toml(tree: Mapping[str, bytes], path: str) -> dict[str, Any]:
    try:
        return plain_toml.read(tree.get(path, b""), path)
    except InvalidInput as error:
        raise _invalid(f"{path} cannot be read: {error}", error.fix, path) from error


def _invalid(message: str, fix: str, path: str = PYPROJECT) -> InvalidInput:
    finding = Finding(check="package", rule="project", severity=Severity.high, path=path, message=message, fix=fix)
    return InvalidInput(message, fix=fix, findings=[finding])
