"""State that a run carries from node to node: some hundred bytes of ids and counters, with artifacts in Git."""

from typing import Annotated, Any, TypedDict


def merged(old: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    """Join updates of nodes that ran side by side."""
    return {**old, **new}


class RunState(TypedDict, total=False):
    """State of a run."""

    run: str
    flow: str
    """Digest of the workflow that it was started with."""
    base: str
    """The commit that the run began from."""
    commit: str
    """The head of its branch."""
    since: str
    """The commit that was approved last."""
    phase: str
    attempt: int
    """Counts gates of the phase, from 1."""
    round: int
    """Counts drafts within the attempt, from 1."""
    drafts: Annotated[dict[str, str], merged]
    """Item to commit, of the round that is being drafted."""
    blocking: Annotated[dict[str, str], merged]
    """Check, reviewer or draft to how many findings of theirs block, as text; those without any are left out."""
    outcome: str
    """What the last gate or join came to."""
    turn: str
    """`held` or `wait`: whether the run's turn to release has come."""
    line: str
    """The commit of the newest release when the run's own was drafted; empty: there was none."""


def branch(run_id: str) -> str:
    """Return the name of a run's branch."""
    return f"phasegate/{run_id}"


def round_of(state: RunState) -> dict[str, Any]:
    """Return the fields of an event in the round."""
    return {"phase": state["phase"], "attempt": state["attempt"], "round": state["round"]}


def round_key(state: RunState) -> str:
    """Return phase, attempt and round as events name them, such as `plan/1/2`."""
    return f"{state['phase']}/{state['attempt']}/{state['round']}"
