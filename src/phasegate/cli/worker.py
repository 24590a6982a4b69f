"""Host a worker in this process, and tell the channels at its end."""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import click

from phasegate.app import App
from phasegate.cli.console import errors_to, output
from phasegate.cli.here import open_here
from phasegate.core import PhasegateError
from phasegate.core.files import open_owned
from phasegate.core.secrets import without_secrets
from phasegate.hosting.background_worker import LOG
from phasegate.hosting.gate_timers import watching
from phasegate.hosting.systemd import install, uninstall, unit_name
from phasegate.hosting.worker import ending_with, worker_of
from phasegate.notifications import mirroring
from phasegate.notifications.undelivered import delivered

DELIVERY_S = 20.0
"""Seconds that a command waits at its end for the channels."""
LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


async def worker(lease: str, install: bool, uninstall: bool) -> None:
    """Take segments of runs until stopped."""
    if install and uninstall:
        raise click.UsageError("--install and --uninstall exclude each other.")
    if install or uninstall:
        await _unit(remove=uninstall)
    else:
        await _worker(lease)


async def _unit(*, remove: bool) -> None:
    console = output()
    async with open_here() as app:
        folder, project = app.folder.path, app.config.project.name
    name = unit_name(folder)
    if not remove:
        console.print(f"wrote {install(folder, project, os.environ)}", soft_wrap=True, markup=False)
        console.print(f"→ systemctl --user daemon-reload && systemctl --user enable --now {name}", soft_wrap=True)
        console.print("→ loginctl enable-linger    (so that it runs while you are logged out)", soft_wrap=True)
    elif path := uninstall(folder, os.environ):
        console.print(f"removed {path}", soft_wrap=True, markup=False)
        console.print(f"→ systemctl --user disable --now {name}; systemctl --user daemon-reload", soft_wrap=True)
    else:
        console.print("There is no unit of this repository.")


async def _worker(lease: str) -> None:
    _log_to(logging.StreamHandler())
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with open_here() as app:
        taking = worker_of(app, lease)
        await asyncio.to_thread(taking.start)
        click.echo(f"worker {taking.executor} takes segments of {app.folder.path}; Ctrl-C stops it", err=True)
        try:
            async with ending_with(taking), watching(app), mirroring(app):
                await stopped.wait()
        finally:
            await asyncio.to_thread(taking.stop)
    click.echo("stopped; what it was at is taken up again by the next worker", err=True)


@asynccontextmanager
async def delivering(app: App, run_id: str) -> AsyncIterator[None]:
    """Wait at the end, for a while, until the channels were told of the run, and print what they were not told."""
    try:
        yield
    except PhasegateError:
        await _deliver(app, run_id)
        raise
    await _deliver(app, run_id)


async def _deliver(app: App, run_id: str) -> None:
    names = ", ".join(app.config.mirror.places)
    if not names:
        return
    console = errors_to()
    with console.status(f"telling {names}"):
        left = await delivered(app, run_id, DELIVERY_S)
    if left:
        troubles = [f"{each.mirrored.place} ({each.mirrored.trouble or 'not in time'})" for each in left]
        console.print(f"Not told yet: {'; '.join(troubles)}", style="wait", soft_wrap=True, markup=False)
        console.print("→ phasegate mirror status", soft_wrap=True)


@asynccontextmanager
async def hosted(app: App, run_id: str = "") -> AsyncIterator[None]:
    """A worker in this process, with its log in the repository's state folder.

    Args:
        app: where.
        run_id: the run that somebody attends here: it is taken first, and they are told when it cannot go on.

    Raises:
        Lost: others took over what the worker was at.
        Exhausted: its files are gone; or, of an attended run, that nothing can be stored.
    """
    with open_owned(app.state / LOG, "a") as log:
        _log_to(logging.StreamHandler(log))
        worker = worker_of(app)
        await asyncio.to_thread(worker.start, run_id)
        try:
            async with ending_with(worker, run_id), watching(app), mirroring(app):
                yield
        finally:
            await asyncio.to_thread(worker.stop)
            _log_to(logging.NullHandler())


class _Formatter(logging.Formatter):
    """Writes no secret into a log, whoever logged it."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line without secrets."""
        return without_secrets(super().format(record))


def _log_to(handler: logging.Handler) -> None:
    """Sends the log of ours and of the queue's library there, and nowhere else."""
    handler.setFormatter(_Formatter(LOG_FORMAT))
    for name in ("phasegate", "dbos"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False
