"""Input that all documents of a runbook share."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phasegate.runbooks.language.inventory import Inventory
from phasegate.runbooks.language.model import Runbook
from phasegate.spec import Spec


@dataclass(frozen=True, kw_only=True)
class Context:
    """Runbook with its spec and its place in the target repository."""

    runbook: Runbook
    spec: Spec
    policy: Mapping[str, Any]
    """The IAM policy document, as `phasegate.runbooks.compiler.iam_policy.policy` gives it."""
    project: str
    """The target's name on an index, which is its command's name too: `acme-runbooks`."""
    package: str
    """The target's Python package: `acme_runbooks`."""
    module: str
    """`unattached_ebs_volumes`."""
    name: str
    """`unattached-ebs-volumes`."""
    date: datetime.date
    """The day that documents are dated."""
    inventory: Inventory | None = None
    """Count of the listed items taken for the plan, or None if nothing was counted."""

    @property
    def title(self) -> str:
        """The spec's title, or the runbook's, or its name."""
        return self.spec.title or self.runbook.title or self.name

    @property
    def code(self) -> str:
        """The path of the module."""
        return f"src/{self.package}/runbooks/{self.module}.py"

    @property
    def tests(self) -> str:
        """The path of its tests."""
        return f"tests/runbooks/test_{self.module}.py"

    @property
    def page(self) -> str:
        """The path of its page."""
        return f"docs/runbooks/{self.name}.md"

    @property
    def policy_path(self) -> str:
        """The path of its IAM policy."""
        return f"src/{self.package}/runbooks/{self.module}.iam-policy.json"
