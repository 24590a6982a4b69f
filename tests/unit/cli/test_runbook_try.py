"""`phasegate runbook try` prints one row's evaluation, and `runbook schema` what editors check a file by."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from phasegate.cli.program import root
from phasegate.core import InvalidInput, UsageError

BOOK = """\
list: ec2.DescribeVolumes
id: VolumeId
match: "State == 'available' && Size > `5`"
"""


def attempt(folder: Path, row: str, *more: str) -> Result:
    (folder / "runbook.yaml").write_text(BOOK)
    (folder / "row.json").write_text(row)
    words = ["runbook", "try", str(folder / "runbook.yaml"), "--row", str(folder / "row.json"), *more]
    return CliRunner().invoke(root, words, standalone_mode=False)


def test_each_line_names_a_part_and_its_value(tmp_path: Path) -> None:
    done = attempt(tmp_path, '{"VolumeId": "vol-1", "State": "available", "Size": 3}')
    assert done.stdout.splitlines() == [
        "match: false",
        "  State == 'available' && Size > `5` → false",
        "    State == 'available' → true",
        '      State → "available"',
        "    Size > `5` → false",
        "      Size → 3",
        "verdict: none: neither a match nor a warning",
    ]


def test_programs_read_the_same_as_json(tmp_path: Path) -> None:
    done = attempt(tmp_path, '{"VolumeId": "vol-1", "State": "available", "Size": 30}', "--json")
    steps = {step["name"]: step for step in json.loads(done.stdout)}
    assert (steps["match"]["said"], steps["verdict"]["said"]) == ("true", "match")


@pytest.mark.parametrize(("row", "said"), [("{", "is no JSON"), ("[]", "holds no row")])
def test_a_row_that_is_none_is_refused(tmp_path: Path, row: str, said: str) -> None:
    done = attempt(tmp_path, row)
    assert isinstance(done.exception, InvalidInput)
    assert said in str(done.exception)


def test_an_item_or_a_row_is_named(tmp_path: Path) -> None:
    assert isinstance(attempt(tmp_path, "{}", "--id", "vol-1").exception, UsageError)


def test_the_schema_is_printed_or_written(tmp_path: Path) -> None:
    printed = CliRunner().invoke(root, ["runbook", "schema"]).stdout
    CliRunner().invoke(root, ["runbook", "schema", str(tmp_path / "runbook.schema.json")])
    assert json.loads(printed)["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert (tmp_path / "runbook.schema.json").read_text() == printed
