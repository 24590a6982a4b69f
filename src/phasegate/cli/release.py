"""Commands that verify a release and write its bundle."""

import asyncio
import shlex
from collections.abc import Sequence
from pathlib import Path

import click

from phasegate.cli.console import output
from phasegate.cli.here import open_here
from phasegate.cli.views.lists import claims_table
from phasegate.core import PhasegateError, UsageError
from phasegate.core.report import as_json as as_text
from phasegate.ledger import Claim
from phasegate.ledger.signing.bundle import load_bundle
from phasegate.ledger.signing.forks import agree
from phasegate.ledger.signing.people import Known, People, read_key
from phasegate.ledger.signing.proof import prove
from phasegate.reports.bundle import bundle as made
from phasegate.reports.verify import verification, verify_run


async def bundle(name: str, file: Path | None) -> None:
    """Write the proof of a run into one file."""

    async with open_here() as app:
        run = await app.ledger.run(name)
        content = await made(app, run)
        file = file or Path(f"{run.id}.bundle.jsonl")
        await asyncio.to_thread(file.write_bytes, content)
        people = app.keeper.managers().values()
        keys = " ".join(f"--manager {shlex.quote(f'{one.name}={one.public_key}')}" for one in people)
    output().print(f"[good]✓[/] {file}, {len(content):,} bytes")
    output().print(f"→ phasegate verify {file} {keys or '--allow-policy'}", soft_wrap=True)


async def verify(
    name: str,
    artifacts: tuple[Path, ...],
    named: tuple[str, ...],
    keys: tuple[str, ...],
    against: Path | None,
    allow_policy: bool,
    as_json: bool,
) -> None:
    """Check that what was released is what was approved."""
    file = Path(name)
    alone = await asyncio.to_thread(file.is_file)
    given = (*named, *keys, *([str(against)] if against else []))
    if alone:
        people = People([*map(Known.parse, named), *(Known(read_key(key)) for key in keys)])
        claims = _offline(file, artifacts, people, allow_policy, against)
    else:
        claims = await _here(name, artifacts, given)
    if as_json:
        click.echo(as_text(verification(name, claims)))
    else:
        output().print(claims_table(claims))
    broken = sum(not claim.holds for claim in claims)
    if broken:
        raise PhasegateError(
            f"{broken} of {len(claims)} claims do not hold for '{name}'",
            fix=_fix(claims) if alone else "do not use this release",
        )


def _offline(
    file: Path, artifacts: Sequence[Path], managers: People, policies: bool, against: Path | None
) -> list[Claim]:
    shipped = {artifact.name: artifact.read_bytes() for artifact in artifacts}
    read = load_bundle(file)
    claims = prove(read, managers, shipped, policies=policies)
    return [*claims, agree(read, load_bundle(against))] if against else claims


def _fix(claims: Sequence[Claim]) -> str:
    if any("whose key was given" in claim.detail for claim in claims):
        return "give the key of each manager who decided: --manager NAME=KEY for each; else do not use this release"
    if any("not a person" in claim.detail for claim in claims):
        return "a policy decided in a person's place; --allow-policy, if you accept that"
    return "do not use this release"


async def _here(name: str, artifacts: Sequence[Path], keys: Sequence[str]) -> list[Claim]:
    if artifacts or keys:
        raise UsageError(f"there is no bundle '{name}'", fix="write one with 'phasegate bundle RUN', or check the RUN")
    async with open_here() as app:
        return await verify_run(app, await app.ledger.run(name))
