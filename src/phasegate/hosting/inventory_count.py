"""Inventory counts that a role takes before it plans or judges a plan, of what the runbook will list."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

from mcp.types import Tool

from phasegate.app.app import App
from phasegate.authors import Facts
from phasegate.authors.kinds import RUNBOOK_FILE, runbook_path
from phasegate.authors.sources import sources
from phasegate.core import PhasegateError
from phasegate.ledger import Descriptions, Grants
from phasegate.runbooks.language.inventory import Counted, Inventory
from phasegate.runbooks.language.model import Step
from phasegate.tool_access.servers import scope_of
from phasegate.tools.client import Policy, Sessions, ToolClient, described, fingerprint
from phasegate.workflow.gates.tool_grants import standing_grants

MOST = 10_000
"""Counting stops there, in each region."""


@dataclass(frozen=True, kw_only=True)
class InventoryCounter:
    """Counts through the AWS tools, as a role, where phasegate.toml names regions."""

    app: App
    sessions: Sessions
    grants: Grants

    @cached_property
    def _policy(self) -> Policy:
        return Policy(servers=self.app.team.servers, now=self.app.clock.now, scope=scope_of(self.app))

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
        hands = ToolClient(
            role=role,
            policy=self._policy,
            sessions=self.sessions,
            grants=partial(standing_grants, self.app.keeper, self.grants),
            record=partial(self._record, facts.run, place),
            ask=partial(self._ask, facts.run, place, role),
        )
        try:
            counted = [row for account in aws.accounts for row in await self._counted(hands, step, account)]
        except PhasegateError as error:
            return Inventory(operation=step.op, trouble=error.full_text)
        return Inventory(operation=step.op, counted=tuple(counted))

    async def _counted(self, hands: ToolClient, step: Step, account: str) -> Sequence[Counted]:
        wish = {"operation": step.op, "regions": list(self.app.config.aws.inventory), "account": account, "most": MOST}
        plain = {name: value for name, value in step.params.items() if not str(value).startswith("=")}
        wish |= {"parameters": plain, "items": step.items or ""}
        answer = await hands.call("aws", "count_resources", **wish)
        if answer.error or answer.data is None:
            raise answer.error or PhasegateError(answer.text)
        rows = answer.data["regions"]
        return [Counted(account=account, **{name: row[name] for name in _KEPT}) for row in rows]

    async def _record(self, run: str, place: str, name: str, body: Mapping[str, Any]) -> None:
        await self.app.ledger.record(run, (f"tool:{place}/{name}", body))

    async def _ask(self, run: str, place: str, role: str, server: str, shown: Tool, reason: str) -> None:
        """Record, once per attempt, that a tool needs a manager's grant, and keep the tool's description."""
        said, mark = described(shown), fingerprint(shown)
        await Descriptions(self.app.database).keep([said])
        attempt = place.rpartition("/")[0]
        key = f"tools:{server}/{attempt}/{shown.name}/{mark[:16]}"
        await self.app.ledger.record(run, (key, {"by": role, "reason": reason, "mark": mark}))


_KEPT = ("region", "count", "capped", "error")
