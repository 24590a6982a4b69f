"""The distributions of the running environment that a package's declared dependencies resolve to."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from phasegate.core.canonical import digest
from phasegate.core.errors import Missing

_SPDX = {
    "Apache License 2.0": "Apache-2.0",
    "Apache License, Version 2.0": "Apache-2.0",
    "Apache Software License": "Apache-2.0",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
    "Mozilla Public License 2.0 (MPL 2.0)": "MPL-2.0",
    "Python Software Foundation License": "PSF-2.0",
    "The Unlicense (Unlicense)": "Unlicense",
}
_INSTALLERS = ("INSTALLER", "RECORD", "REQUESTED", "direct_url.json")


@dataclass(frozen=True, kw_only=True)
class Resolved:
    """Distribution that is installed here."""

    name: str
    """Normalised."""
    version: str
    needs: tuple[str, ...]
    """The normalised names of what it depends on here, sorted."""
    roots: tuple[Path, ...]
    """Its own files and folders at the top of site-packages, metadata included."""
    licences: tuple[str, ...] = ()
    """Licences of its metadata: one SPDX expression, else what its classifiers say, else its own words."""
    sha256: str = ""
    """Digest of the names and hashes in RECORD without what an installer adds, empty where it has none."""


def resolve(requirements: Iterable[Requirement]) -> dict[str, Resolved]:
    """Resolve the requirements in the running environment, with all that they need in turn.

    Args:
        requirements: Markers that do not hold here are left out.

    Returns:
        By normalised name, in the order of names.

    Raises:
        Missing: One is not installed, or in a version that the requirement does not allow.
    """
    found: dict[str, Resolved] = {}
    waiting = [
        (requirement, frozenset(requirement.extras)) for requirement in requirements if _holds(requirement, frozenset())
    ]
    seen: set[str] = set()
    while waiting:
        requirement, extras = waiting.pop()
        # By the whole text: a package that is known may be asked for again with other extras.
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        installed = _installed(requirement)
        needs = list(_needs(installed, extras))
        name = canonicalize_name(requirement.name)
        known = found[name].needs if name in found else ()
        found[name] = Resolved(
            name=name,
            version=installed.version,
            needs=tuple(sorted({*known, *(canonicalize_name(need.name) for need in needs)})),
            roots=_roots(installed),
            licences=_licences(installed),
            sha256=_contents(installed),
        )
        waiting += [(need, frozenset(need.extras)) for need in needs]
    return dict(sorted(found.items()))


def _installed(requirement: Requirement) -> Distribution:
    try:
        installed = distribution(requirement.name)
    except PackageNotFoundError:
        raise Missing(
            f"dependency {requirement.name!r} is not in the running environment",
            fix=f"install it beside Phasegate: pip install '{requirement}'",
        ) from None
    if not requirement.specifier.contains(installed.version, prereleases=True):
        raise Missing(
            f"dependency {requirement} asks for another version than the {installed.version} that is installed",
            fix="change the bound in [project] dependencies, or the version that is installed",
        )
    return installed


def _needs(installed: Distribution, extras: frozenset[str]) -> Iterator[Requirement]:
    for text in installed.requires or []:
        requirement = Requirement(text)
        if _holds(requirement, extras):
            yield requirement


def _holds(requirement: Requirement, extras: frozenset[str]) -> bool:
    if requirement.marker is None:
        return True
    return any(requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras))


def _roots(installed: Distribution) -> tuple[Path, ...]:
    # Scripts are recorded as `../../../bin/…`, and are no part of what can be imported.
    tops = {file.parts[0] for file in installed.files or [] if file.parts[0] not in ("..", "__pycache__")}
    return tuple(Path(str(installed.locate_file(top))) for top in sorted(tops))


def _licences(installed: Distribution) -> tuple[str, ...]:
    said = installed.metadata
    for expression in said.get_all("License-Expression") or ():
        return (str(expression),)
    listed = (name.rpartition(" :: ")[2] for name in said.get_all("Classifier") or [] if name.startswith("License ::"))
    found = tuple(sorted({_SPDX.get(name, name) for name in listed}))
    lines = next(iter(said.get_all("License") or ()), "").strip().splitlines()
    return found or tuple(_SPDX.get(line, line) for line in lines[:1])


def _contents(installed: Distribution) -> str:
    rows = [
        f"{file} {file.hash.mode}={file.hash.value}"
        for file in installed.files or []
        if file.hash and file.parts[0] != ".." and file.name not in _INSTALLERS and file.suffix != ".pyc"
    ]
    return digest("\n".join(sorted(rows)).encode()) if rows else ""
