"""The one place where failures become words and exit codes; nobody meets a traceback."""

import errno
import json
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

import click

from phasegate.core import Exhausted, InvalidInput, PhasegateError, Refused

INTERRUPTED = 130
_UNUSABLE = {
    errno.EACCES: "let yourself write there",
    errno.EPERM: "let yourself write there",
    errno.EROFS: "this file system is mounted read-only: work where it can be written",
    errno.EDQUOT: "your quota is used up: free some space",
    errno.ENOLCK: "keep the repository on a disk with file locks",
    errno.ENAMETOOLONG: "move the repository to a shorter path",
    errno.EMFILE: "allow more open files: ulimit -n 1024",
}
"""What to do where the machine refuses a file."""
EXIT_CODES = {
    0: "done",
    1: "something failed that is not your fault",
    2: "the command's words are off",
    3: "a file of yours does not hold; the findings say where",
    4: "a prerequisite is missing: sandbox, key, tool",
    5: "a decision was refused; nothing was recorded",
    6: "the run waits for a person, or stands and can be resumed",
    7: "another process holds the run",
    8: "disk, port or database is not to be had",
    9: "nobody knows whether it was done; look before you try again",
    INTERRUPTED: "interrupted; everything can be resumed",
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
        case OSError() if error.errno in _UNUSABLE:
            where = f"'{error.filename}'" if error.filename else "a file"
            return _say(Exhausted(f"{where} cannot be used: {error.strerror}", fix=_UNUSABLE[error.errno]))
    return _storage(error) or _unexpected(error)


def _storage(error: BaseException) -> int:
    """Report a failure of the disk that came through a library, such as Git's; 0 where it is none."""
    from phasegate.store import failing, remedy

    found = failing(error)
    return _say(Exhausted(str(found), fix=remedy(str(found)))) if found else 0


def _say(error: PhasegateError) -> int:
    from phasegate.cli.console import errors_to
    from phasegate.cli.views.failure import failure

    if "--json" in sys.argv:
        click.echo(json.dumps({"error": as_json(error)}, indent=2))
    errors_to().print(failure(error), soft_wrap=True)
    return error.exit_code


def as_json(error: PhasegateError) -> dict[str, Any]:
    """The error for programs."""
    from phasegate.core.secrets import without_secrets  # a command that does not fail needs none of it
    from phasegate.reports.findings import reported

    body: dict[str, Any] = {"message": without_secrets(str(error)), "fix": error.fix, "exit_code": error.exit_code}
    if isinstance(error, Refused):
        body["reason"] = error.reason
    if isinstance(error, InvalidInput):
        body["findings"] = [finding.plain() for finding in reported(error.findings)]
    return body


def _unexpected(error: BaseException) -> int:
    from phasegate.core.secrets import without_secrets

    with tempfile.NamedTemporaryFile("w", prefix="phasegate-", suffix=".log", delete=False, encoding="utf-8") as file:
        file.write(without_secrets("".join(traceback.format_exception(error))))
    click.echo(without_secrets(f"phasegate failed: {type(error).__name__}: {error}"), err=True)
    click.echo(f"→ the traceback is in {Path(file.name)}; please report it", err=True)
    return 1
