"""Errors as people see them, with exit codes and without a traceback."""

import errno
import json
import os
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import click

from phasegate.cli.console import errors_to
from phasegate.cli.views.findings import failure
from phasegate.core import Exhausted, InvalidInput, PhasegateError, Refused
from phasegate.core.secrets import without_secrets
from phasegate.reports.findings import reported
from phasegate.store import failing, remedy

INTERRUPTED = 130
_FOLDER_GONE = "the folder that this command was started in was moved or removed"
# What to do where the machine refuses a file.
_UNUSABLE = {
    errno.EACCES: "let yourself write there",
    errno.EPERM: "let yourself write there",
    errno.EROFS: "this file system is mounted read-only: work where it can be written",
    errno.EDQUOT: "your quota is used up: free some space",
    errno.ENOLCK: "keep the repository on a disk with file locks",
    errno.ENAMETOOLONG: "move the repository to a shorter path",
    errno.EMFILE: "allow more open files: ulimit -n 1024",
}


def report(error: BaseException) -> int:
    """Says what happened on standard error, as JSON on standard output too where that was asked for.

    Returns:
        The exit code.
    """
    match error:
        case click.exceptions.Exit():
            return error.exit_code
        case KeyboardInterrupt() | click.exceptions.Abort():
            click.echo("interrupted", err=True)
            return INTERRUPTED
        case click.ClickException():
            error.show()
            return error.exit_code
        case PhasegateError():
            return _say(error)
        case OSError(errno=errno.ENOSPC):
            return _say(
                Exhausted(f"the disk is full: {error}", fix="free some space; a run goes on with 'run --resume'")
            )
        case OSError(errno=errno.EPIPE):
            return 1
        case FileNotFoundError(filename=None) if not _has_folder():
            return _say(Exhausted(_FOLDER_GONE, fix="go into the folder where the repository is now: cd FOLDER"))
        case OSError() if error.errno in _UNUSABLE:
            where = f"'{error.filename}'" if error.filename else "a file"
            return _say(Exhausted(f"{where} cannot be used: {error.strerror}", fix=_UNUSABLE[error.errno]))
    return _storage(error) or _unexpected(error)


def _has_folder() -> bool:
    """Return whether the folder that this process works in is still there."""
    try:
        return bool(os.getcwd())
    except FileNotFoundError:
        return False


def _storage(error: BaseException) -> int:
    """Report a failure of the disk that came through a library such as Git's, and return 0 for another error."""
    found = failing(error)
    return _say(Exhausted(str(found), fix=remedy(str(found)))) if found else 0


def _say(error: PhasegateError) -> int:
    if "--json" in sys.argv:
        click.echo(json.dumps({"error": as_json(error)}, indent=2))
    errors_to().print(failure(error), soft_wrap=True)
    return error.exit_code


def as_json(error: PhasegateError) -> dict[str, Any]:
    """The error for programs."""
    body: dict[str, Any] = {"message": without_secrets(str(error)), "fix": error.fix, "exit_code": error.exit_code}
    if isinstance(error, Refused):
        body["reason"] = error.reason
    if isinstance(error, InvalidInput):
        body["findings"] = [finding.plain() for finding in reported(error.findings)]
    return body


def _unexpected(error: BaseException) -> int:
    with tempfile.NamedTemporaryFile("w", prefix="phasegate-", suffix=".log", delete=False, encoding="utf-8") as file:
        file.write(without_secrets("".join(traceback.format_exception(error))))
    click.echo(without_secrets(f"phasegate failed: {type(error).__name__}: {error}"), err=True)
    click.echo(f"→ the traceback is in {Path(file.name)}; please report it", err=True)
    return 1
