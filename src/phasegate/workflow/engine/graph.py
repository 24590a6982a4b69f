"""A table of phases as a LangGraph state machine, in which every phase has the same shape.

begin → draft (one per author, side by side) → join → checks and reviews, side by side → settle (opens the gate)
      → begin again while a finding blocks and rounds are left, else
      → gate (waits for the person) → consume → begin again on request-changes, else effects → next phase

A phase that publishes has a node more: turn, before begin and before the effects. It waits until no other run releases,
and sends the run back to begin where another release came first.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, Protocol

from langgraph.checkpoint.base import BaseCheckpointSaver
from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import Send

from phasegate.team import Flow, Phase
from phasegate.workflow.state import RunState

Node = Callable[[Any], Awaitable[dict[str, Any]]]
Graph = CompiledStateGraph[RunState, None, RunState, RunState]


class Nodes(Protocol):
    """Bodies of a phase's nodes, seen by the graph as functions."""

    def begin(self, phase: Phase) -> Node:
        """Counts the round."""

    def draft(self, phase: Phase) -> Node:
        """Return the node of an author's draft, whose state names the `item`."""

    def join(self, phase: Phase) -> Node:
        """Return the node that joins the drafts, with outcome `unchanged` where a rework changed nothing."""

    def judges(self, phase: Phase) -> Mapping[str, Node]:
        """The checks and reviews, by the name of their node."""

    def settle(self, phase: Phase) -> Node:
        """Return the node that settles a round: `rework`, or `ask`, `approve` by a policy, or `decided` before."""

    def gate(self, phase: Phase) -> Node:
        """Interrupts, and nothing else: what stands before an interrupt runs again on every resume."""

    def consume(self, phase: Phase) -> Node:
        """Return the node that reads the decision: `approve`, `waive`, `request-changes`, `reject`, `ask` or `void`."""

    def turn(self, phase: Phase) -> Node:
        """Return the node that waits for the run's turn, with outcome `moved` where drafts are made anew."""

    def effects(self, phase: Phase) -> Mapping[str, Node]:
        """Return the nodes of effects in order, by name."""


def build_graph(flow: Flow, nodes: Nodes, saver: BaseCheckpointSaver[Any] | None) -> Graph:
    """The whole workflow, ready to run."""
    graph = StateGraph(RunState)
    for phase in flow.phases:
        graph.add_node(phase.id, phase_graph(phase, nodes))
    graph.add_edge(START, flow.phase_ids[0])
    for phase_id, following in zip(flow.phase_ids, [*flow.phase_ids[1:], END], strict=True):
        graph.add_conditional_edges(phase_id, _onward, {"on": following, "end": END})
    return graph.compile(checkpointer=saver)


def phase_graph(phase: Phase, nodes: Nodes) -> Graph:
    """Return the subgraph of a phase."""
    graph = StateGraph(RunState)
    judges, effects = nodes.judges(phase), nodes.effects(phase)
    steps = {name: getattr(nodes, name)(phase) for name in ("begin", "draft", "join", "settle", "gate", "consume")}
    turn = {"turn": nodes.turn(phase)} if phase.releases else {}
    for name, node in {**steps, **judges, **effects, **turn}.items():
        graph.add_node(name, node)
    graph.add_edge(START, "turn" if turn else "begin")
    graph.add_conditional_edges("begin", _fan_out(phase), ["draft"])
    graph.add_edge("draft", "join")
    graph.add_conditional_edges("join", _judged(list(judges)), [*judges, "settle"])
    if judges:
        graph.add_edge(list(judges), "settle")
    graph.add_edge("gate", "consume")
    after = [*effects, END]
    on, again, anew = ("turn", "turn", "turn") if turn else (after[0], "begin", "settle")
    graph.add_conditional_edges("settle", _settled, {"rework": "begin", "ask": "gate", "decided": "consume", "on": on})
    graph.add_conditional_edges(
        "consume", _decided, {"on": on, "begin": again, "end": END, "ask": "gate", "settle": anew}
    )
    if turn:
        graph.add_conditional_edges(
            "turn", _turned, {"wait": "turn", "on": after[0], "begin": "begin", "settle": "settle"}
        )
    for name, following in zip(effects, after[1:], strict=True):
        if turn:
            graph.add_conditional_edges(name, _done, {"turn": "turn", "on": following})
        else:
            graph.add_edge(name, following)
    return graph.compile()


def _fan_out(phase: Phase) -> Callable[[RunState], Awaitable[Sequence[Send]]]:
    """Routes are coroutines, though they await nothing: LangGraph sends each that is not to a thread of its own."""

    async def authors(state: RunState) -> Sequence[Send]:
        return [Send("draft", {**state, "item": author.item}) for author in phase.authors]

    return authors


def _judged(judges: list[str]) -> Callable[[RunState], Awaitable[list[str]]]:
    async def route(state: RunState) -> list[str]:
        return ["settle"] if state["outcome"] == "unchanged" else judges or ["settle"]

    return route


async def _settled(state: RunState) -> Literal["rework", "ask", "decided", "on"]:
    match state["outcome"]:
        case "rework":
            return "rework"
        case "ask":
            return "ask"
        case "approve":
            return "on"
        case _:
            return "decided"


async def _decided(state: RunState) -> Literal["on", "begin", "end", "ask", "settle"]:
    match state["outcome"]:
        case "approve" | "waive":
            return "on"
        case "request-changes":
            return "begin"
        case "ask":
            return "ask"
        case "void":
            return "settle"
        case _:
            return "end"


async def _turned(state: RunState) -> Literal["wait", "on", "begin", "settle"]:
    if state.get("turn") == "wait":
        return "wait"
    match state["outcome"]:
        case "approve" | "waive":
            return "on"
        case "void":
            return "settle"
        case _:
            return "begin"


async def _done(state: RunState) -> Literal["turn", "on"]:
    return "on" if state.get("turn") == "held" else "turn"


async def _onward(state: RunState) -> Literal["on", "end"]:
    return "end" if state["outcome"] == "reject" else "on"
