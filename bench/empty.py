"""Nodes with empty bodies: what is left is what LangGraph itself costs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from langgraph.types import interrupt

from phasegate.team import Phase
from phasegate.workflow.engine.graph import Node


def _node(update: dict[str, Any]) -> Node:
    async def node(state: Any) -> dict[str, Any]:
        return update

    return node


@dataclass(frozen=True, kw_only=True)
class EmptyNodes:
    """The same names and outcomes as a team's, and nothing else."""

    gates: bool
    """Whether each gate interrupts."""

    def begin(self, phase: Phase) -> Node:
        return _node({"phase": phase.id, "attempt": 1, "round": 1})

    def draft(self, phase: Phase) -> Node:
        async def draft(state: dict[str, Any]) -> dict[str, Any]:
            return {"drafts": {state["item"]: "0" * 40}}

        return draft

    def join(self, phase: Phase) -> Node:
        return _node({"commit": "0" * 40, "outcome": "drafted"})

    def judges(self, phase: Phase) -> Mapping[str, Node]:
        names = [f"check-{name}" for name in phase.checks] + [f"review-{row.role}" for row in phase.reviews]
        return {name: _node({"blocking": {}}) for name in names}

    def settle(self, phase: Phase) -> Node:
        return _node({"outcome": "ask"} if self.gates else {"outcome": "approve", "since": "0" * 40})

    def turn(self, phase: Phase) -> Node:
        async def turn(state: Any) -> dict[str, Any]:
            return {"turn": "held"} if state["phase"] == phase.id else {"turn": "held", "outcome": ""}

        return turn

    def gate(self, phase: Phase) -> Node:
        async def gate(state: Any) -> dict[str, Any]:
            interrupt(phase.id)
            return {}

        return gate

    def consume(self, phase: Phase) -> Node:
        return _node({"outcome": "approve", "since": "0" * 40})

    def effects(self, phase: Phase) -> Mapping[str, Node]:
        return {f"effect-{name}": _node({}) for name in phase.effects}
