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
from phasegate.ledger.signing.bundle import Bundle, load_bundle
from phasegate.ledger.signing.forks import agree
from phasegate.ledger.signing.people import Known, People, read_key
from phasegate.ledger.signing.proof import prove
from phasegate.reports.bundle import bundle as made
from phasegate.reports.verify import verification, verify_run
from phasegate.trust import KnownRoots, follow


async def bundle(name: str, file: Path | None) -> None:
    """Write the proof of a run into one file."""

    async with open_here() as app:
        run = await app.ledger.run(name)
        content = await made(app, run)
        file = file or Path(f"{run.id}.bundle.jsonl")
        await asyncio.to_thread(file.write_bytes, content)
        root = app.trust.read().chain.fingerprint
        policy = " --allow-policy" if run.policy else ""
    output().print(f"[good]✓[/] {file}, {len(content):,} bytes")
    output().print(f"→ phasegate verify {shlex.quote(str(file))} --root {root}{policy}", soft_wrap=True)


async def verify(
    name: str,
    artifacts: tuple[Path, ...],
    named: tuple[str, ...],
    keys: tuple[str, ...],
    root: str,
    against: Path | None,
    allow_policy: bool,
    as_json: bool,
) -> None:
    """Check that what was released is what was approved."""
    file = Path(name)
    alone = await asyncio.to_thread(file.is_file)
    given = (*named, *keys, *filter(None, [root, str(against or "")]))
    if alone:
        known = People([*map(Known.parse, named), *(Known(read_key(key)) for key in keys)]) if named or keys else None
        claims = _offline(file, artifacts, known, root, allow_policy, against)
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
    file: Path, artifacts: Sequence[Path], managers: People | None, root: str, policies: bool, against: Path | None
) -> list[Claim]:
    shipped = {artifact.name: artifact.read_bytes() for artifact in artifacts}
    read = load_bundle(file)
    root = root or ("" if managers else _known_root(read))
    claims = prove(read, managers or (None if root else People(())), shipped, root=root, policies=policies)
    return [*claims, agree(read, load_bundle(against))] if against else claims


def _known_root(bundle: Bundle) -> str:
    """Return the fingerprint of the root that this person pinned for the bundle's repository, or an empty string."""
    newest = follow(bundle.roots).newest
    pinned = KnownRoots().of_repository(newest.root.repository) if newest else None
    return pinned.fingerprint if pinned else ""


def _fix(claims: Sequence[Claim]) -> str:
    if any("whose key was given" in claim.detail for claim in claims):
        return (
            "ask a manager for the fingerprint of the repository's root, and give it: --root FINGERPRINT; or the key of"
            " each who decided: --manager NAME=KEY; else do not use this release"
        )
    if any("not a person" in claim.detail for claim in claims):
        return "a policy decided in a person's place; --allow-policy, if you accept that"
    return "do not use this release"


async def _here(name: str, artifacts: Sequence[Path], keys: Sequence[str]) -> list[Claim]:
    if artifacts or keys:
        raise UsageError(f"there is no bundle '{name}'", fix="write one with 'phasegate bundle RUN', or check the RUN")
    async with open_here() as app:
        return await verify_run(app, await app.ledger.run(name))
