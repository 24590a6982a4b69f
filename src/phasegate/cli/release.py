"""What was released, checked again."""

import asyncio
import json
from pathlib import Path

import click

from phasegate.cli import options


@click.command()
@click.argument("name", metavar="RUN")
@options.as_json
def verify(name: str, as_json: bool) -> None:
    """Check again that what was released is what was approved."""
    asyncio.run(_verify(name, as_json))


async def _verify(name: str, as_json: bool) -> None:
    from phasegate.app import open_app
    from phasegate.app.verify import verify as check
    from phasegate.cli.console import output
    from phasegate.cli.views.claims import claims_table
    from phasegate.core import PhasegateError

    async with open_app(Path.cwd()) as app:
        run = await app.ledger.run(name)
        claims = await check(app, run)
    if as_json:
        click.echo(json.dumps({"run": run.id, "claims": [vars(claim) for claim in claims]}, indent=2))
    else:
        output().print(claims_table(claims))
    broken = sum(not claim.holds for claim in claims)
    if broken:
        raise PhasegateError(
            f"{broken} of {len(claims)} claims do not hold for run '{run.id}'", fix="do not use this release"
        )
