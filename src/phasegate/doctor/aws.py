"""Checks of AWS: who we are there, and whether the accounts and regions that are configured answer."""

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from phasegate.app.app import App
from phasegate.app.config import NAME
from phasegate.core import PhasegateError
from phasegate.doctor.check import Check, Skipped
from phasegate.team.servers import ToolServer
from phasegate.tool_access.servers import Tools
from phasegate.tools.client.answer import answer_of

# Whoever may read anything of a region may read this.
_LISTING = "ec2:DescribeAvailabilityZones"
_SAY_SO = ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")


def of_aws(app: App, tools: Tools, environ: Mapping[str, str]) -> list[Check]:
    """Return a check for each account."""
    asking = _Asking(app, tools, environ)
    return [
        Check(name=f"aws {account}".strip(), ask=partial(asking.account, account), seconds=90)
        for account in app.config.aws.accounts
    ]


class _Asking:
    def __init__(self, app: App, tools: Tools, environ: Mapping[str, str]) -> None:
        self._aws = app.config.aws
        self._server = app.team.servers.get("aws")
        self._tools = tools
        self._environ = environ

    async def account(self, account: str) -> str:
        """Check the caller's identity in an account, and which regions answer."""
        if not self._is_configured():
            fix = f"set AWS_PROFILE or AWS_ACCESS_KEY_ID; or [aws] inventory in {NAME}"
            raise Skipped("neither credentials nor regions are set", fix=fix)
        if self._server is None or not self._server.ours:
            raise Skipped("tools/aws.yaml is not the server of this installation", fix="see 'server aws'")
        caller = await self._told(self._server, "caller_identity", account=account)
        regions = list(self._aws.inventory)
        if regions:
            wish = {"operation": _LISTING, "regions": regions, "account": account, "most": 1}
            _answer(await self._told(self._server, "count_resources", **wish))
        return f"{caller['arn']}; {', '.join(regions) or 'no region is configured'}"

    def _is_configured(self) -> bool:
        aws, file = self._aws, self._environ.get("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials")
        named = any(self._environ.get(name) for name in _SAY_SO) or Path(file).expanduser().is_file()
        return bool(named or aws.endpoint_url or aws.inventory or any(aws.accounts))

    async def _told(self, server: ToolServer, tool: str, /, **arguments: Any) -> Mapping[str, Any]:
        answer = answer_of(await self._tools.sessions.call(server, tool, arguments, seconds=60, reads=True))
        if answer.error or answer.data is None:
            raise answer.error or PhasegateError(answer.text, fix="mend what it names")
        found: Mapping[str, Any] = answer.data
        return found


def _answer(counts: Mapping[str, Any]) -> None:
    rows: Sequence[Mapping[str, Any]] = counts["regions"]
    silent = [row for row in rows if row["error"]]
    if silent:
        says = "; ".join(f"{row['region']}: {row['error']}" for row in silent)
        raise PhasegateError(says, fix=f"take the region out of [aws] inventory in {NAME}, or let the role read there")
