"""A small runbooks package, as `phasegate init` and a run lay it out."""

import json
from collections.abc import Mapping

PYPROJECT = """\
[build-system]
requires = ["setuptools>=77"]
build-backend = "setuptools.build_meta"

# The version is raised by a release.
[project]
name = "acme-runbooks"
version = "0.1.0"
description = "Runbooks of Acme"
readme = "README.md"
license = "Apache-2.0"
license-files = ["LICENSE"]
authors = [{name = "Ops Ä", email = "ops@acme.example"}, {name = "Ada"}]
requires-python = ">=3.11"
keywords = ["aws", "finops"]
classifiers = ["Programming Language :: Python :: 3"]
dependencies = ["boto3>=1.40,<2", "jmespath>=1,<2"]

[project.urls]
Home = "https://acme.example"

[project.scripts]
acme-runbooks = "acme_runbooks.cli:main"

[tool.setuptools.packages.find]
where = ["src"]

[tool.setuptools.package-data]
"*" = ["*.json", "py.typed"]
"""

CLI = '''\
"""Command line."""

import json
import os
import sys

import boto3
import jmespath


def main() -> int:
    if sys.argv[1:] == ["list"]:
        print("unattached-ebs-volumes  Unattached EBS volumes")
        return 0
    found = [{"id": "vol-1", "args": sys.argv[1:], "boto3": bool(boto3), "secret": os.environ.get("CANARY")}]
    print(json.dumps({"findings": jmespath.search("@", found)}))
    return 0
'''

RUNBOOK = """\
title: Unattached EBS volumes
kind: waste
scope:
  params: {min_age_days: 30}
list: ec2.DescribeVolumes
id: VolumeId
match: "State == 'available'"
"""


def policy(*actions: str, resource: str = "*") -> bytes:
    """An IAM policy that allows these actions."""
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}).encode()


FIELDS: dict[str, object] = {
    "id": {"type": "string"},
    "verdict": {"enum": ["match", "warn"]},
    "evidence": {"type": "object", "properties": {"Size": {"type": "integer"}}},
}
CONTRACT: dict[str, object] = {"type": "object", "required": ["id", "verdict"], "properties": FIELDS}


def tree(changes: Mapping[str, bytes | str | None] | None = None) -> dict[str, bytes]:
    """The package's files; `changes` replaces some, or with None takes them out."""
    files: dict[str, bytes | str | None] = {
        "pyproject.toml": PYPROJECT,
        "phasegate.toml": '[project]\npackage = "acme_runbooks"\n',
        "README.md": "# Acme runbooks\n\nFür alle.\n",
        "CHANGELOG.md": "# Changelog\n\n## [Unreleased]\n",
        "LICENSE": "Apache-2.0\n",
        "src/acme_runbooks/__init__.py": '"""Runbooks of Acme."""\n',
        "src/acme_runbooks/cli.py": CLI,
        "src/acme_runbooks/prices.json": "{}\n",
        "src/acme_runbooks/_runtime/__init__.py": '"""Runtime."""\n',
        "src/acme_runbooks/runbooks/__init__.py": "",
        "src/acme_runbooks/runbooks/unattached_ebs_volumes.py": "import boto3\n",
        "src/acme_runbooks/runbooks/unattached_ebs_volumes.iam-policy.json": policy("ec2:DescribeVolumes"),
        "tests/runbooks/test_unattached_ebs_volumes.py": "",
        "docs/runbooks/unattached-ebs-volumes.md": "# Unattached EBS volumes\n",
        "specs/001-unattached-ebs-volumes/spec.md": "# Unattached EBS volumes\n",
        "specs/001-unattached-ebs-volumes/runbook.yaml": RUNBOOK,
        "specs/001-unattached-ebs-volumes/contracts/finding.json": json.dumps(CONTRACT),
        **(changes or {}),
    }
    return {k: v.encode() if isinstance(v, str) else v for k, v in files.items() if v is not None}


def edited(path: str, old: str, new: str) -> dict[str, bytes]:
    """The package with one text of one file replaced."""
    text = tree()[path].decode()
    assert old in text
    return tree({path: text.replace(old, new)})
