"""The page and the REST API, with a worker beside them."""

import os
import socket
from contextlib import AsyncExitStack

from phasegate.cli.console import output
from phasegate.cli.here import open_here
from phasegate.cli.worker import hosted
from phasegate.core import Missing
from phasegate.keyholder import close_to_others
from phasegate.web.context import context_of
from phasegate.web.server import build
from phasegate.web.settings import Settings
from phasegate.web.slack.handler import SlackApp
from phasegate.web.slack.slack_client import AsyncSlackClient, Environment
from phasegate.web.socket import listen, run


async def serve(
    host: str, port: int, no_worker: bool, behind_tls: bool, slack_socket: bool, names: tuple[str, ...]
) -> None:
    """Serve the inbox and the REST API."""
    close_to_others()  # passphrases pass through it, and it is who asks unlocked keys for signatures
    slack = _slack(Environment.read(os.environ), socket=slack_socket)
    settings, listening = listen(host, port, behind_tls=behind_tls, names=names)
    async with AsyncExitStack() as stack:
        stack.callback(listening.close)
        app = await stack.enter_async_context(open_here())
        context = context_of(app, settings, slack=AsyncSlackClient(slack) if slack.usable else None)
        stack.push_async_callback(context.executions.close)
        web = build(context)
        if not no_worker:
            await stack.enter_async_context(hosted(app))
        await _say(listening, settings, has_accounts=bool(await context.accounts.all()))
        await _take_clicks(stack, web.state.desk, slack, settings)
        await run(web, listening, behind_proxy=settings.secure)


def _slack(found: Environment, *, socket: bool) -> Environment:
    """Return the Slack settings of the environment, where deciding from Slack is possible.

    Raises:
        Missing: socket mode is asked for without its tokens.
    """
    missing = found.missing(socket=socket)
    if socket and missing:
        raise Missing(f"{missing[0]} is not set", fix="docs/slack.md says where Slack shows it")
    return found


async def _take_clicks(stack: AsyncExitStack, desk: SlackApp | None, slack: Environment, settings: Settings) -> None:
    """Begin to take Slack clicks where Slack is configured, and say how."""
    console, missing = output(), slack.missing()
    if missing:
        console.print(f"→ deciding from Slack is off: set {' and '.join(missing)} (docs/slack.md)", soft_wrap=True)
    if desk is None:
        return
    stack.push_async_callback(desk.door.errands.done)
    desk.door.errands.send("ask Slack who we are", desk.door.warm_up())
    if slack.app_token:
        from phasegate.web.slack.socket import connected

        await stack.enter_async_context(connected(desk))
        console.print("  clicks in Slack come by a connection from here", soft_wrap=True)
    if desk.verifier:
        console.print(f"  clicks in Slack come to {settings.address}/slack/interactive", soft_wrap=True)


async def _say(listening: socket.socket, settings: Settings, *, has_accounts: bool) -> None:
    console = output()
    host, port = listening.getsockname()[:2]
    console.print(f"[good]✓[/] http://{f'[{host}]' if ':' in host else host}:{port}  Ctrl-C stops it", soft_wrap=True)
    if settings.secure:
        console.print(f"  asked for as {', '.join(sorted(settings.origins))}", soft_wrap=True)
    if not has_accounts:
        console.print("→ nobody can sign in yet: phasegate account add NAME", soft_wrap=True)
