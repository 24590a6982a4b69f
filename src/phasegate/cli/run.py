"""Start a run, or go on with one, and follow it to its end."""

from pathlib import Path
from shlex import quote

import click
from rich.text import Text

from phasegate.app import App, read_config
from phasegate.authors.roles import TeamRoles
from phasegate.cli.console import errors_to, output
from phasegate.cli.here import given_clock, open_here
from phasegate.cli.interactive import attend
from phasegate.cli.keys import keyring_of
from phasegate.cli.status import summary
from phasegate.cli.views.spend import forecast_lines
from phasegate.core import Held, InvalidInput, Parked, report, visible
from phasegate.hosting.background_worker import detach as leave
from phasegate.hosting.worker import require_open_files
from phasegate.keyholder import HeldKey
from phasegate.ledger import Run
from phasegate.models import Recording
from phasegate.reports.forecast import forecast_of_spec
from phasegate.reports.run import whole_run
from phasegate.reports.warnings import living, not_committed
from phasegate.workflow import Credentials
from phasegate.workspace import Workspace

Person = tuple[str | None, Path | None]
"""Manager's name and passphrase file, where they were given."""


async def run(
    spec: Path | None,
    resume: str | None,
    detach: bool,
    policy: str,
    record: Path | None,
    replay: Path | None,
    manager: str | None,
    passphrase_file: Path | None,
    as_json: bool,
) -> None:
    """Take a spec through its phases."""
    if (spec is None) == (resume is None):
        raise click.UsageError("Name a SPEC, or --resume RUN.")
    if resume and policy:
        raise click.UsageError("A run keeps the policy that it was started with.")
    roles = recording_roles(record, replay, elsewhere=detach, goes_on=resume is not None)
    await work(spec, resume, policy, roles, detach, (manager, passphrase_file), as_json=as_json)


def recording_roles(
    record: Path | None, replay: Path | None, *, elsewhere: bool = False, goes_on: bool = False
) -> TeamRoles | None:
    """Return roles whose chat models are recorded or replayed, None where neither is asked for.

    Args:
        record: file that replies are written to.
        replay: file that replies are taken from.
        elsewhere: whether another process would work on the run.
        goes_on: whether the run began before, so that its recording may hold replies.

    Raises:
        InvalidInput: the file cannot be used.
    """
    if record is None and replay is None:
        return None
    if record and replay:
        raise click.UsageError("--record and --replay exclude each other.")
    if elsewhere:
        raise click.UsageError("--record and --replay work in this terminal; leave out --detach and --only.")
    settings = read_config(Workspace.open(Path.cwd()).folder).models
    if replay:
        return TeamRoles(settings=settings, replay=Recording.read(replay))
    assert record is not None
    begun = given_clock().now().replace(microsecond=0)  # runs are stored to the second
    kept = Recording.read(record) if goes_on else Recording.begin(record, begun)
    return TeamRoles(settings=settings, record=kept)


async def work(
    spec: Path | None,
    resume: str | None,
    policy: str,
    roles: TeamRoles | None,
    detach: bool,
    who: Person,
    *,
    as_json: bool = False,
) -> None:
    """Begin a run, or go on with one, and follow it or leave it to a worker.

    Args:
        spec: the spec's folder of a run that begins.
        resume: the run that goes on.
        policy: gate policy of a run that begins.
        roles: recorded or replayed, or None.
        detach: whether a worker takes it.
        who: decides.
        as_json: whether standard output gets the run as JSON where it stands, and nobody is asked.
    """
    require_open_files()  # before a run begins that no worker here could take
    async with open_here(roles=roles) as app:
        if roles:
            await _require_alone(app)
        before = await app.ledger.events((await app.ledger.run(resume)).id) if resume else []
        at, replay = (roles.dated, roles.replay.path.name if roles.replay else "") if roles else (None, "")
        if resume and roles:
            _require_recording_of(roles, await app.ledger.run(resume))
        if spec:
            author, key = _starter(app, who)
            started = await app.start(spec, policy, at=at, replay=replay, who=author, signer=key)
        else:
            started = await app.resume(resume or "")
        if spec:
            name_left_out(app, started.spec)
            warn(app)
            await foretell(app, started)
        if detach:
            await _leave(app, started, as_json=as_json)
            return
        try:
            ended = await attend(app, started.id, who, before, asks=not as_json)
        except Parked as error:
            if as_json:
                await _echo(app, started.id)
            # What people copy to go on must not reach a provider after a replay, nor leave a gap in a recording.
            error.fix = error.fix.replace(f"--resume {started.id}", f"--resume {started.id}{_option(roles)}")
            raise
        await (_echo(app, ended.id) if as_json else summary(app, ended))


def _starter(app: App, who: Person) -> tuple[Credentials, HeldKey] | tuple[None, None]:
    """Return the manager who starts a run and signs so, where a gate asks who did.

    Without such a gate nobody is asked: what Git is configured with names them.
    """
    if all(phase.gate.author_may_approve for phase in app.flow.phases):
        return None, None
    ring = keyring_of(app, *who)
    return app.person(ring.manager), ring.unlock()


async def _leave(app: App, run: Run, *, as_json: bool) -> None:
    """Leave a run to a worker, and say where it is followed."""
    process = await leave(app)
    if as_json:
        await _echo(app, run.id)
        return
    console = output()
    console.print(f"run {run.id}: " + (f"worker {process} takes it" if process else "the standing worker takes it"))
    console.print(f"→ phasegate status {run.id}")


async def _echo(app: App, run: str) -> None:
    """Print a run as `phasegate status RUN --json` does."""
    click.echo(report.as_json(await whole_run(app, await app.ledger.run(run))))


def _option(roles: TeamRoles | None) -> str:
    """Return the option by which a recorded or replayed run goes on."""
    if roles and roles.replay:
        return f" --replay {quote(str(roles.replay.path))}"
    return f" --record {quote(str(roles.record.path))}" if roles and roles.record else ""


def _require_recording_of(roles: TeamRoles, run: Run) -> None:
    if roles.dated != run.started_at:
        raise InvalidInput(
            f"run '{run.id}' did not begin with this recording",
            fix="name the file that it began with, or begin a run: 'phasegate run SPEC --replay FILE'",
        )


async def _require_alone(app: App) -> None:
    """Refuse a recorded or replayed run where another worker could take a part of it."""
    for lease in await living(app):
        raise Held(
            f"worker {lease.pid} on {lease.host} could take a part of the run, neither recorded nor replayed",
            fix=f"stop it: kill {lease.pid}; then try again",
        )


def name_left_out(app: App, spec: str) -> None:
    """Say which files of the spec's folder the run does not take in, and why."""
    for path, why in app.folder.left_out(spec).items():
        errors_to().print(Text(visible(f"Left out: {path}; {why}."), "wait"), soft_wrap=True)


async def foretell(app: App, run: Run) -> None:
    """Say what the run's model calls will cost, where it makes any."""
    if found := await forecast_of_spec(app, run.spec):
        for line in forecast_lines(found):
            errors_to().print(line, soft_wrap=True)


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
