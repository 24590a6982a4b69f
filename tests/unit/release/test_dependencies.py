from collections.abc import Mapping

import pytest

from phasegate.release import check_dependencies
from unit.release.acme import edited, tree

_DEPENDS = '["boto3>=1.40,<2", "jmespath>=1,<2"]'
_CLI = "src/acme_runbooks/cli.py"


def _depends(text: str) -> dict[str, bytes]:
    return edited("pyproject.toml", _DEPENDS, text)


def _code(text: str) -> dict[str, bytes]:
    return tree({_CLI: text})


@pytest.mark.parametrize(
    ("hostile", "rule"),
    [
        (_depends('["boto3>=1.40,<2", "jmespath>=1,<2", "requests==2.32.0"]'), "unknown"),
        (_depends('["boto3>=1.40,<2", "jmespath>=1,<2", "bоto3==1.0"]'), "project"),  # a Cyrillic letter
        (_depends('["boto3>=1.40,<2", "jmespath>=1,<2", "boto==2.0"]'), "misspelt"),
        (_depends('["boto3>=1.40,<2", "jmepath>=1,<2"]'), "misspelt"),
        (_depends('["boto3", "jmespath>=1,<2"]'), "unpinned"),
        (_depends('["boto3>=1.40", "jmespath>=1,<2"]'), "unpinned"),
        (_depends('["boto3>=1.40,<2", "jmespath @ https://evil.example/j.whl"]'), "address"),
        (_depends('["boto3>=1.40,<2"]\noptional-dependencies = {x = ["requests<3"]}'), "unknown"),
        (_depends('["boto3>=1.40,<2"]'), "undeclared"),  # jmespath is imported
        (_depends('["boto3<2", "jmespath<2", "cryptography<50"]'), "unknown"),  # no more than an extra
        (_code("import cryptography\n"), "undeclared"),
        (_code("import requests\n"), "unknown"),
        (_code("def f():\n    from botto3 import x\n"), "misspelt"),
        (_code("import importlib\nimportlib.import_module('requests')\n"), "unknown"),
        (_code("__import__('phasegate.core')\n"), "unknown"),
        (_depends('["boto3>=1.40,<2"]\noptional-dependencies = {x = ["=1"]}'), "project"),
        (_code("import (\n"), "unreadable"),
        (tree({"pyproject.toml": None}), "project"),
    ],
)
def test_dependencies_off_the_list(hostile: Mapping[str, bytes], rule: str) -> None:
    findings = check_dependencies(hostile)

    assert rule in {finding.rule for finding in findings}
    assert all(finding.blocking and finding.fix for finding in findings)


@pytest.mark.parametrize(
    "plain",
    [
        tree(),
        _depends('["boto3~=1.40", "jmespath==1.1.0"]'),
        _depends('["Boto3<2", "JMESPath<2"]'),
        _code("import json, os.path\nfrom botocore.exceptions import ClientError\nfrom . import _runtime\n"),
        _code("from acme_runbooks import prices\nfrom ._runtime import scan\n"),
        _depends('["boto3<2", "jmespath<2"]\noptional-dependencies = {apply = ["cryptography>=43,<50"]}'),
        tree({"tests/runbooks/conftest.py": "import moto\n"}),  # what tests import is not shipped
    ],
)
def test_dependencies_on_the_list(plain: Mapping[str, bytes]) -> None:
    assert check_dependencies(plain) == []


def test_a_finding_names_the_line() -> None:
    (finding,) = check_dependencies(_code("import os\n\nimport requests\n"))

    assert finding.where == f"{_CLI}:3"
    (declared,) = check_dependencies(_depends('[\n  "boto3>=1.40,<2",\n  "jmespath>=1",\n]'))
    assert tree()["pyproject.toml"].decode().splitlines()[declared.line - 3].startswith("dependencies")
