"""The page and the REST API, with a worker beside them."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import socket

    from phasegate.web.settings import Settings


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", default=8300, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free one.")
@click.option("--no-worker", is_flag=True, help="Host no worker; another one takes the segments.")
@click.option("--behind-tls", is_flag=True, help="A proxy on this machine ends TLS; cookies are sent through TLS only.")
@click.option("--name", "names", multiple=True, metavar="HOST[:PORT]", help="A name people ask for; may be repeated.")
def serve(host: str, port: int, no_worker: bool, behind_tls: bool, names: tuple[str, ...]) -> None:
    """Serve the inbox and the REST API.

    Managers sign in with an account ('phasegate account add'), programs with a token ('phasegate token create').
    """
    asyncio.run(_serve(host, port, not no_worker, behind_tls, names))


async def _serve(host: str, port: int, worker: bool, behind_tls: bool, names: tuple[str, ...]) -> None:
    from phasegate.app import open_app
    from phasegate.cli.work import hosted
    from phasegate.web.listen import listen, run
    from phasegate.web.parts import parts_of
    from phasegate.web.server import build

    settings, listening = listen(host, port, behind_tls=behind_tls, names=names)
    async with AsyncExitStack() as stack:
        stack.callback(listening.close)
        app = await stack.enter_async_context(open_app(Path.cwd()))
        parts = parts_of(app, settings)
        if worker:
            await stack.enter_async_context(hosted(app))
        await _say(listening, settings, has_accounts=bool(await parts.accounts.all()))
        await run(build(parts), listening, behind_proxy=settings.secure)


async def _say(listening: "socket.socket", settings: "Settings", *, has_accounts: bool) -> None:
    from phasegate.cli.console import output

    console = output()
    host, port = listening.getsockname()[:2]
    console.print(f"[good]✓[/] http://{f'[{host}]' if ':' in host else host}:{port}  Ctrl-C stops it", soft_wrap=True)
    if settings.secure:
        console.print(f"  asked for as {', '.join(sorted(settings.origins))}", soft_wrap=True)
    if not has_accounts:
        console.print("→ nobody can sign in yet: phasegate account add NAME", soft_wrap=True)
