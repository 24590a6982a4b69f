"""The command `phasegate`."""

import os
import sys
import threading

import click

from phasegate.cli.commands import decide, models, page, record, release, start, tools, trust, work
from phasegate.cli.commands.command import HeadedGroup
from phasegate.cli.streams import show_plainly
from phasegate.core import Exhausted, Lost

HEADINGS: dict[str, tuple[click.Command, ...]] = {
    "Start": (start.demo, start.init, start.manager, start.new, start.spec, start.lint, start.doctor, models.evaluate),
    "Work": (work.run, work.status, work.forecast, work.spend, work.work, work.worker),
    "Decide": (decide.gates, decide.gate, decide.decide, decide.revoke, decide.delegate, decide.allow, trust.trust),
    "Page and API": (page.serve, page.account, page.token),
    "Tools": (tools.tools, tools.mirror, tools.mcp),
    "Record and runbooks": (
        *(release.trace, release.bundle, release.verify, record.backup, record.restore),
        release.runbook,
    ),
}

EXIT_CODES = {
    0: "success",
    1: "internal error",
    2: "usage error",
    3: "invalid file: the findings say where",
    4: "missing prerequisite: sandbox, key or tool",
    5: "decision refused; nothing was recorded",
    6: "the run waits for a person, or is parked and can be resumed",
    7: "locked: another process holds the run",
    8: "disk, port or database unavailable",
    9: "outcome unknown: look before you try again",
    130: "interrupted; everything can be resumed",
}


def exit_codes() -> str:
    """Return the footer of the help."""
    return "Exit codes:\n" + "\n".join(f"  {code:<4} {text}" for code, text in EXIT_CODES.items())


@click.group(
    cls=HeadedGroup,
    headings=HEADINGS,
    epilog=exit_codes(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.version_option(package_name="phasegate", message="%(prog)s %(version)s")
def root() -> None:
    """Role agents take a spec to a released package, and you decide at every gate."""


def main() -> None:
    """Run the command, and end the process with its exit code."""
    show_plainly()
    try:
        code = root.main(prog_name="phasegate", standalone_mode=False)
    except SystemExit:
        raise
    except BaseException as error:
        from phasegate.cli.errors import report  # a command that succeeds needs none of it

        code = report(error)
        if isinstance(error, Exhausted | Lost):
            _leave_threads(code)
    sys.exit(code if isinstance(code, int) else 0)


def _leave_threads(code: int) -> None:
    """End the process at once where threads are left: they may wait for storage that takes nothing, and for ever."""
    main = threading.main_thread()
    if any(thread is not main and not thread.daemon for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
