"""Errors that people meet: each names the thing, and says what to do next.

    PhasegateError          1  something failed that is neither the user's nor a prerequisite's fault
    ├── UsageError          2  usage error
    ├── InvalidInput        3  a file of the user's does not hold: spec, runbook, card, workflow, configuration
    ├── Missing             4  a prerequisite is not there: sandbox, key, model, tool
    ├── Refused             5  a decision was refused; `reason` is a machine-readable code
    ├── Parked              6  the run waits for a person, or stopped and can be resumed
    ├── Held                7  another process holds the run
    │   └── Lost               this process held it, and another has taken it over
    ├── Exhausted           8  disk, port, database or memory unavailable
    │   └── Gone               a folder that this process works in was moved or removed
    └── Unknown             9  nobody knows whether it was done

The number is the exit code of the command. A person never sees a traceback for one of these.
"""

from collections.abc import Sequence

from phasegate.core.findings import Finding


class PhasegateError(Exception):
    """A failure with its message, and in `fix` what to do next."""

    exit_code = 1

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.fix = fix

    @property
    def full_text(self) -> str:
        """The message, and the fix where there is one."""
        return f"{self}; {self.fix}" if self.fix else str(self)


class Unknown(PhasegateError):
    """Nobody knows whether a call that writes did what it was to do."""

    exit_code = 9


class UsageError(PhasegateError):
    """Usage error: a word of the command is wrong."""

    exit_code = 2


class InvalidInput(PhasegateError):
    """A file of the user's is invalid, with findings that say where and how to mend it."""

    exit_code = 3

    def __init__(self, message: str, *, fix: str = "", findings: Sequence[Finding] = ()) -> None:
        super().__init__(message, fix=fix)
        self.findings = tuple(findings)


class Missing(PhasegateError):
    """A prerequisite is not there."""

    exit_code = 4


class Refused(PhasegateError):
    """A decision was refused and not recorded."""

    exit_code = 5

    def __init__(self, message: str, *, reason: str, fix: str = "") -> None:
        super().__init__(message, fix=fix)
        self.reason = reason


class Parked(PhasegateError):
    """The run waits for a person, or stopped in a way that can be resumed."""

    exit_code = 6


class Held(PhasegateError):
    """Another process holds the run."""

    exit_code = 7


class Locked(Held):
    """A Git command holds a lock, or one that was killed left it."""


class Lost(Held):
    """Another process took over a run that this process held, so that nothing more can be written here."""


class Exhausted(PhasegateError):
    """Disk, port, database or memory is unavailable."""

    exit_code = 8


class Gone(Exhausted):
    """A place that this process works in was moved, removed or replaced."""

    def __init__(self, message: str, *, fix: str = "", is_kept: bool = False) -> None:
        """Say what happened.

        Args:
            message: which place, and what happened to it.
            fix: what to do next.
            is_kept: whether the record of its runs is still somewhere, so that they can go on there.
        """
        super().__init__(message, fix=fix)
        self.is_kept = is_kept
