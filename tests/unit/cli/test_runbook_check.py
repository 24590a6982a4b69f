"""`phasegate runbook check` prints one document and says by its exit code whether the scan is complete."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from phasegate.cli.program import root
from phasegate.core import Missing
from unit.runbooks.runtime.misbehaving import Rule, serving

BOOK = """\
title: Volumes
scope: {regions: [eu-west-1, eu-central-1]}
list: ec2.DescribeVolumes
id: VolumeId
match: "State == 'available'"
"""


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    (tmp_path / "runbook.yaml").write_text(BOOK)
    return str(tmp_path / "runbook.yaml")


@pytest.mark.parametrize(("more", "code"), [((), 3), (("--except-region", "eu-central-1"), 0)])
def test_an_incomplete_scan_is_one_document_and_exit_code_3(book: str, more: tuple[str, ...], code: int) -> None:
    with serving(Rule("DescribeVolumes", "eu-central-1", code="UnauthorizedOperation", status=403)) as aws:
        done = CliRunner().invoke(root, ["runbook", "check", book, "--json", "--endpoint-url", aws.url, *more])
    assert done.exit_code == code
    assert json.loads(done.stdout)["runbook"]
    assert ("1 kind of calls failed" in done.stderr) == (code == 3)


def test_a_misspelt_profile_is_said_in_words(book: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "tpyo")
    done = CliRunner().invoke(root, ["runbook", "check", book], standalone_mode=False)
    assert isinstance(done.exception, Missing)
    assert "aws configure list-profiles" in str(done.exception)


def test_what_lint_doubts_is_said_beside_the_report(book: str) -> None:
    doubtful = BOOK + "with: [{as: used, set: [{list: ec2.DescribeImages, select: ImageId}]}]\n"
    Path(book).write_text(doubtful)
    with serving() as aws:
        done = CliRunner().invoke(root, ["runbook", "check", book, "--json", "--endpoint-url", aws.url])
    assert json.loads(done.stdout)["runbook"]
    assert "leaves disabled images out" in done.stderr
