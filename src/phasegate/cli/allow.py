"""More of a model for a run that reached a limit."""

from decimal import Decimal
from pathlib import Path

from phasegate.cli.console import output
from phasegate.cli.here import open_here
from phasegate.cli.keys import interruptible, keyring
from phasegate.models import Allowance


async def allow(
    name: str,
    role: str,
    tokens: int | None,
    money_usd: Decimal | None,
    calls: int | None,
    seconds: int | None,
    rounds: int | None,
    manager: str | None,
    passphrase_file: Path | None,
) -> None:
    """Allow it, and send the run on."""
    async with open_here() as app:
        ring = keyring(app.state, app.config, manager, passphrase_file)
        with interruptible():
            key = ring.unlock()
        more = Allowance(tokens=tokens, money_usd=money_usd, calls=calls, seconds=seconds, rounds=rounds)
        run = await app.allow(name, role, more, key, app.person(ring.manager))
    console = output()
    console.print(f"[good]✓[/] {role or 'the run'} may use more, signed")
    console.print(f"→ phasegate run --resume {run.id}", soft_wrap=True)
