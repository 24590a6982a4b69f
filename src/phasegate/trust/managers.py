"""Managers as `phasegate.toml` and the root list them, and what each of them has to have alone."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from phasegate.core.visible import skeleton

RESERVED = frozenset({"", "mcp", "system", "phasegate", "policy", "nobody"})
"""Names that no manager can have, however they are written."""
AGENTS = (
    "cloud-architect",
    "data-architect",
    "devsec-engineer",
    "document-engineer",
    "product-owner",
    "python-engineer",
    "qa-specialist",
    "sre-automation",
)
"""The agents of the shipped cards."""


class ManagerRow(BaseModel):
    """A person who may decide."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    name: str = Field(min_length=1)
    public_key: str
    """Ed25519, base64; `phasegate manager init` prints it."""
    card: str = "manager"
    """The card under which a workflow lists them as approver."""
    slack: str = Field(default="", pattern=r"^([UW][A-Z0-9]{2,30})?$")
    """Their user's id in Slack, such as U012A3CDE: they are mentioned there, and may decide there."""
    jira: str = Field(default="", max_length=128, pattern=r"^[A-Za-z0-9:._@-]*$")
    """Their account's id in Jira (on a Data Center: their user name), to whom tickets are assigned."""


def require_distinct(managers: Sequence[ManagerRow]) -> None:
    """Hold rows against each other: a name, a key and a user in Slack are one person's.

    Raises:
        ValueError: two share one, or a name is not one that a manager can have.
    """
    _names(managers)
    _keys(managers)
    ids = [row.slack for row in managers if row.slack]
    twice = next((id for id in ids if ids.count(id) > 1), "")
    if twice:
        raise ValueError(f"two managers have the id '{twice}' in Slack, and each click is one person's")


def _names(managers: Sequence[ManagerRow]) -> None:
    reserved = {skeleton(name) for name in (*RESERVED, *AGENTS)}
    seen: dict[str, str] = {}
    for row in managers:
        alike = skeleton(row.name)
        if alike in reserved or ":" in alike or row.name != row.name.strip() or not row.name.isprintable():
            raise ValueError(f"no manager can be named '{row.name}': Phasegate or an agent speaks under that name")
        if alike in seen:
            raise ValueError(f"the names '{seen[alike]}' and '{row.name}' look alike, and each is one person's")
        seen[alike] = row.name


def _keys(managers: Sequence[ManagerRow]) -> None:
    seen: dict[str, str] = {}
    for row in managers:
        key = row.public_key.strip().rstrip("=")
        # The last letter of 32 bytes has bits that say nothing; a security key's line is longer, and has none.
        owner = seen.setdefault(key if " " in key else key[:42], row.name)
        if owner != row.name:
            raise ValueError(f"'{owner}' and '{row.name}' have the same key, and each decision is one person's")
