"""Taking an issue to a status, through others where its workflow has no direct transition.

A workflow shows only the transitions from where an issue is, so the way is searched step by step: a direct transition
first, then statuses not seen before, those nearest in meaning first (open, in progress, done). The search is bounded,
and goes back to where it began where nothing leads on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from phasegate.tools.errors import Invalid
from phasegate.tools.servers.jira.screens import lacking
from phasegate.tools.servers.jira.wire import Status, Transition

MOST = 8
"""Transitions of one search."""


@dataclass(kw_only=True)
class Walk:
    """A search for a way through transitions."""

    issue: str
    start: Status
    wanted: Status
    ways: Callable[[], Sequence[Transition]]
    """Asks for the transitions from where the issue is."""
    take: Callable[[Transition], None]
    """Takes one; raises `Invalid` with Jira's own words where it is refused."""
    fields: Mapping[str, Any]
    """To be given on screens that have them."""
    through: list[str] = field(default_factory=list)
    """Statuses that it came to."""
    refusals: list[str] = field(default_factory=list)
    """What Jira said of transitions that it refused."""
    _tried: set[tuple[str, str]] = field(default_factory=set)

    @property
    def here(self) -> str:
        """The status that the issue is in."""
        return self.through[-1] if self.through else self.start.name

    def go(self) -> str:
        """Take the issue there.

        Returns:
            Why it did not get there; empty where it did.
        """
        for _ in range(MOST):
            ways = self.ways()
            direct = [way for way in ways if _same(way.to.name, self.wanted.name)]
            if any(self._took(way) for way in sorted(direct, key=self._asks)):
                return ""
            onward = None if direct else self._onward(ways)
            if onward is None:
                return self._stuck(ways)
            self._took(onward)
        return self._stuck(self.ways())

    def _onward(self, ways: Sequence[Transition]) -> Transition | None:
        left = [way for way in ways if (self.here, way.id) not in self._tried]
        return min(left, key=self._strays, default=None)

    def _strays(self, way: Transition) -> tuple[bool, bool, bool, int]:
        """Return a measure of how little a transition leads towards the wanted status, of which the least is taken."""
        seen = {self.start.name, *self.through}
        beyond = way.to.rank > self.wanted.rank or way.to.rank == 2
        return way.to.name in seen, beyond, way.to.rank < self.start.rank, self._asks(way)

    def _asks(self, way: Transition) -> int:
        return len(lacking(self.fields, way.fields.values()))

    def _took(self, way: Transition) -> bool:
        self._tried.add((self.here, way.id))
        try:
            self.take(way)
        except Invalid as error:
            self.refusals.append(str(error))
            return False
        self.through.append(way.to.name)
        return True

    def _stuck(self, ways: Sequence[Transition]) -> str:
        legal = ", ".join(sorted({way.to.name for way in ways})) or "nowhere"
        where, said = self.here, "; ".join(dict.fromkeys(self.refusals))
        back = next((way for way in ways if _same(way.to.name, self.start.name)), None)
        # An issue that is left somewhere on the way would look like somebody's decision.
        if self.through and back is not None and not _same(where, self.start.name):
            self._took(back)
        if said:
            return f"{self.issue} does not go from {where} to {self.wanted.name}: {said}"
        return f"{self.issue} cannot go from {where} to {self.wanted.name}: the workflow leads to {legal}"


def _same(one: str, other: str) -> bool:
    return one.lower() == other.lower()
