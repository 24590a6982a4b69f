"""The software bill of materials of a release, as CycloneDX JSON."""

import json
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import HashAlgorithm, HashType, Property
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.bom_ref import BomRef
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.model.dependency import Dependency
from cyclonedx.model.license import DisjunctiveLicense, License, LicenseExpression
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL
from packaging.utils import canonicalize_name

from phasegate.core.canonical import digest
from phasegate.release.build import Built
from phasegate.release.environment import Resolved, resolve
from phasegate.release.versioning import unreleasable
from phasegate.release.wheel import read_wheel


def sbom(built: Built, *, at: datetime) -> bytes:
    """The package with the SHA-256 of each of its files, and all that it needs as resolved in the running environment.

    Both with their licences; a hash of a library is that of its files' names and hashes.

    Its serial number follows from the wheel, its time from `at`: the same release gives the same bytes.

    Raises:
        Missing: A declared dependency is not installed here.
    """
    resolved = resolve(built.project.requirements)
    package = _package(built)
    bom = Bom(
        components=[_library(found) for found in resolved.values()],
        serial_number=uuid.uuid5(uuid.NAMESPACE_URL, f"sha256:{digest(built.wheel)}"),
        metadata=BomMetaData(component=package, timestamp=at.astimezone(UTC)),
        dependencies=_dependencies(built, resolved),
    )
    # The library orders what it can by hash of objects; sorted keys and its own sorted sets make the rest stable.
    return json.dumps(json.loads(JsonV1Dot6(bom).output_as_string()), indent=1, sort_keys=True).encode() + b"\n"


def _package(built: Built) -> Component:
    project = built.project
    return Component(
        name=project.folder,
        version=project.version,
        type=ComponentType.LIBRARY,
        purl=PackageURL("pypi", name=project.folder, version=project.version),
        bom_ref=project.folder,
        description=project.table.description or None,
        hashes=[_sha256(built.wheel)],
        components=[_file(name, content) for name, content in sorted(read_wheel(built.wheel).files.items())],
        licenses=_licences((project.licence,)),
        properties=[Property(name="phasegate:releasable", value=str(not unreleasable(project.version)).lower())],
    )


def _file(name: str, content: bytes) -> Component:
    return Component(name=name, type=ComponentType.FILE, bom_ref=f"file:{name}", hashes=[_sha256(content)])


def _library(found: Resolved) -> Component:
    return Component(
        name=found.name,
        version=found.version,
        type=ComponentType.LIBRARY,
        purl=PackageURL("pypi", name=found.name, version=found.version),
        bom_ref=found.name,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=found.sha256)] if found.sha256 else [],
        licenses=_licences(found.licences),
        properties=[
            Property(name="phasegate:hash-of", value="names and hashes of its files, sorted, as RECORD has them")
        ]
        if found.sha256
        else [],
    )


def _licences(said: Sequence[str]) -> list[License]:
    """Each as SPDX's id or expression where it is one, else by its name."""
    make = LicenseFactory()
    made = [make.make_from_string(text) for text in said if text]
    alone = len(made) == 1
    # CycloneDX takes one expression alone, or any number of licences.
    return [
        one if alone or not isinstance(one, LicenseExpression) else DisjunctiveLicense(name=one.value) for one in made
    ]


def _dependencies(built: Built, resolved: dict[str, Resolved]) -> list[Dependency]:
    declared = {canonicalize_name(requirement.name) for requirement in built.project.requirements} & resolved.keys()
    edges: dict[str, Iterable[str]] = {built.project.folder: declared}
    edges |= {name: found.needs for name, found in resolved.items()}
    return [
        Dependency(ref=BomRef(name), dependencies=[Dependency(ref=BomRef(need)) for need in needs])
        for name, needs in edges.items()
    ]


def _sha256(content: bytes) -> HashType:
    return HashType(alg=HashAlgorithm.SHA_256, content=digest(content))
