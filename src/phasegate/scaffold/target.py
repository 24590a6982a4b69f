"""Files of a new target repository, and of a first spec to write on, from templates that are filled in strictly."""

import json
import keyword
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, select_autoescape

from phasegate.core import UsageError, one_line

RUNBOOK_SPEC, PACKAGE_SPEC = "runbook spec", "package spec"
"""Kinds of specs that a repository can be made for."""
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
_PACKAGE_FILES = {
    "pyproject.toml": "package-pyproject.toml",
    "phasegate.toml": "phasegate.toml",
    "README.md": "package-README.md",
    "CHANGELOG.md": "CHANGELOG.md",
    ".gitignore": "gitignore",
    "docs/README.md": "package-docs-README.md",
    "specs/README.md": "package-specs-README.md",
    "src/{package}/__init__.py": "package-init.py",
    "src/{package}/py.typed": "package-py.typed",
}
"""Files of a repository whose package agents write."""
_OF_RUNBOOKS: Mapping[str, Any] = {"index": "", "aws": None, "demo": False, "recording": ""}
"""Variables of the templates that another package has no use for."""


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
    recording: str = "",
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
        recording: path of the recording that every role answers from; left out, the compiler works.

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
        "flow": "sdlc",
        "recording": recording,
    }
    made = {path.format(package=package): filled(name, **variables) for path, name in _FILES.items()}
    made[f"src/{package}/prices.json"] = prices
    made[f"src/{package}/approvers.json"] = approvers(managers)
    laid = {f"src/{package}/_runtime/{path}": content for path, content in runtime.items()}
    return made | laid | dict(support or {})


def scaffold_package(project: str, *, package: str = "", managers: Sequence[Approver] = ()) -> dict[str, bytes]:
    """Return the files of a new target repository whose package agents write, by path from its top.

    Args:
        project: its name on a package index, such as `acme-amounts`.
        package: its Python package; left empty, the project's name with underscores.
        managers: who may decide.

    Raises:
        UsageError: the name of project or package cannot be one.
    """
    package = package or package_name(project)
    _check(project, package)
    given = {"project": project, "package": package, "managers": managers, "flow": "package"}
    variables = {**_OF_RUNBOOKS, **given}
    return {path.format(package=package): filled(name, **variables) for path, name in _PACKAGE_FILES.items()}


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


def filled(name: str, **variables: Any) -> bytes:
    """Render a template of this package by its name without `.j2`, with a filter `toml` that quotes for TOML."""
    text = files("phasegate.scaffold").joinpath("templates", f"{name}.j2").read_text(encoding="utf-8")
    return _environment().from_string(text).render(variables).encode()


@cache
def _environment() -> Environment:
    environment = Environment(
        undefined=StrictUndefined,
        autoescape=select_autoescape(enabled_extensions=(), default_for_string=False),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["toml"] = _toml
    return environment


def _toml(value: str) -> str:
    """A TOML basic string: JSON's escapes are among TOML's."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_FOLDER = re.compile(r"specs/(\d{3,})-[^/]+/")

_COMMON = set(
    re.findall(
        "[a-z]+",
        "all and any are been but can cost costs delete find for from get has have how into its list make more much "
        "nobody not nor one our over report show tag than that the their them then they this those was were what when "
        "where which who will with without use used uses using you",
    )
)
"""Words of a wish that say little of what it is about."""


def starter_spec(folder: str, *, today: str, deliverable: str = RUNBOOK_SPEC) -> dict[str, bytes]:
    """Return the files of a new spec to fill in: `spec.md`, and `runbook.yaml` where a runbook is wanted.

    Args:
        folder: such as `specs/002-idle-load-balancers`; see `next_folder`.
        today: the date of its creation, YYYY-MM-DD.
        deliverable: kind of the spec.
    """
    branch = folder.rsplit("/", 1)[-1]
    title = branch.partition("-")[2].replace("-", " ").capitalize()
    variables = {"branch": branch, "title": title, "today": today}
    if deliverable == PACKAGE_SPEC:
        return {f"{folder}/spec.md": filled("package-spec.md", **variables)}
    return {
        f"{folder}/spec.md": filled("spec.md", **variables),
        f"{folder}/runbook.yaml": filled("runbook.yaml", **variables),
    }


def intent_spec(folder: str, sentence: str, *, today: str, deliverable: str = RUNBOOK_SPEC) -> bytes:
    """Return the `spec.md` that says what somebody wants, of which the product owner makes a spec."""
    title = folder.rsplit("/", 1)[-1].partition("-")[2].replace("-", " ").capitalize()
    said = one_line(sentence).replace('"', "'")
    return filled("intent.md", title=title, today=today, sentence=said, deliverable=deliverable)


def name_of(sentence: str) -> str:
    """Return a spec's name from the words of a sentence that say most.

    >>> name_of("Find RDS instances nobody has connected to for two weeks, and what they cost")
    'rds-instances-connected-two-weeks'

    Raises:
        UsageError: it has no word in Latin letters.
    """
    words = re.findall(r"[a-z][a-z0-9]*", sentence.lower())
    telling = [word for word in words if len(word) > 2 and word not in _COMMON] or words
    if not telling:
        raise UsageError(
            "the sentence has no word to name the spec by", fix="name it yourself: --name WORDS-WITH-HYPHENS"
        )
    return "-".join(telling[:5])[:60].strip("-")


def next_folder(name: str, paths: Iterable[str]) -> str:
    """The folder for a new spec: the next free number, and its name.

    >>> next_folder("idle-load-balancers", ["specs/001-unattached-ebs-volumes/spec.md"])
    'specs/002-idle-load-balancers'

    Args:
        name: words in lower case, joined by hyphens.
        paths: the files of the repository.

    Raises:
        UsageError: the name is of another form.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot name a spec", fix="use words in lower case joined by hyphens")
    taken = [int(match[1]) for path in paths if (match := _FOLDER.match(path))]
    return f"specs/{max(taken, default=0) + 1:03}-{name}"
