"""What `phasegate doctor` asks of the machine, the repository and the servers, and what it says."""

import asyncio
import json
import sqlite3
import sys
import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pygit2
import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from moto.server import ThreadedMotoServer
from rich.console import Console

from phasegate.app import open_app
from phasegate.cli.doctor import show_checks
from phasegate.cli.program import root
from phasegate.core import Missing, PhasegateError
from phasegate.doctor import Check, CheckResult, Skipped, State, checks_of, run_checks
from phasegate.doctor.checks import git, python
from phasegate.ledger import PrivateKey
from phasegate.store.schema import backlog
from phasegate.tool_access import open_tools
from phasegate.workflow.engine import begin
from unit.authors.sample_spec import FOLDER, sample_repository

ADA = PrivateKey(Ed25519PrivateKey.generate())
MANAGERS = {"ada": ADA}
STRANGE = Path(__file__).parents[2] / "services" / "faulty_server.py"
FILE = f"""\
name: strange
command: [{sys.executable}, {STRANGE}]
env: [STRANGE_STATE, STRANGE_WAYS]
needs: [STRANGE_STATE]
roles: [sre-automation]
tools: {{drop: destructive, store: write, "*": read}}
"""


async def told(
    folder: Path, *names: str, environ: Mapping[str, str] | None = None, call: bool = False
) -> dict[str, CheckResult]:
    """What these checks say there; without names, all."""
    async with checks_of(folder, environ or {}, folder.parent / "keys", call=call) as checks:
        chosen = [check for check in checks if not names or check.name in names]
        return {said.name: said async for said, _ in run_checks(chosen)}


async def state(folder: Path, name: str, environ: Mapping[str, str] | None = None) -> State:
    return (await told(folder, name, environ=environ))[name].state


async def test_checks_are_asked_side_by_side_and_each_for_a_while() -> None:
    async def fine() -> str:
        return "well\u202e"

    async def hangs() -> str:
        await asyncio.sleep(60)
        return "never"

    async def lacks() -> str:
        raise Skipped("nothing is set", fix="set it")

    async def fails() -> str:
        raise Missing("it is gone", fix="bring it back")

    async def breaks() -> str:
        raise ZeroDivisionError("by nought")

    began = time.monotonic()
    checks = [Check(name=f"hangs {number}", ask=hangs, seconds=0.3) for number in range(20)]
    checks += [Check(name=each.__name__, ask=each) for each in (fine, lacks, fails, breaks)]
    found, lefts = {}, []
    async for said, left in run_checks(checks):
        found[said.name] = said
        lefts.append(len(left))
    assert time.monotonic() - began < 4
    assert lefts == list(range(23, -1, -1))
    assert (found["fine"].state, found["fine"].says) == (State.ok, "well<U+202E>")
    assert (found["lacks"].state, found["lacks"].fix) == (State.skipped, "set it")
    assert (found["fails"].state, found["fails"].fix) == (State.trouble, "bring it back")
    assert (found["breaks"].state, found["breaks"].says) == (State.trouble, "ZeroDivisionError: by nought")
    assert found["hangs 7"].says == "no answer within 0.3 s"


async def test_the_machine() -> None:
    assert await python() == f"{sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}"
    assert (await git())[0].isdigit()
    with pytest.raises(Missing, match="cannot be run"):
        await git("git-that-is-not-there")


async def test_outside_of_a_repository_the_rest_is_skipped(tmp_path: Path) -> None:
    found = await told(tmp_path)
    assert set(found) == {"python", "git", "sandbox", "repository"}
    assert (found["repository"].state, "phasegate init" in found["repository"].fix) == (State.skipped, True)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        pytest.param("phasegate.toml", "[project", id="no TOML"),
        pytest.param("tools/x.yaml", "name: y\n", id="a server's file"),
        pytest.param(".git/phasegate/phasegate.db", "no database\n" * 1000, id="a database that is none"),
    ],
)
async def test_a_repository_that_does_not_open_is_trouble(tmp_path: Path, file: str, content: str) -> None:
    folder = sample_repository(tmp_path / "target")
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text(content)
    found = await told(folder)
    assert (found["repository"].state, bool(found["repository"].fix)) == (State.trouble, True)
    assert found["python"].state is State.ok


async def test_a_database_is_tried_and_left_as_it_was(tmp_path: Path) -> None:
    folder = sample_repository(tmp_path / "target")
    assert await state(folder, "database") is State.ok
    async with open_app(folder) as app:
        assert await app.database.read(lambda connection: connection.execute(sa.select(backlog)).all()) == []
        await app.database.write(lambda connection: connection.execute(sa.text("DROP TABLE backlog")))
    assert await state(folder, "database") is State.trouble


async def test_git_identity_that_is_missing_is_said(tmp_path: Path) -> None:
    folder = sample_repository(tmp_path / "target")
    config = pygit2.Repository(str(folder)).config
    config["user.name"], config["user.email"] = "", ""  # whatever this machine's own settings are
    missing = (await told(folder, "git identity"))["git identity"]
    assert (missing.state, "git config --global user.name" in missing.fix) == (State.skipped, True)
    config["user.name"], config["user.email"] = "Ada", "ada@example.org"
    assert (await told(folder, "git identity"))["git identity"].says == "commits are made as Ada <ada@example.org>"


async def test_managers_who_are_not_committed_are_trouble(tmp_path: Path) -> None:
    assert await state(sample_repository(tmp_path / "nobody"), "managers") is State.skipped
    folder = sample_repository(tmp_path / "target", managers=MANAGERS)
    fine = (await told(folder, "managers"))["managers"]
    assert (fine.state, fine.says) == (State.ok, "ada; keys on this machine: none of theirs")
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "ada.key").touch()
    assert (await told(folder, "managers"))["managers"].says.endswith("keys on this machine: ada")
    (folder / "src/acme_runbooks/approvers.json").write_text("{}")
    changed = (await told(folder, "managers"))["managers"]
    assert changed.state is State.trouble
    assert changed.fix == "git add src/acme_runbooks/approvers.json && git commit -m 'Managers'"


async def test_a_run_that_waits_for_a_worker_is_trouble(tmp_path: Path) -> None:
    folder = sample_repository(tmp_path / "target")
    assert await state(folder, "worker") is State.skipped
    async with open_app(folder) as app:
        await app.start(folder / FOLDER)
    assert await state(folder, "worker") is State.trouble
    async with open_app(folder) as app:
        await app.database.write(begin, "1-abc")
    assert await state(folder, "worker") is State.ok


async def test_an_index_that_cannot_be_written_is_trouble(tmp_path: Path) -> None:
    folder = sample_repository(tmp_path / "target")
    assert await state(folder, "package index") is State.ok
    (folder / ".phasegate" / "index").write_text("a file")
    assert await state(folder, "package index") is State.trouble


async def test_aws_is_skipped_where_nothing_is_set(tmp_path: Path) -> None:
    folder = sample_repository(tmp_path / "target", endpoint="")
    none = {"AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none")}
    skipped = (await told(folder, "aws", environ=none))["aws"]
    assert (skipped.state, "inventory" in skipped.fix) == (State.skipped, True)


@pytest.mark.slow
async def test_aws_is_asked_in_each_account_and_region(tmp_path: Path) -> None:
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    folder = sample_repository(tmp_path / "target", endpoint=f"http://{host}:{port}")
    config = folder / "phasegate.toml"
    text = config.read_text()
    config.write_text(text.replace("[aws]\n", '[aws]\ninventory = ["eu-west-1", "us-east-1"]\n'))
    fine = (await told(folder, "aws"))["aws"]
    assert (fine.state, fine.says.endswith("; eu-west-1, us-east-1")) == (State.ok, True), fine
    config.write_text(text.replace("[aws]\n", '[aws]\ninventory = ["eu-west-1", "eu-nowhere-1"]\n'))
    silent = (await told(folder, "aws"))["aws"]
    assert (silent.state, silent.says.startswith("eu-nowhere-1: ")) == (State.trouble, True), silent
    assert "inventory" in silent.fix
    config.write_text(text.replace("[aws]\n", '[aws]\naccounts = ["", "222222222222"]\n'))
    foreign = await told(folder, "aws", "aws 222222222222")
    assert foreign["aws"].state is State.ok
    assert "PHASEGATE_AWS_ROLE" in foreign["aws 222222222222"].fix
    server.stop()
    gone = (await told(folder, "aws"))["aws"]
    assert (gone.state, "AWS_ENDPOINT_URL" in gone.fix) == (State.trouble, True)


async def lets_start(folder: Path) -> None:
    """Grants the definition of the server, as its file has it now."""
    async with open_app(folder) as app, open_tools(app) as tools:
        await tools.let_start(tools.server("strange"), "ada", ADA, app.clock.now() + timedelta(days=30))


@pytest.mark.slow
async def test_a_server_of_others_is_held_against_its_file_and_grants(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = sample_repository(tmp_path / "target", managers=MANAGERS)
    file = folder / "tools" / "strange.yaml"
    file.parent.mkdir()
    file.write_text(FILE)
    skipped = (await told(folder, "server strange"))["server strange"]
    assert (skipped.state, skipped.says) == (State.skipped, "STRANGE_STATE is not set")
    monkeypatch.setenv("STRANGE_STATE", str(tmp_path))
    environ = {"STRANGE_STATE": str(tmp_path)}

    async def strange() -> CheckResult:
        return (await told(folder, "server strange", environ=environ))["server strange"]

    fresh = await strange()
    assert (fresh.state, "waits for a manager: it runs" in fresh.says) == (State.trouble, True)
    assert "phasegate tools grant strange" in fresh.fix
    assert not (tmp_path / "pid").exists()  # nothing was started
    await lets_start(folder)
    started = await strange()
    assert (started.state, "nothing of it is granted" in started.says) == (State.trouble, True)
    async with open_app(folder) as app, open_tools(app) as tools:
        until = app.clock.now() + timedelta(days=30)
        await tools.grant(tools.server("strange"), "ada", ADA, until, writes=("store",))
    granted = await strange()
    assert granted.state is State.ok, granted
    assert "callable" in granted.says
    monkeypatch.setenv("STRANGE_WAYS", "changed")
    changed = await strange()
    assert (changed.state, "echo" in changed.says) == (State.trouble, True)
    monkeypatch.delenv("STRANGE_WAYS")
    file.write_text(FILE.replace("store: write", "store: write, unheard_of: read"))
    await lets_start(folder)
    lacking = await strange()
    assert (lacking.state, "'unheard_of'" in lacking.says) == (State.trouble, True)
    file.write_text(FILE.replace(str(STRANGE), str(tmp_path / "none.py")))
    await lets_start(folder)
    gone = await strange()
    assert (gone.state, "does not start" in gone.says) == (State.trouble, True)


@pytest.mark.slow
def test_the_command_says_it_for_people_and_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    for name in ("JIRA_URL", "CONFLUENCE_URL", "SLACK_BOT_TOKEN", "TEAMS_WEBHOOK_URL", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(sample_repository(tmp_path / "target", endpoint="", managers=MANAGERS))
    fine = CliRunner().invoke(root, ["doctor", "--json"])
    states = {check["name"]: check["state"] for check in json.loads(fine.stdout)["checks"]}
    assert (fine.exit_code, states["server jira"], states["server aws"]) == (0, "skipped", "ok"), fine.output
    assert list(states)[:4] == ["python", "git", "sandbox", "repository"]
    Path("src/acme_runbooks/approvers.json").write_text("{}")
    broken = CliRunner().invoke(root, ["doctor"])
    assert broken.exit_code == Missing.exit_code
    assert "→ git add" in broken.stdout
    assert "1 in trouble" in broken.stdout


def test_what_is_shown_fits_80_columns() -> None:
    long = "a message of a service that goes on and on, " * 6
    found = [CheckResult(name=f"server {'x' * 60}", state=state, says=long, fix=long) for state in State]
    console = Console(width=80, record=True, color_system=None)
    with console.capture() as captured:
        show_checks(console, found)
    lines = captured.get().splitlines()
    assert len(lines) > 10
    assert all(len(line) <= 80 for line in lines)
    words = captured.get().split()
    assert words.count("message") == 6 * 6  # nothing is cut off: three checks, each with what it says and its fix
    assert sum(len(word) for word in words if set(word) == {"x"}) == 180
    assert lines[-1] == "1 ok, 1 skipped, 1 in trouble"


def test_an_error_without_fix_is_shown_without_arrow() -> None:
    assert PhasegateError("x").fix == ""
    console = Console(width=80)
    with console.capture() as captured:
        show_checks(console, [CheckResult(name="git", state=State.ok, says="2.39.5")])
    assert captured.get().splitlines()[0].rstrip() == "✓  git  2.39.5"
