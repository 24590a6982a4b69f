"""The command `phasegate`."""

import os
import sys
import threading

import click

from phasegate.cli.grouped_commands import LazyGroup
from phasegate.cli.streams import show_plainly
from phasegate.core import Exhausted, Lost

HEADINGS = {
    "Start": {
        "demo": "Watch a spec become a released runbook, here.",
        "init": "Make a target repository.",
        "manager": "Make the key that a manager decides with.",
        "spec": "Add specs to a repository.",
        "lint": "Say what is wrong with specs, and how to mend it.",
        "doctor": "Check all that is configured, and say what to mend.",
    },
    "Work": {
        "run": "Take a spec through its phases.",
        "status": "Show runs, or one run's phases.",
        "worker": "Take segments of runs until stopped.",
    },
    "Decide": {
        "gates": "List the gates that wait for a decision.",
        "gate": "Show a gate: what changed, findings, evidence.",
        "decide": "Decide at a gate, signed with your key.",
        "revoke": "Take back what you decided, before the run uses it.",
        "delegate": "Have another manager decide for you, for a while.",
    },
    "Page and API": {
        "serve": "Serve the inbox and the REST API.",
        "account": "Say who may sign in on the page.",
        "token": "Make and revoke tokens for programs.",
    },
    "Tools": {
        "tools": "See what agents may call, and grant it.",
        "mirror": "Show notification channels, and grant them write access.",
        "mcp": "Serve tools of a service, or of this repository, over MCP.",
    },
    "Record": {
        "backup": "Write the record into one file.",
        "restore": "Put the record back from a backup, and prove it.",
    },
    "Release and runbooks": {
        "trace": "Follow a requirement to the release, and back.",
        "bundle": "Write the proof of a run into one file.",
        "verify": "Check that what was released is what was approved.",
        "runbook": "Try a runbook.yaml, see its rights, approve its findings.",
    },
}
"""Summaries of the commands, which are the first sentences of their own help."""
MODULES = {
    "init": "start",
    "manager": "start",
    "lint": "start",
    "gate": "decide",
    "revoke": "delegate",
    "restore": "backup",
    "bundle": "release",
    "verify": "release",
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
    cls=LazyGroup,
    package="phasegate.cli",
    headings=HEADINGS,
    modules=MODULES,
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
