"""Runs that `phasegate run` and `phasegate new` record, and replay while no provider is there."""

import asyncio
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import click
import pytest

from phasegate.app import open_app
from phasegate.core import Held, InvalidInput, Parked, new_id
from phasegate.models import Recording
from phasegate.workflow.engine import begin
from services import serve
from services.bedrock import SONNET, BedrockService, environ
from services.model_answers import structured
from unit.authors.sample_spec import FOLDER, NOW, RUNBOOK, SPEC, sample_repository
from unit.authors.test_model import INTENT, written
from unit.cli.repository import refused, run

MODEL = f"bedrock_converse:{SONNET}"
ROLE = f'\n[roles.product-owner]\nmodel = "{MODEL}"\n\n[models]\nattempts = 1\n'
PRICE = f'\n[models.prices."{MODEL}"]\ninput = 1\noutput = 2\nas_of = 2026-11-30\n'


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BedrockService]:
    """A local Bedrock, and a repository to work in whose product owner is one of its models."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    service = BedrockService(lambda asked: structured(answer(asked.prompt)))
    with serve(service) as address:
        for name, value in environ(address).items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(repository(tmp_path / "one"))
        yield service


def answer(prompt: str) -> dict[str, object]:
    """The spec and its runbook, in whichever folder they are wanted."""
    folder = FOLDER if FOLDER in prompt else "specs/001-find-free-volumes"
    files = {f"{folder}/spec.md": SPEC, f"{folder}/runbook.yaml": RUNBOOK}
    return written() | {"files": [{"path": path, "text": text} for path, text in files.items()]}


def repository(folder: Path) -> Path:
    sample_repository(folder, spec=INTENT)
    (folder / FOLDER / "runbook.yaml").unlink()
    config = folder / "phasegate.toml"
    config.write_text(config.read_text() + ROLE + PRICE)
    return folder


def drafted(folder: Path) -> dict[str, bytes]:
    """The files of the last run's branch."""

    async def read() -> dict[str, bytes]:
        async with open_app(folder) as app:
            last = (await app.ledger.runs())[0]
            return dict(app.workspace.tree(app.workspace.tip(last.branch) or last.base))

    return asyncio.run(read())


def test_a_recorded_run_is_replayed_and_no_provider_is_called(
    service: BedrockService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = tmp_path / "run.jsonl"
    assert isinstance(refused("run", FOLDER, "--record", str(recording)), Parked)
    calls = len(service.asked)
    assert calls == len(recording.read_text().splitlines()) - 1 > 0
    monkeypatch.chdir(repository(tmp_path / "two"))
    replayed = refused("run", FOLDER, "--replay", str(recording))
    assert "waits at the" in str(replayed)
    assert replayed.fix.endswith(f" --replay {recording}")
    assert "waits at the" in str(refused("run", *replayed.fix.split()[-4:]))  # the next command as it is printed
    assert len(service.asked) == calls
    assert drafted(tmp_path / "one") == drafted(tmp_path / "two")


def test_a_replay_that_misses_parks_the_run_and_calls_nobody(service: BedrockService, tmp_path: Path) -> None:
    recording = tmp_path / "run.jsonl"
    refused("run", FOLDER, "--record", str(recording))
    calls = len(service.asked)
    spec = Path(FOLDER) / "spec.md"
    spec.write_text(spec.read_text().replace("nobody uses", "somebody uses"))
    missed = refused("run", FOLDER, "--replay", str(recording))
    assert "no provider was called" in str(missed)
    assert len(service.asked) == calls


def test_a_replayed_run_is_never_gone_on_with_by_a_provider(service: BedrockService, tmp_path: Path) -> None:
    recording = tmp_path / "run.jsonl"
    refused("run", FOLDER, "--record", str(recording))
    spec = Path(FOLDER) / "spec.md"
    spec.write_text(spec.read_text().replace("nobody uses", "somebody uses"))
    begun = refused("run", FOLDER, "--replay", str(recording)).fix.split()[-3]
    calls = len(service.asked)
    stopped = refused("run", "--resume", begun)
    assert f"run '{begun}' replays the recording 'run.jsonl', and '{MODEL}' is not called for it as product" in str(
        stopped
    )
    assert f"'phasegate run --resume {begun} --replay FILE'" in stopped.fix
    assert "no provider was called" in str(refused("run", "--resume", begun, "--replay", str(recording)))
    assert len(service.asked) == calls


def test_a_sentence_is_recorded_and_replayed(
    service: BedrockService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = tmp_path / "run.jsonl"
    sentence = ("new", "find free volumes", "--name", "find-free-volumes")
    begun = run(*sentence, "--record", str(recording))
    assert "Model calls: $" in begun.stderr  # the forecast, before any call
    assert "waits at the" in str(begun.exception)
    calls = len(service.asked)
    monkeypatch.chdir(repository(tmp_path / "two"))
    assert "waits at the" in str(refused(*sentence, "--replay", str(recording)))
    assert len(service.asked) == calls > 0


def test_a_run_goes_on_with_the_recording_that_it_began_with(
    service: BedrockService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording, other = tmp_path / "run.jsonl", tmp_path / "other.jsonl"
    fix = refused("run", FOLDER, "--record", str(recording)).fix
    begun = fix.split()[-3]
    Recording.begin(other, NOW + timedelta(days=1))
    for option in ("--record", "--replay"):
        error = refused("run", "--resume", begun, option, str(other))
        assert "did not begin with this recording" in str(error)
    assert "cannot be read" in str(refused("run", "--resume", begun, "--record", str(tmp_path / "none")))
    assert "waits at the" in str(refused("run", "--resume", begun, "--record", str(recording)))


@pytest.mark.parametrize(
    "words",
    [
        ("run", FOLDER, "--record", "a", "--replay", "b"),
        ("run", FOLDER, "--record", "a", "--detach"),
        ("run", FOLDER, "--replay", "a", "--detach"),
        ("new", "find free volumes", "--replay", "a", "--detach"),
        ("new", "find free volumes", "--record", "a", "--only"),
    ],
)
def test_what_cannot_be_recorded_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    error = run(*words).exception
    assert isinstance(error, click.UsageError)
    assert "--record and --replay" in str(error)
    assert not any(tmp_path.iterdir())


def test_a_run_is_not_recorded_beside_another_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(repository(tmp_path / "one"))

    async def host() -> None:
        async with open_app(Path.cwd()) as app:
            await app.database.write(begin, f"{os.getpid()}-{new_id()}")

    asyncio.run(host())
    error = refused("run", FOLDER, "--record", str(tmp_path / "run.jsonl"))
    assert isinstance(error, Held)
    assert f"kill {os.getpid()}" in error.fix


def test_a_file_that_is_no_recording_is_refused_before_anything_begins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(repository(tmp_path / "one"))
    assert isinstance(refused("new", "find free volumes", "--replay", "none.jsonl"), InvalidInput)
    assert [path.name for path in Path("specs").iterdir() if "free-volumes" in path.name] == [Path(FOLDER).name]
