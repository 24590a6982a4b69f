"""Failures become words and exit codes."""

import errno
import json
import sys
from pathlib import Path

import click
import pygit2
import pytest

from phasegate.cli.errors import report
from phasegate.core import Exhausted, Finding, InvalidInput, PhasegateError, Refused, Severity

FINDING = Finding(
    check="spec-lint",
    rule="no-criteria",
    severity=Severity.high,
    path="spec.md",
    line=7,
    message="no criteria",
    fix="add",
)


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (PhasegateError("'x' failed", fix="try y"), 1, ["'x' failed", "→ try y"]),
        (
            InvalidInput("'s' does not hold", findings=[FINDING]),
            3,
            ["spec.md:7", "no criteria", "spec-lint/no-criteria"],
        ),
        (Refused("too late", reason="gate_expired"), 5, ["too late", "reason: gate_expired"]),
        (Exhausted("port 1 is taken"), 8, ["port 1 is taken"]),
        (OSError(errno.ENOSPC, "No space left on device"), 8, ["disk is full", "run --resume"]),
        (OSError(errno.EROFS, "Read-only file system", "/x/y"), 8, ["'/x/y' cannot be used", "read-only: work"]),
        (OSError(errno.EACCES, "Permission denied", "/x/y"), 8, ["'/x/y' cannot be used", "let yourself write"]),
        (OSError(errno.ENOLCK, "No locks available", "/x/y"), 8, ["'/x/y' cannot be used", "file locks"]),
        (pygit2.GitError("failed to write: No space left on device"), 8, ["No space left", "free some disk space"]),
        (click.UsageError("no such thing"), 2, ["no such thing"]),
        (KeyboardInterrupt(), 130, ["interrupted"]),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_has_its_code_and_its_words(
    error: BaseException, code: int, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert report(error) == code
    said = capsys.readouterr().err
    assert all(word in said for word in words), said


def test_what_nobody_foresaw_keeps_its_traceback_out_of_sight(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(ZeroDivisionError("by nought")) == 1
    said = capsys.readouterr().err
    assert "ZeroDivisionError: by nought" in said
    assert "Traceback" not in said
    with open(said.split("traceback is in ")[1].split(";")[0]) as file:
        assert "ZeroDivisionError" in file.read()


def test_a_folder_that_is_gone_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    with pytest.raises(FileNotFoundError) as found:
        Path.cwd()
    assert report(found.value) == 8
    said = capsys.readouterr().err
    assert "moved or removed" in said
    assert "cd FOLDER" in said


def test_a_file_that_is_missing_is_no_folder_that_is_gone(capsys: pytest.CaptureFixture[str]) -> None:
    assert report(FileNotFoundError(errno.ENOENT, "No such file or directory")) == 1
    assert "moved or removed" not in capsys.readouterr().err


def test_the_only_finding_is_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    report(InvalidInput(f"spec.md:7: {FINDING.message}", fix=FINDING.fix, findings=[FINDING]))
    said = capsys.readouterr().err
    assert said.count(FINDING.message) == 1
    assert said.count(f"→ {FINDING.fix}") == 1


def test_programs_read_a_failure_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["phasegate", "decide", "--json"])
    report(Refused("too late", reason="gate_expired", fix="open it anew"))
    error = json.loads(capsys.readouterr().out)["error"]
    assert error == {"message": "too late", "fix": "open it anew", "exit_code": 5, "reason": "gate_expired"}


def test_what_a_file_says_cannot_move_the_cursor(capsys: pytest.CaptureFixture[str]) -> None:
    report(PhasegateError("name '\x1b[2Jgone'", fix="\x1b]0;title\x07"))
    assert "\x1b" not in capsys.readouterr().err
