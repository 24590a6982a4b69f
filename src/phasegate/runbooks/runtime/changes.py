"""Changes: planned in a dry run, or made, with what is needed to undo them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from .dates import days_between
from .functions import tag
from .hours import Window
from .log import ActionLog
from .parameters import problems
from .scan import Row, Scan
from .zones import UnknownZone, zone


@dataclass(frozen=True, kw_only=True)
class Guard:
    """Limits that hold a change back."""

    protect_tags: Sequence[str] = ()
    """An item with one of these tags is left alone, whatever the value."""
    min_age_days: float | None = None
    created: str = ""
    """The field that holds when the item was made."""
    max_changes: int | None = None
    """More findings than this are refused as a whole."""
    window: str = ""
    """Such as `Mon-Fri 08:00-17:00 UTC`."""

    def holds_back(self, row: Row, now: datetime) -> str:
        """Return why the item is left alone, or an empty text."""
        kept = next((key for key in self.protect_tags if tag(row, key) is not None), None)
        if kept is not None:
            return f"it carries the tag {kept}"
        if self.min_age_days is None:
            return ""
        age = days_between(row.get(self.created), now)
        # An item without an age might be young, so the guard holds it back.
        if age is None:
            return "its age is not known"
        return f"it is younger than {self.min_age_days:g} days" if age < self.min_age_days else ""

    def refuses(self, changes: int, now: datetime) -> str:
        """Return why no change is made at all, or an empty text."""
        if self.max_changes is not None and changes > self.max_changes:
            return f"{changes} changes are more than the {self.max_changes} that the guard allows"
        return self._closed(Window.read(self.window), now) if self.window else ""

    def _closed(self, window: Window, now: datetime) -> str:
        try:
            zone(window.zone)
        except UnknownZone as error:
            return f"the window {self.window} is never open: {error}"
        # An unknown zone was refused above: falling back to UTC could open the window at the wrong hours.
        return "" if window.is_open(now) else f"changes are made only in the window {self.window}"


class Change(Protocol):
    """Calls that `remediate` may make about one item, in a dry run or in earnest."""

    @property
    def scan(self) -> Scan:
        """The account and region of the item."""
        ...

    def snapshot(self, service: str, operation: str, /, **params: Any) -> Row:
        """Take a snapshot, or read what is there, before anything changes, and return the answer."""
        ...

    def wait(self, service: str, waiter: str, /, **params: Any) -> None:
        """Wait until the snapshot is complete, or the change has taken effect."""
        ...

    def undo_with(self, service: str, operation: str, /, **params: Any) -> None:
        """Record a call that would undo the change that is made next."""
        ...

    def undo_waits(self, service: str, waiter: str, /, **params: Any) -> None:
        """Record what the undo has to wait for."""
        ...

    def make(self, service: str, operation: str, /, **params: Any) -> Row:
        """Make the change, and return the answer."""
        ...


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A dry run: notes what would be called and what AWS would refuse of it, and calls nothing."""

    scan: Scan
    calls: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def snapshot(self, service: str, operation: str, /, **params: Any) -> Row:
        """Record the call."""
        # The answer of a planned snapshot is empty, so expressions over it yield null in a dry run.
        return self.make(service, operation, **params)

    def wait(self, service: str, waiter: str, /, **params: Any) -> None:
        """Nothing to wait for."""

    def undo_with(self, service: str, operation: str, /, **params: Any) -> None:
        """Check the call that would undo the change, as far as it does not depend on the snapshot's answer."""
        self._check(service, operation, params, "the undo, ")

    def undo_waits(self, service: str, waiter: str, /, **params: Any) -> None:
        """Nothing to wait for."""

    def make(self, service: str, operation: str, /, **params: Any) -> Row:
        """Record the call."""
        self.calls.append(_call(service, operation, params))
        self._check(service, operation, params, "")
        return {}

    def _check(self, service: str, operation: str, params: Mapping[str, Any], which: str) -> None:
        wrong = problems(self.scan.client(service), operation, _given(params))
        self.problems.extend(f"{which}{service}.{operation} would be refused: {problem}" for problem in wrong)


@dataclass(frozen=True, kw_only=True)
class Made:
    """Changes in earnest, with every call logged before and after."""

    scan: Scan
    log: ActionLog
    about: Mapping[str, Any]
    """The finding, as every line of the log names it."""
    done: list[str] = field(default_factory=list)
    """Changing calls that AWS took, such as `ec2.stop_instances`."""
    undo: list[dict[str, Any]] = field(default_factory=list)
    """Calls that would undo those, in the order in which they were recorded."""
    _recorded: list[dict[str, Any]] = field(default_factory=list, init=False, repr=False)
    """Calls that would undo the change that is made next."""

    def snapshot(self, service: str, operation: str, /, **params: Any) -> Row:
        """Take the snapshot, and log its answer."""
        return self._call("snapshot", service, operation, params)

    def wait(self, service: str, waiter: str, /, **params: Any) -> None:
        """Wait with botocore's waiter, which raises when the snapshot or change fails or takes too long."""
        step = {"step": "wait", "call": f"{service}.{waiter}", "params": params}
        with self.log.around({**self.about, **step}):
            self.scan.client(service).get_waiter(waiter).wait(**params)

    def undo_with(self, service: str, operation: str, /, **params: Any) -> None:
        """Log the call that would undo the change, before the change is made."""
        # In the log before the change: a process killed between the two must leave the way back.
        call = _call(service, operation, params)
        self.log.write({**self.about, "step": "undo", "state": "recorded", **call})
        self._recorded.append(call)

    def undo_waits(self, service: str, waiter: str, /, **params: Any) -> None:
        """Log what to wait for after the undo that was recorded last."""
        step = {"step": "undo wait", "state": "recorded", "call": f"{service}.{waiter}", "params": params}
        self.log.write({**self.about, **step})

    def make(self, service: str, operation: str, /, **params: Any) -> Row:
        """Make the change."""
        answer = self._call("change", service, operation, params)
        self.done.append(f"{service}.{operation}")
        self.undo.extend(self._recorded)
        self._recorded.clear()
        return answer

    def _call(self, step: str, service: str, operation: str, params: Mapping[str, Any]) -> Row:
        given = _given(params)
        with self.log.around({**self.about, "step": step, **_call(service, operation, given)}) as outcome:
            answer: Row = getattr(self.scan.client(service), operation)(**given)
            outcome["answer"] = {name: value for name, value in answer.items() if name != "ResponseMetadata"}
        return answer


def _call(service: str, operation: str, params: Mapping[str, Any]) -> dict[str, Any]:
    return {"call": f"{service}.{operation}", "params": _given(params)}


def _given(params: Mapping[str, Any]) -> dict[str, Any]:
    """An expression that yields null leaves its parameter out."""
    return {name: value for name, value in params.items() if value is not None}
