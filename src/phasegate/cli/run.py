"""Start a run, or go on with one, and follow it to its end."""

from pathlib import Path

import click
from rich.text import Text

from phasegate.app import App
from phasegate.cli.console import errors_to, output
from phasegate.cli.here import open_here
from phasegate.cli.interactive import attend
from phasegate.cli.status import summary
from phasegate.core import visible
from phasegate.hosting.background_worker import detach as leave
from phasegate.hosting.worker import require_open_files
from phasegate.reports.warnings import not_committed


async def run(
    spec: Path | None,
    resume: str | None,
    detach: bool,
    policy: str,
    manager: str | None,
    passphrase_file: Path | None,
) -> None:
    """Take a spec through its phases."""
    if (spec is None) == (resume is None):
        raise click.UsageError("Name a SPEC, or --resume RUN.")
    if resume and policy:
        raise click.UsageError("A run keeps the policy that it was started with.")
    require_open_files()  # before a run begins that no worker here could take
    console = output()
    async with open_here() as app:
        before = await app.ledger.events((await app.ledger.run(resume)).id) if resume else []
        started = await (app.start(spec, policy) if spec else app.resume(resume or ""))
        if spec:
            name_left_out(app, started.spec)
            warn(app)
        if detach:
            process = await leave(app)
            console.print(
                f"run {started.id}: " + (f"worker {process} takes it" if process else "the standing worker takes it")
            )
            console.print(f"→ phasegate status {started.id}")
            return
        ended = await attend(app, started.id, (manager, passphrase_file), before)
        await summary(app, ended)


def name_left_out(app: App, spec: str) -> None:
    """Say which files of the spec's folder the run does not take in, and why."""
    for path, why in app.folder.left_out(spec).items():
        errors_to().print(Text(visible(f"Left out: {path}; {why}."), "wait"), soft_wrap=True)


def warn(app: App) -> None:
    """Name the managers' files that the run does not see."""
    waiting = not_committed(app.workspace, app.config)
    if waiting:
        errors_to().print(
            f"Not committed: {', '.join(waiting)}. What this run releases lists the approvers of its commit.\n"
            f"→ git add {' '.join(waiting)} && git commit -m 'Managers'",
            style="wait",
            soft_wrap=True,
        )
