"""The command `phasegate`."""

import os
import sys
import threading

import click

from phasegate.cli.account import account
from phasegate.cli.backup import backup, restore
from phasegate.cli.decide import decide, gate
from phasegate.cli.delegate import delegate, revoke
from phasegate.cli.demo import demo
from phasegate.cli.doctor import doctor
from phasegate.cli.errors import EXIT_CODES, report
from phasegate.cli.gates import gates
from phasegate.cli.grouped_commands import GroupedCommands
from phasegate.cli.mcp import mcp
from phasegate.cli.mirror import mirror
from phasegate.cli.release import bundle, verify
from phasegate.cli.run import run, status, worker
from phasegate.cli.runbook import runbook
from phasegate.cli.serve import serve
from phasegate.cli.spec import spec
from phasegate.cli.start import init, lint, manager
from phasegate.cli.streams import show_plainly
from phasegate.cli.token import token
from phasegate.cli.tools import tools
from phasegate.cli.trace import trace
from phasegate.core import Exhausted, Lost

HEADINGS = {
    "Start": [demo, init, manager, spec, lint, doctor],
    "Work": [run, status, worker],
    "Decide": [gates, gate, decide, revoke, delegate],
    "Page and API": [serve, account, token],
    "Tools": [tools, mirror, mcp],
    "Record": [backup, restore],
    "Release and runbooks": [trace, bundle, verify, runbook],
}


def exit_codes() -> str:
    """The footer of the help."""
    return "Exit codes:\n" + "\n".join(f"  {code:<4} {text}" for code, text in EXIT_CODES.items())


@click.group(
    cls=GroupedCommands,
    headings=HEADINGS,
    epilog=exit_codes(),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80},
)
@click.version_option(package_name="phasegate", message="%(prog)s %(version)s")
def root() -> None:
    """Role agents take a spec to a released package; you decide at every gate."""


def main() -> None:
    """Runs the command, and ends the process with its exit code."""
    show_plainly()
    try:
        code = root.main(prog_name="phasegate", standalone_mode=False)
    except SystemExit:
        raise
    except BaseException as error:
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
