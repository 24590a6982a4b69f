"""Inventory counts that a role takes before it plans or judges a plan, of what the runbook will list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from phasegate.app.app import App
from phasegate.authors import Facts
from phasegate.authors.kinds import RUNBOOK_FILE, runbook_path
from phasegate.authors.sources import sources
from phasegate.core import PhasegateError
from phasegate.runbooks.language.inventory import Counted, Inventory
from phasegate.runbooks.language.model import Step
from phasegate.tool_access.role_tools import RunTools
from phasegate.tools.client import ToolClient

MOST = 10_000
"""Counting stops there, in each region."""


@dataclass(frozen=True, kw_only=True)
class InventoryCounter:
    """Counts through the AWS tools, as a role, where phasegate.toml names regions."""

    app: App
    tools: RunTools

    async def observe(self, facts: Facts, role: str, place: str, files: Mapping[str, bytes]) -> Mapping[str, Any]:
        """Return the counts as JSON, by `count`."""
        return (await self.count(facts, role, place, files)).as_json()

    async def count(self, facts: Facts, role: str, place: str, files: Mapping[str, bytes]) -> Inventory:
        """Count in every configured account and region, with the reason where counting failed.

        Args:
            facts: of the run.
            role: as whom.
            place: phase, attempt and round, for the events of the calls.
            files: the artifacts so far.
        """
        if runbook_path(facts.spec) not in files:
            return Inventory(operation="", trouble=f"'{facts.spec}' has no {RUNBOOK_FILE}, so nothing is listed")
        step, aws = sources(files, facts).runbook.list_[0], self.app.config.aws
        hands = self.tools.client(facts.run, role, place)
        try:
            counted = [row for account in aws.accounts for row in await self._counted(hands, step, account)]
        except PhasegateError as error:
            return Inventory(operation=step.op, trouble=error.full_text)
        return Inventory(operation=step.op, counted=tuple(counted))

    async def _counted(self, hands: ToolClient, step: Step, account: str) -> Sequence[Counted]:
        wish = {"operation": step.op, "regions": list(self.app.config.aws.inventory), "account": account, "most": MOST}
        # A value that begins with `=` is an expression, which the runbook's own runtime alone evaluates.
        plain = {name: value for name, value in step.params.items() if not str(value).startswith("=")}
        wish |= {"parameters": plain, "items": step.items or ""}
        answer = await hands.call("aws", "count_resources", **wish)
        if answer.error or answer.data is None:
            raise answer.error or PhasegateError(answer.text)
        rows = answer.data["regions"]
        return [Counted(account=account, **{name: row[name] for name in _KEPT}) for row in rows]


_KEPT = ("region", "count", "capped", "error")
