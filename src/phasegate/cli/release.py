"""What was released, checked again; and the file with which anybody can do so."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from phasegate.cli import options
from phasegate.cli.clock import given_clock

if TYPE_CHECKING:
    from phasegate.ledger import Claim


@click.command()
@click.argument("name", metavar="RUN")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file; else RUN.bundle.jsonl.")
def bundle(name: str, output: Path | None) -> None:
    """Write the proof of a run into one file, for 'phasegate verify'."""
    asyncio.run(_bundle(name, output))


async def _bundle(name: str, file: Path | None) -> None:
    from phasegate.app import open_app
    from phasegate.app.bundle import bundle as made
    from phasegate.cli.console import output

    async with open_app(Path.cwd(), clock=given_clock()) as app:
        run = await app.ledger.run(name)
        content = await made(app, run)
        file = file or Path(f"{run.id}.bundle.jsonl")
        await asyncio.to_thread(file.write_bytes, content)
        keys = " ".join(f"--manager-key {manager.public_key}" for manager in app.keeper.managers().values())
    output().print(f"[good]✓[/] {file}, {len(content):,} bytes")
    output().print(f"→ phasegate verify {file} {keys or '--allow-policy'}", soft_wrap=True)


@click.command()
@click.argument("name", metavar="RUN|BUNDLE")
@click.argument("artifacts", metavar="[WHEEL]...", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--manager-key", "keys", metavar="BASE64", multiple=True, help="Of a person who may decide; repeatable.")
@click.option("--allow-policy", is_flag=True, help="Accept gates that a policy passed instead of a person.")
@options.as_json
def verify(name: str, artifacts: tuple[Path, ...], keys: tuple[str, ...], allow_policy: bool, as_json: bool) -> None:
    """Check that what was released is what was approved.

    A RUN is checked against this repository and its index. A BUNDLE is checked on its own, without repository, database
    or network: against the keys that the managers published, and with the wheels that are named.
    """
    from phasegate.cli.console import output
    from phasegate.cli.views.claims import claims_table
    from phasegate.core import PhasegateError

    file = Path(name)
    alone = file.is_file()
    claims = _offline(file, artifacts, keys, allow_policy) if alone else asyncio.run(_here(name, artifacts, keys))
    if as_json:
        click.echo(json.dumps({"of": name, "claims": [vars(claim) for claim in claims]}, indent=2))
    else:
        output().print(claims_table(claims))
    broken = sum(not claim.holds for claim in claims)
    if broken:
        raise PhasegateError(
            f"{broken} of {len(claims)} claims do not hold for '{name}'",
            fix=_fix(claims) if alone else "do not use this release",
        )


def _offline(file: Path, artifacts: Sequence[Path], keys: Sequence[str], policies: bool) -> "list[Claim]":
    from phasegate.ledger import PublicKey
    from phasegate.ledger.bundle import read_bundle
    from phasegate.ledger.proof import prove

    managers = [PublicKey.parse(key) for key in keys]
    shipped = {artifact.name: artifact.read_bytes() for artifact in artifacts}
    return prove(read_bundle(file.read_bytes()), managers, shipped, policies=policies)


def _fix(claims: "Sequence[Claim]") -> str:
    if any("whose key was given" in claim.detail for claim in claims):
        return "give the key of each manager who decided: --manager-key, once for each; else do not use this release"
    if any("not a person" in claim.detail for claim in claims):
        return "a policy decided in a person's place; --allow-policy, if you accept that"
    return "do not use this release"


async def _here(name: str, artifacts: Sequence[Path], keys: Sequence[str]) -> "list[Claim]":
    from phasegate.app import open_app
    from phasegate.app.verify import verify as check
    from phasegate.core import UsageError

    if artifacts or keys:
        raise UsageError(f"there is no bundle '{name}'", fix="write one with 'phasegate bundle RUN', or check the RUN")
    async with open_app(Path.cwd(), clock=given_clock()) as app:
        return await check(app, await app.ledger.run(name))
