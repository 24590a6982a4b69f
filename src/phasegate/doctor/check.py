"""Checks that run side by side, each within a time limit."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from phasegate.core import PhasegateError, one_line


class State(StrEnum):
    """State of a check."""

    ok = "ok"
    skipped = "skipped"
    """It is not configured."""
    trouble = "trouble"
    """It is configured, and does not work."""


class Skipped(PhasegateError):
    """A check of something that is not configured, whose fix says what it would need."""


@dataclass(frozen=True, kw_only=True)
class CheckResult:
    """Result of a check."""

    name: str
    state: State
    says: str
    fix: str = ""

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {**vars(self), "state": self.state.value}


@dataclass(frozen=True, kw_only=True)
class Check:
    """A named check."""

    name: str
    ask: Callable[[], Awaitable[str]]
    """Says how it is; raises `Skipped` where it is not configured, and a `PhasegateError` where it does not work."""
    seconds: float = 30.0
    """How long it may take."""


async def run_checks(checks: Sequence[Check]) -> AsyncIterator[tuple[CheckResult, list[str]]]:
    """Asks all of them side by side.

    Yields:
        What each found, as it comes; and the names of those that are not done yet.
    """
    left = [check.name for check in checks]
    for coming in asyncio.as_completed([_said(check) for check in checks]):
        said = await coming
        left.remove(said.name)
        yield said, list(left)


async def _said(check: Check) -> CheckResult:
    try:
        async with asyncio.timeout(check.seconds):
            return CheckResult(name=check.name, state=State.ok, says=one_line(await check.ask()))
    except Skipped as skipped:
        return _not(check, State.skipped, skipped)
    except PhasegateError as error:
        return _not(check, State.trouble, error)
    except TimeoutError:
        late = PhasegateError(f"no answer within {check.seconds:g} s", fix="see whether it hangs, and ask again")
        return _not(check, State.trouble, late)
    except Exception as error:  # whatever it is, the other checks are told all the same
        strange = PhasegateError(f"{type(error).__name__}: {error}", fix="please report it")
        return _not(check, State.trouble, strange)


def _not(check: Check, state: State, error: PhasegateError) -> CheckResult:
    return CheckResult(name=check.name, state=state, says=one_line(str(error)), fix=one_line(error.fix))
