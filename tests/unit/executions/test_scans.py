"""Scans with released packages: which bytes run, what is kept of them, and how they fail."""

import asyncio
import importlib.util
import marshal
import struct
from pathlib import Path

import pytest
import sqlalchemy as sa

from phasegate.app import App
from phasegate.core import FixedClock, InvalidInput, Missing, PhasegateError, Refused, UsageError
from phasegate.executions import Asked, ScanState, executions_of
from phasegate.store.schema import scans
from unit.executions.released_package import ABOUT, NAME, Answers, failed, found, release, report, site_of


def mode_of(file: Path) -> int:
    return file.stat().st_mode


def replace_in(file: Path, old: str, new: str) -> None:
    file.write_text(file.read_text().replace(old, new))


def remove(file: Path) -> None:
    file.unlink()


async def test_runbooks_are_listed_with_versions_and_permissions(app: App, answers: Answers) -> None:
    await release(app, "1.0.0")
    await release(app, "1.1.0", [ABOUT, {**ABOUT, "name": "idle-hosts", "acts": False}])
    rows = await executions_of(app).runbooks()
    assert [(row.name, row.version, row.versions, row.acts) for row in rows] == [
        (NAME, "1.1.0", ("1.1.0", "1.0.0"), True),
        ("idle-hosts", "1.1.0", ("1.1.0",), False),
    ]
    assert rows[0].permissions == ("ec2:DeleteVolume", "ec2:DescribeRegions", "ec2:DescribeVolumes")
    assert rows[0].last_scan is None


async def test_a_release_of_which_nothing_is_the_newest_is_not_started(app: App, answers: Answers) -> None:
    old = await release(app, "1.0.0")
    await release(app, "1.1.0")
    remove(site_of(old) / old.module / "cli.py")
    executions = executions_of(app)
    assert [(row.version, row.versions) for row in await executions.runbooks()] == [("1.1.0", ("1.1.0", "1.0.0"))]
    with pytest.raises(Refused, match=r"cli\.py"):
        await executions.scan(NAME, Asked(), "ada", version="1.0.0")


async def test_a_scan_asks_the_released_command_and_keeps_its_report(app: App, answers: Answers) -> None:
    package = await release(app)
    answers.give(report(found("vol-1")), says=["looking at 111111111111 in eu-west-1"])
    executions, told = executions_of(app), list[str]()
    asked = Asked(regions=("eu-west-1",), params={"min_age_days": 30}, accounts="organization")
    scan = await executions.scan(NAME, asked, "ada", tell=told.append)
    kept = await executions.scans.report(scan.id)
    assert (scan.state, scan.wheel, scan.by, scan.recorded) == (ScanState.complete, package.sha256, "ada", False)
    assert (scan.counts["match"], str(scan.cost_per_month), scan.currency) == (1, "8.0", "USD")
    assert kept["words"] == [
        *(NAME, "--region=eu-west-1", "--accounts=organization", "--param=min_age_days=30", "--json", "-v")
    ]
    assert told == ["looking at 111111111111 in eu-west-1"]
    assert [each.id for each in await executions.scans.listed(NAME)] == [scan.id]


async def test_a_runbook_sees_nothing_of_our_environment_but_aws(
    app: App, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    await release(app)
    monkeypatch.setenv("SLACK_BOT_TOKEN", "not-for-runbooks")
    monkeypatch.setenv("AWS_PROFILE", "audit")
    executions = executions_of(app)
    scan = await executions.scan(NAME, Asked(), "ada")
    seen = (await executions.scans.report(scan.id))["env"]
    assert "AWS_PROFILE" in seen
    assert "SLACK_BOT_TOKEN" not in seen


async def test_an_older_release_scans_where_it_is_named(app: App, answers: Answers) -> None:
    old = await release(app, "1.0.0")
    await release(app, "1.1.0")
    executions = executions_of(app)
    assert (await executions.scan(NAME, Asked(), "ada", version="1.0.0")).wheel == old.sha256
    assert (await executions.scan(NAME, Asked(), "ada")).version == "1.1.0"
    with pytest.raises(UsageError, match="no release '9'"):
        await executions.scan(NAME, Asked(), "ada", version="9")


async def test_failed_calls_make_it_incomplete(app: App, answers: Answers) -> None:
    await release(app)
    answers.give(report(errors=[failed("eu-west-1")]), exit=3)
    scan = await executions_of(app).scan(NAME, Asked(), "ada")
    assert (scan.state, scan.errors) == (ScanState.incomplete, 1)


@pytest.mark.parametrize(
    ("said", "exit", "says", "problem"),
    [
        ("", 4, ["starting", "error: the AWS credentials have expired"], "the AWS credentials have expired"),
        ("", 1, ["Traceback", "KeyError: 'x'"], "Traceback\nKeyError: 'x'"),
        ("hello", 0, [], "printed no report: 'hello"),
        ("{}", 0, [], "a report without 'runbook'"),
        ("", -9, [], "ended with"),
    ],
    ids=["credentials", "traceback", "text", "json", "killed"],
)
async def test_a_command_without_a_report_is_a_failed_scan(
    app: App, answers: Answers, said: str, exit: int, says: list[str], problem: str
) -> None:
    await release(app)
    answers.give(said, exit=exit, says=says)
    executions = executions_of(app)
    scan = await executions.scan(NAME, Asked(), "ada")
    assert scan.state is ScanState.failed
    assert problem in scan.problem
    assert await executions.findings() == []
    with pytest.raises(UsageError, match="has no report: it is failed"):
        await executions.scans.report(scan.id)


async def test_only_the_released_bytes_run(app: App, answers: Answers) -> None:
    package = await release(app)
    executions = executions_of(app)
    await executions.scan(NAME, Asked(), "ada")
    for name in (f"{package.module}/cli.py", f"{package.module}/more.py", "sitecustomize.py", "dependencies.pth"):
        file = site_of(package) / name
        before = file.read_bytes() if file.exists() else None
        file.write_bytes((before or b"") + b"\nimport os\n")
        with pytest.raises(Refused, match=name) as refused:
            await executions.scan(NAME, Asked(), "ada")
        assert refused.value.reason == "release_changed"
        file.unlink() if before is None else file.write_bytes(before)
    assert len(await executions.scans.listed()) == 1


def forge_bytecode(source: Path) -> None:
    """Lay byte code of another program beside a file, with the header that Python takes for the file's own."""
    told = source.stat()
    header = importlib.util.MAGIC_NUMBER + struct.pack("<III", 0, int(told.st_mtime), told.st_size)
    cached = Path(importlib.util.cache_from_source(str(source)))
    cached.parent.mkdir(exist_ok=True)
    cached.write_bytes(header + marshal.dumps(compile("def main(): return 42", str(source), "exec")))


async def test_byte_code_beside_the_released_files_is_not_read(app: App, answers: Answers) -> None:
    package = await release(app)
    forge_bytecode(site_of(package) / package.module / "cli.py")
    assert (await executions_of(app).scan(NAME, Asked(), "ada")).state is ScanState.complete


async def test_another_wheel_in_the_index_is_refused(app: App, answers: Answers) -> None:
    package = await release(app)
    package.wheel.write_bytes(package.wheel.read_bytes() + b"\0")
    with pytest.raises(Refused, match="no longer what was released"):
        await executions_of(app).scan(NAME, Asked(), "ada")
    package.wheel.unlink()
    with pytest.raises(Missing, match="is gone"):
        await executions_of(app).scan(NAME, Asked(), "ada")


async def test_a_report_that_was_changed_or_lost_is_not_shown(app: App, answers: Answers) -> None:
    await release(app)
    executions = executions_of(app)
    scan = await executions.scan(NAME, Asked(), "ada")
    file = app.state / "scans" / f"{scan.id}.json"
    assert mode_of(file) & 0o077 == 0
    replace_in(file, "eu-west-1", "eu-west-2")
    with pytest.raises(Refused, match="was changed"):
        await executions.scans.report(scan.id)
    remove(file)
    with pytest.raises(Refused, match="is gone"):
        await executions.scans.report(scan.id)


async def test_two_who_ask_the_same_at_once_get_one_scan(app: App, answers: Answers, tmp_path: Path) -> None:
    await release(app)
    gate = tmp_path / "gate"
    gate.touch()
    answers.give(report(found("vol-1")), wait=str(gate))
    executions = executions_of(app)
    first, second = [await executions.begin_scan(NAME, Asked(), "ada") for _ in range(2)]
    other = await executions.begin_scan(NAME, Asked(regions=("eu-west-1",)), "ada")
    assert first.id == second.id != other.id
    assert (await executions.scans.find(first.id)).state is ScanState.running
    gate.unlink()
    while any(each.state is ScanState.running for each in await executions.scans.listed()):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    assert {each.state for each in await executions.scans.listed()} == {ScanState.complete}


@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed"])
async def test_a_scan_whose_server_ended_is_interrupted_and_stands_in_nobodys_way(
    app: App, answers: Answers, tmp_path: Path, killed: bool
) -> None:
    await release(app)
    gate = tmp_path / "gate"
    gate.touch()
    answers.give(report(), wait=str(gate))
    executions = executions_of(app)
    begun = await executions.begin_scan(NAME, Asked(), "ada")
    await asyncio.sleep(0.3)
    await executions.close()
    if killed:
        row = {"pid": 2**22 + 1, "born": "1", "state": "running"}
        await app.database.write(lambda connection: connection.execute(sa.update(scans).values(row)) and None)
    assert (await executions.scans.find(begun.id)).state is ScanState.interrupted
    gate.unlink()
    assert (await executions.scan(NAME, Asked(), "ada")).id != begun.id


@pytest.mark.parametrize("asked", [Asked(regions=("--apply",)), Asked(accounts="--apply"), Asked(profile="-x")])
async def test_no_value_becomes_an_option(app: App, answers: Answers, asked: Asked) -> None:
    await release(app)
    executions = executions_of(app)
    with pytest.raises(InvalidInput, match="no value of a scan"):
        await executions.scan(NAME, asked, "ada")
    assert await executions.scans.listed() == []


async def test_nothing_released_is_said(app: App) -> None:
    executions = executions_of(app)
    assert await executions.runbooks() == []
    with pytest.raises(PhasegateError, match="nothing was released here yet"):
        await executions.scan(NAME, Asked(), "ada")
    with pytest.raises(UsageError, match="no scan 'abcdef'"):
        await executions.scans.find("abcdef")


async def test_an_unknown_runbook_is_named(app: App, answers: Answers, clock: FixedClock) -> None:
    await release(app)
    with pytest.raises(UsageError, match="no released runbook 'other'"):
        await executions_of(app).runbook("other")
