import asyncio
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
import pytest_asyncio

from phasegate.core import InvalidInput, PhasegateError, Refused
from phasegate.release import (
    Built,
    FolderIndex,
    Installation,
    Receipt,
    Trial,
    build,
    install,
    smoke,
    with_version,
)
from phasegate.release.process import run
from phasegate.sandbox import Sandbox
from unit.release.acme import tree


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def receipt(built: Built, tmp_path_factory: pytest.TempPathFactory) -> Receipt:
    return await FolderIndex(tmp_path_factory.mktemp("an index")).publish(built.files)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def installed(built: Built, receipt: Receipt, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return await install(receipt, built.project, tmp_path_factory.mktemp("environment"))


def _imports(installed: Installation, module: str) -> bool:
    return not subprocess.run([installed.python, "-I", "-c", f"import {module}"], capture_output=True).returncode


def test_the_environment_holds_the_package_and_what_it_declares(installed: Installation) -> None:
    assert _imports(installed, "acme_runbooks.cli, boto3, jmespath")
    # All of these are in the environment that runs this test.
    assert not any(_imports(installed, name) for name in ("phasegate", "pydantic", "pytest", "setuptools", "pip"))


def test_pip_takes_the_environment_for_a_sound_one(installed: Installation) -> None:
    checked = subprocess.run(
        [sys.executable, "-I", "-m", "pip", "--python", installed.python, "--disable-pip-version-check", "check"],
        capture_output=True,
        text=True,
        env={},
    )

    assert checked.stdout == "No broken requirements found.\n"


async def test_the_installed_command_runs_and_its_findings_are_read(
    installed: Installation, at: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", "a secret of ours")
    trial = Trial(runbook="unattached-ebs-volumes", region="eu-west-1", as_of=at, env={"AWS_REGION": "eu-west-1"})

    said = await smoke(installed, script="acme-runbooks", trial=trial)

    assert said.runbooks == ("unattached-ebs-volumes  Unattached EBS volumes",)
    words = ["unattached-ebs-volumes", "--region", "eu-west-1", "--as-of", "2026-11-03T12:00:01Z", "--json"]
    assert said.findings == ({"id": "vol-1", "args": words, "boto3": True, "secret": None},)


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("#!/bin/sh\necho oh no >&2; exit 3\n", "ended with 3: oh no"),
        ("#!/bin/sh\necho hello\n", "something else than findings"),
        ("#!/bin/sh\nsleep 60 & sleep 60\n", "did not end within 0.3 s"),
        (None, "has no command 'tool'"),
    ],
)
async def test_a_command_that_fails_is_told(tmp_path: Path, at: datetime, script: str | None, said: str) -> None:
    broken = Installation(project="acme", version="1", folder=tmp_path)
    if script:
        broken.script("tool").parent.mkdir()
        broken.script("tool").write_text(script)
        broken.script("tool").chmod(0o755)
    trial = Trial(runbook="x", region="eu-west-1", as_of=at, env={})

    with pytest.raises(PhasegateError, match=said):
        await smoke(broken, script="tool", trial=trial, seconds=0.3)


async def test_a_demo_release_replaces_the_environment_of_an_earlier_one(
    sandbox: Sandbox, at: datetime, tmp_path: Path
) -> None:
    demo = await build(with_version(tree(), "0.2.0+demo"), at=at, sandbox=sandbox)
    receipt = await FolderIndex(tmp_path / "index").publish(demo.files)
    (tmp_path / "env").mkdir()
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    (tmp_path / "env" / "left").write_text("by a run that was killed")

    installed = await install(receipt, demo.project, tmp_path / "env")

    assert installed.version == "0.2.0+demo"
    assert not (tmp_path / "env" / "left").exists()


async def test_who_installs_a_release_that_is_being_installed_takes_what_the_other_made(
    built: Built, receipt: Receipt, tmp_path: Path
) -> None:
    made = [asyncio.create_task(install(receipt, built.project, tmp_path / "env")) for _ in range(3)]
    await asyncio.wait(made[:1])
    before = (tmp_path / "env" / "pyvenv.cfg").stat().st_ino

    assert {(await each).folder for each in made} == {tmp_path / "env"}
    assert (tmp_path / "env" / "pyvenv.cfg").stat().st_ino == before
    assert _imports(await made[0], "acme_runbooks.cli")


async def test_an_index_that_changed_since_is_refused(built: Built, tmp_path: Path) -> None:
    receipt = await FolderIndex(tmp_path).publish(built.files)
    (tmp_path / "acme-runbooks" / built.project.wheel_name).write_bytes(b"other")

    with pytest.raises(Refused) as refused:
        await install(receipt, built.project, tmp_path / "env")

    assert refused.value.reason == "index_changed"


async def test_a_folder_of_the_users_is_not_emptied(built: Built, receipt: Receipt, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")

    with pytest.raises(InvalidInput):
        await install(receipt, built.project, tmp_path)

    assert (tmp_path / "thesis.txt").exists()


async def test_pip_that_fails_says_why(built: Built, receipt: Receipt, tmp_path: Path) -> None:
    empty = Receipt(project="nosuch", version="1", index=receipt.index, files=())

    with pytest.raises(PhasegateError, match="No matching distribution"):
        await install(empty, built.project, tmp_path / "env")


async def test_a_command_is_ended_with_all_it_started(tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    with pytest.raises(TimeoutError):
        await run(["/bin/sh", "-c", f"(sleep 0.6; touch {mark}) & sleep 60"], env={}, seconds=0.2)
    await asyncio.sleep(0.6)

    assert not mark.exists()
