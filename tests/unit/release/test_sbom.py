import json
import pickle
import subprocess
import sys
from datetime import datetime
from importlib.metadata import version

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packaging.requirements import Requirement

from phasegate.core import Missing, digest
from phasegate.release import Built, read_project, sbom
from phasegate.release.environment import resolve
from unit.release.acme import edited


def test_bill_of_materials_is_whole_and_valid(built: Built, at: datetime) -> None:
    text = sbom(built, at=at)
    bom = json.loads(text)
    package = bom["metadata"]["component"]

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text.decode()) is None
    assert package["hashes"] == [{"alg": "SHA-256", "content": digest(built.wheel)}]
    assert "acme_runbooks/cli.py" in {file["name"] for file in package["components"]}
    assert {c["name"]: c["version"] for c in bom["components"]}["boto3"] == version("boto3")
    assert {"ref": "acme-runbooks", "dependsOn": ["boto3", "jmespath"]} in bom["dependencies"]
    assert bom["metadata"]["timestamp"] == "2026-11-03T12:00:01+00:00"


_PROGRAM = """
import pickle, sys
from phasegate.release import sbom
built, at = pickle.load(sys.stdin.buffer)
sys.stdout.buffer.write(sbom(built, at=at))
"""


def test_same_release_gives_same_bytes_in_another_process(built: Built, at: datetime) -> None:
    command, given = [sys.executable, "-c", _PROGRAM], pickle.dumps((built, at))

    made = subprocess.run(command, input=given, capture_output=True, check=True, env={"PYTHONHASHSEED": "12345"})

    assert made.stdout == sbom(built, at=at)


def test_dependencies_resolve_with_all_they_need() -> None:
    elsewhere = edited("pyproject.toml", '"jmespath>=1,<2"', "\"nosuch; python_version < '3'\"")
    found = resolve(read_project(elsewhere).requirements)

    assert {"boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3"} == set(found)
    assert all(root.exists() for resolved in found.values() for root in resolved.roots)


@pytest.mark.parametrize("text", ["nosuch-package", "boto3<1"])
def test_a_dependency_that_is_not_here_is_missing(text: str) -> None:
    with pytest.raises(Missing) as missing:
        resolve([Requirement(text)])

    assert missing.value.fix


def test_every_library_has_a_licence_and_a_hash_of_its_files(built: Built, at: datetime) -> None:
    libraries = {component["name"]: component for component in json.loads(sbom(built, at=at))["components"]}

    assert [name for name, each in libraries.items() if not (each.get("licenses") and each.get("hashes"))] == []
    assert libraries["boto3"]["licenses"] == [{"license": {"id": "Apache-2.0"}}]
    said = {each["license"].get("id") for each in libraries["python-dateutil"]["licenses"]}
    assert "Apache-2.0" in said


def test_the_package_names_its_licence(built: Built, at: datetime) -> None:
    package = json.loads(sbom(built, at=at))["metadata"]["component"]

    assert package["licenses"] == [{"license": {"id": "Apache-2.0"}}]
