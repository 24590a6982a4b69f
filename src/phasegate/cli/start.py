"""A new repository, a manager's key, and the lint of specs."""

import getpass
import re
from pathlib import Path

import click

from phasegate.app import read_config
from phasegate.cli.console import output
from phasegate.cli.here import given_clock, open_here
from phasegate.cli.keys import home_of_keys, make_or_unlock
from phasegate.cli.views.findings import failure, findings_list, tally
from phasegate.core import InvalidInput, SystemClock, UsageError
from phasegate.keyholder import AgentKey, HeldKey, find_identity
from phasegate.ledger import PublicKey
from phasegate.reports.warnings import not_committed
from phasegate.scaffold.new_repository import (
    NewRepository,
    add_manager,
    approvers_path,
    create_repository,
    laid_in,
    new_spec,
)
from phasegate.scaffold.root import establish_root
from phasegate.scaffold.target import PACKAGE_SPEC, RUNBOOK_SPEC
from phasegate.trust import Standing, Trust, TrustStore, list_approvers
from phasegate.workspace import Workspace

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]*")


def init(folder: Path, name: str | None, package: str, spec: str, kind: str, eject: bool) -> None:
    """Make a target repository."""
    plan = NewRepository(
        project=name or folder.resolve().name.lower(),
        package=package,
        spec=spec,
        eject=eject,
        deliverable=PACKAGE_SPEC if kind == "package" else RUNBOOK_SPEC,
    )
    specs = create_repository(folder, plan, given_clock())
    console = output()
    what = "a runbooks package" if plan.deliverable == RUNBOOK_SPEC else "a Python package that agents write"
    console.print(f"[good]✓[/] {folder} is {what}, with a first commit")
    console.print(f"→ cd {folder}", soft_wrap=True)
    console.print("→ phasegate manager init         make your key; you decide with it")
    if plan.deliverable == PACKAGE_SPEC:
        console.print('→ name who works in phasegate.toml, under [work]: model = "assistant", or a model', markup=False)
        console.print('→ phasegate new "what the package is to do"')
    elif plan.spec:
        console.print(f"→ phasegate run {laid_in(spec, specs)}", soft_wrap=True)
    else:
        console.print("→ write specs/001-NAME/spec.md and runbook.yaml, then: phasegate run specs/001-NAME")


_UNCONFIRMED = (
    "Any program of yours has an SSH agent sign with this key, an assistant with a shell too, unless the key was added "
    "with 'ssh-add -c', which asks each time. A security key (ssh-keygen -t ed25519-sk) asks for a touch."
)


def manager_init(name: str | None, passphrase_file: Path | None, ssh_agent: str | None) -> None:
    """Make your key, and list you in this repository."""
    name = name or getpass.getuser()
    if not _NAME.fullmatch(name):
        raise UsageError(f"'{name}' cannot name a manager", fix="letters, digits and . _ @ -")
    workspace = Workspace.open(Path.cwd())
    folder = workspace.folder
    read_config(folder)
    standing = TrustStore(workspace.state, folder).read()
    if standing.standing in (Standing.unknown, Standing.refused):
        raise standing.refusal()
    path = home_of_keys() / f"{name}.key"
    identity = find_identity(ssh_agent) if ssh_agent else None
    key: HeldKey = AgentKey(identity, name) if identity else make_or_unlock(path, passphrase_file)
    public = PublicKey.parse(identity.text) if identity else PublicKey(key.public)
    add_manager(folder, name, public)
    if standing.standing is Standing.absent:
        standing = establish_root(folder, key, given_clock())
    # Whom no version of the root names yet approves nothing, so the list is what the root says.
    list_approvers(folder / approvers_path(read_config(folder)), standing.chain)
    waiting = not_committed(workspace, read_config(folder))
    console = output()
    console.print(f"[good]✓[/] manager '{name}', public key {public}", soft_wrap=True)
    console.print(f"  key: {f'the SSH agent, {identity.fingerprint}' if identity else path}", soft_wrap=True)
    if identity and not identity.needs_touch:
        console.print(_UNCONFIRMED, style="wait", soft_wrap=True)
    _print_root(standing, name, public)
    if waiting:
        console.print("Not committed: a release lists as approvers whom its commit lists.", style="wait")
        console.print(f"→ git add {' '.join(waiting)} && git commit -m 'Managers'", soft_wrap=True)


def _print_root(trust: Trust, name: str, key: PublicKey) -> None:
    """Say whom the root names, and who has to sign where that is not the manager yet."""
    console, named = output(), trust.managers()
    if named.get(name) == key:
        console.print(f"  root: version {len(trust.digests)}, {', '.join(named)} may decide", soft_wrap=True)
        console.print(f"  fingerprint: {trust.chain.fingerprint}", soft_wrap=True)
        return
    console.print(f"'{name}' may decide once {' or '.join(named)} has signed it.", style="wait", soft_wrap=True)
    console.print(f"→ {' or '.join(named)}: phasegate trust sign", soft_wrap=True)


async def lint(specs: tuple[Path, ...]) -> None:
    """Say what is wrong with specs, and how to mend it."""
    click.get_current_context().exit(await _lint(specs))


async def _lint(specs: tuple[Path, ...]) -> int:
    console, blocked = output(), False
    async with open_here() as app:
        places = specs or tuple(path for path in sorted(app.folder.path.glob("specs/*")) if path.is_dir())
        if not places:
            raise InvalidInput("there is no spec here", fix="write one: 'phasegate spec new NAME'")
        for place in places:
            try:
                name = app.folder.locate(place)
                findings = app.lint(name)
            except InvalidInput as error:  # the other specs are linted all the same
                console.print(failure(error))
                blocked = True
                continue
            console.print(f"[name]{name}[/]  {tally(findings)}", soft_wrap=True)
            console.print(findings_list(findings))
            blocked = blocked or any(finding.blocking for finding in findings)
    return InvalidInput.exit_code if blocked else 0


def new_spec_here(name: str) -> None:
    """Add a spec: one of ours by its name, or a template to fill in."""
    folder = Workspace.open(Path.cwd()).folder
    read_config(folder)
    written = new_spec(folder, name, SystemClock())
    place = next(iter(written)).rpartition("/")[0]
    console = output()
    console.print(f"[good]✓[/] {place}: {' and '.join(sorted(path.rpartition('/')[2] for path in written))}")
    if any(b"[NEEDS CLARIFICATION" in content for content in written.values()):
        console.print(
            f"→ write what you want where it says NEEDS CLARIFICATION, then: phasegate lint {place}", soft_wrap=True
        )
    console.print(f"→ phasegate run {place}", soft_wrap=True)
