"""A policy that may pass a gate on its own: only where its conditions hold, and never in a person's name."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from phasegate.core import Severity
from phasegate.team.documents import read_yaml, validated


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Conditions(_Strict):
    """All of them have to hold, at the moment the gate is passed."""

    workspace: Literal["demo", "any"]
    """`demo`: only a workspace that was made for the demonstration."""
    endpoint: Literal["loopback", "any"]
    """`loopback`: the AWS endpoint has to be on this machine."""
    index: Literal["loopback", "any"]
    """`loopback`: packages are published to a folder or server on this machine."""
    checks: Literal["green"] = "green"
    """No blocking finding stands; there is no policy that passes over one."""
    risk_at_most: Severity = Severity.low
    """The spec's own severity, at most."""
    destructive_actions: bool = True
    """Whether a runbook with a destructive action may pass."""


class GatePolicy(_Strict):
    """Conditions under which a gate passes without a person."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]*$")
    """The file's name without `.yaml`; the decision is recorded under it."""
    version: int = Field(ge=1)
    """Raise it with every change; it is part of what a decision is bound to."""
    gates: tuple[str, ...] = ()
    """Ids of the phases whose gates it may pass; none means all."""
    requires: Conditions
    """What has to hold."""
    marks: Literal["unreleasable", "nothing"]
    """Stands on all that it passed; `unreleasable` keeps it out of every index that is not on this machine."""


def read_policy(text: str, path: str) -> GatePolicy:
    """Reads a policy file.

    Raises:
        InvalidInput: with file, line and fix for each thing that does not hold.
    """
    return validated(read_yaml(text, path, check="policy-lint"), GatePolicy)
