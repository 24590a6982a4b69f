"""Evaluation of a model on the shipped suite."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path

import click
from rich.text import Text

from phasegate.app import read_config
from phasegate.app.config import NAME
from phasegate.authors import CHECKS
from phasegate.cli.console import errors_to, output
from phasegate.cli.views.evaluation import comparison, evaluation_table, intents_table, progress_line
from phasegate.core import InvalidInput, Parked, UsageError
from phasegate.core.files import write_whole
from phasegate.core.report import as_json as json_of
from phasegate.evaluation import (
    AUTHORS,
    NOW,
    Candidate,
    Evaluation,
    IntentResult,
    Suite,
    concluded,
    evaluate,
    load_suite,
    read_evaluation,
    scripted,
)
from phasegate.models import Recording
from phasegate.models.settings import Models
from phasegate.team import load_team
from phasegate.workflow import EFFECTS
from phasegate.workspace import Workspace

_FLOW = "sdlc"


async def evaluate_here(
    model: str | None,
    intents: Sequence[str],
    listed: bool,
    compare: tuple[Path, Path] | None,
    jobs: int,
    limit_usd: Decimal,
    target: Path | None,
    record: Path | None,
    replay: Path | None,
    as_json: bool,
) -> None:
    """Try how well a model drafts runbooks from English."""
    if compare:
        _compare(*map(read_evaluation, compare))
        return
    suite = load_suite().chosen(intents)
    if listed:
        _list(suite, as_json)
        return
    _require_free(target)
    candidate = _candidate(model, jobs, limit_usd, record, replay)
    found = await _Following(candidate=candidate, suite=suite, target=target).evaluation()
    if as_json:
        click.echo(json_of(found))
    else:
        output().print(evaluation_table(found))
    if not found.is_whole:
        click.echo("not every intent was judged, so this result compares with no other", err=True)
        click.get_current_context().exit(Parked.exit_code)


@dataclass(frozen=True, kw_only=True)
class _Following:
    """Evaluation under way, whose results are told and kept as they come."""

    candidate: Candidate
    suite: Suite
    target: Path | None

    async def evaluation(self) -> Evaluation:
        """Evaluate, and keep what there is also where it is interrupted."""
        console, results = errors_to(), list[IntentResult]()

        def told(result: IntentResult) -> None:
            results.append(result)
            console.print(progress_line(result, len(results), len(self.suite.intents)), soft_wrap=True)

        try:
            found = await evaluate(self.candidate, self.suite, told)
        except asyncio.CancelledError:
            self._keep(concluded(self.candidate, self.suite, results, "interrupted"))
            raise
        self._keep(found)
        return found

    def _keep(self, found: Evaluation) -> None:
        if self.target:
            write_whole(self.target, (json_of(found) + "\n").encode())


def _candidate(model: str | None, jobs: int, limit_usd: Decimal, record: Path | None, replay: Path | None) -> Candidate:
    if record and replay:
        raise click.UsageError("--record and --replay exclude each other.")
    if not model:
        raise click.UsageError("Name a model: --model PROVIDER:MODEL.")
    if ":" not in model:
        raise UsageError(
            f"'{model}' is no chat model", fix=f"name one as PROVIDER:MODEL, or one of {', '.join(AUTHORS)}"
        )
    folder = _repository(Path.cwd())
    config = read_config(folder) if folder else None
    team = load_team(folder, known_checks=CHECKS, known_effects=EFFECTS)
    return Candidate(
        model=model,
        settings=config.models if config else Models(),
        team=team,
        flow=team.flow(config.work.flow if config else _FLOW),
        limit_usd=limit_usd,
        jobs=jobs,
        double=scripted(model) if model.startswith("scripted:") and not replay else None,
        # Dated as the suite is, so that a replay has the same prompts on another day.
        record=Recording.begin(record, datetime.fromisoformat(NOW)) if record else None,
        replay=Recording.read(replay) if replay else None,
    )


def _repository(here: Path) -> Path | None:
    """Return the target repository that a folder is in, or None."""
    inside = any((folder / NAME).exists() for folder in (here, *here.parents))
    return Workspace.open(here).folder if inside else None


def _require_free(target: Path | None) -> None:
    """Refuse a file that holds something or cannot be written, before the first call: results were paid for.

    Raises:
        InvalidInput: name another file.
    """
    if target is None:
        return
    try:
        target.touch()
        filled = bool(target.stat().st_size)
    except OSError as error:
        raise InvalidInput(f"'{target}' cannot be written: {error.strerror}", fix="name another file") from None
    if filled:
        raise InvalidInput(f"'{target}' holds something already", fix="name another file, or delete it")


def _list(suite: Suite, as_json: bool) -> None:
    if as_json:
        rows = [{"id": row.id, "sentence": row.sentence, "tags": row.tags} for row in suite.intents]
        click.echo(json.dumps({"suite": suite.version, "intents": rows}, indent=2))
    else:
        output().print(intents_table(suite))


def _compare(one: Evaluation, other: Evaluation) -> None:
    if one.suite != other.suite:
        raise InvalidInput(
            f"the two results are of different suites, {one.suite} and {other.suite}",
            fix="evaluate both models with the same release and the same --intent",
        )
    if one.prompt != other.prompt:
        errors_to().print(Text("The two were given different instructions.", "wait"))
    output().print(comparison(one, other))
