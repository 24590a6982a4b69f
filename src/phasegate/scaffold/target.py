"""A new target repository: a runbooks package that works from the first commit, and waits for its first spec."""

import json
import keyword
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from phasegate.core import UsageError
from phasegate.scaffold.templates import filled

_PROJECT = re.compile(r"[a-z0-9]([a-z0-9._-]*[a-z0-9])?")
_PACKAGE = re.compile(r"[a-z][a-z0-9_]*")
_TAKEN = {"phasegate", "boto3", "botocore", "jmespath", "moto", "pytest", "tests", "docs", "src", "specs"}
_FILES = {
    "pyproject.toml": "pyproject.toml",
    "phasegate.toml": "phasegate.toml",
    "README.md": "README.md",
    "CHANGELOG.md": "CHANGELOG.md",
    ".gitignore": "gitignore",
    "docs/README.md": "docs-README.md",
    "specs/README.md": "specs-README.md",
    "src/{package}/__init__.py": "package.py",
    "src/{package}/cli.py": "cli.py",
    "src/{package}/runbooks/__init__.py": "runbooks.py",
    "tests/conftest.py": "conftest.py",
    "tests/test_package.py": "test_package.py",
}


@dataclass(frozen=True, kw_only=True)
class Approver:
    """A manager whose approvals the package accepts."""

    name: str
    public_key: str
    """Ed25519, 32 raw bytes in base64."""
    card: str = "manager"
    """The card under which a workflow lists them as approver."""


@dataclass(frozen=True, kw_only=True)
class Aws:
    """Settings of the read-only trial of a released runbook."""

    endpoint_url: str
    region: str = "us-east-1"
    as_of: str = ""
    """The time to judge by, in ISO 8601; empty: now."""


def scaffold(
    project: str,
    *,
    package: str = "",
    runtime: Mapping[str, bytes],
    prices: bytes,
    support: Mapping[str, bytes] | None = None,
    managers: Sequence[Approver] = (),
    index: str = "",
    aws: Aws | None = None,
    demo: bool = False,
) -> dict[str, bytes]:
    """The files of a new target repository.

    Args:
        project: its name on a package index, such as `acme-runbooks`.
        package: its Python package; left empty, the project's name with underscores.
        runtime: what runbooks stand on, by path below `_runtime/`.
        prices: the dated price table.
        support: files that the tests of all runbooks share, by path from the top of the repository.
        managers: who may approve.
        index: the folder that packages are published to; left empty, one below `.phasegate/`.
        aws: where a released runbook is tried once; None leaves that out.
        demo: whether this is a demonstration, which a policy may decide and nobody may release.

    Returns:
        Path from the top of the repository, to content.

    Raises:
        UsageError: the name of project or package cannot be one.
    """
    package = package or package_name(project)
    _check(project, package)
    variables = {
        "project": project,
        "package": package,
        "managers": managers,
        "index": index,
        "aws": aws,
        "demo": demo,
    }
    made = {path.format(package=package): filled(name, **variables) for path, name in _FILES.items()}
    made[f"src/{package}/prices.json"] = prices
    made[f"src/{package}/approvers.json"] = approvers(managers)
    laid = {f"src/{package}/_runtime/{path}": content for path, content in runtime.items()}
    return made | laid | dict(support or {})


def approvers(managers: Sequence[Approver]) -> bytes:
    """`approvers.json` of the package: whose signature an approval of changes has to carry."""
    listed = [{"name": manager.name, "public_key": manager.public_key} for manager in managers]
    return (json.dumps({"approvers": listed}, indent=2) + "\n").encode()


def package_name(project: str) -> str:
    """The Python package for a project's name.

    >>> package_name("acme-runbooks")
    'acme_runbooks'
    """
    joined = re.sub(r"[^a-z0-9]+", "_", project.lower()).strip("_")
    return joined if joined[:1].isalpha() else f"runbooks_{joined}".rstrip("_")


def _check(project: str, package: str) -> None:
    if not _PROJECT.fullmatch(project):
        fix = "Use lower-case letters, digits and hyphens, such as acme-runbooks."
        raise UsageError(f"{project!r} cannot be the name of a project", fix=fix)
    taken = package in _TAKEN or package in sys.stdlib_module_names or keyword.iskeyword(package)
    if taken or not _PACKAGE.fullmatch(package):
        fix = (
            "Use lower-case letters, digits and underscores, and no name that Python has given, such as acme_runbooks."
        )
        raise UsageError(f"{package!r} cannot be the name of its Python package", fix=fix)
