"""An agent with a shell in the manager's account: it may write every file, and has neither her key nor her passphrase.

Each step is done alone, and every two of them. None brings the run a phase further, and after each
the attempt is shown, or nothing is left of it.
"""

import asyncio
import base64
import json
import os
import re
import shutil
import sqlite3
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest
import tomlkit
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from phasegate.app import open_app, read_config
from phasegate.cli.keys import home_of_keys
from phasegate.core import FixedClock, canonical
from phasegate.ledger import SYSTEM_KEY, PrivateKey, PublicKey, Run, write_key
from phasegate.store import locate
from phasegate.team import Surface
from phasegate.trust import ROOTS, KnownRoots, Root, SignedRoot, TrustStore, sign_root
from phasegate.workflow import RunState
from phasegate.workspace import Workspace
from unit.cli.repository import NOW, at_home, run, said

GATE = "r1/specify/1"
PASSPHRASE = "the agent's own words"
BOT = PrivateKey(Ed25519PrivateKey.generate())
Step = Callable[[Path], None]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository whose manager is ada, where a run waits at its first gate."""
    top = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        at_home(top, patch)
        said("init", "acme")
        patch.chdir(top / "acme")
        (top / "passphrase").write_text("correct horse battery\n")
        (top / "agent").write_text(f"{PASSPHRASE}\n")
        said("manager", "init", "--name", "ada", "--passphrase-file", "../passphrase")
        document = tomlkit.parse(Path("phasegate.toml").read_text())
        document["groups"] = {"board": ["ada"]}
        Path("phasegate.toml").write_text(tomlkit.dumps(document))
        said("trust", "sign", "--manager", "ada", "--passphrase-file", "../passphrase")
        asyncio.run(_open_gate())
        write_key(home_of_keys() / "bot.key", BOT.sealed(PASSPHRASE))
    return top


@pytest.fixture
def target(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, in which the agent works."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True, symlinks=True)
    at_home(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path / "acme")
    return tmp_path / "acme"


async def _open_gate() -> None:
    async with open_app(Path.cwd(), clock=FixedClock(NOW)) as app:
        head = app.workspace.head()
        begun = Run(id="r1", spec="specs/001-x", flow="sdlc", branch="run/r1", base=head, started_at=NOW)
        await app.ledger.add_run(begun, (await app.queue.opened()).dispatch, app.keeper.terms(begun))
        await app.keeper.open(RunState(run="r1", commit=head, since=head, attempt=1), app.flow.phase("specify"))


def _toml(target: Path, change: Callable[[tomlkit.TOMLDocument], None]) -> None:
    document = tomlkit.parse((target / "phasegate.toml").read_text())
    change(document)
    (target / "phasegate.toml").write_text(tomlkit.dumps(document))


def _sql(target: Path, *statements: str) -> None:
    with sqlite3.connect(locate(Workspace.open(target).state).name) as connection:
        for statement in statements:
            connection.execute(statement)


def _graph(target: Path, change: Callable[[dict[str, object]], None]) -> None:
    table = yaml.safe_load(Surface(target).read("graphs", "sdlc.yaml").text)
    change(table["phases"][0]["gate"])
    (target / "graphs").mkdir(exist_ok=True)
    (target / "graphs" / "sdlc.yaml").write_text(yaml.safe_dump(table))


def lists_itself(target: Path) -> None:
    row = {"name": "bot", "public_key": str(BOT.public)}
    _toml(target, lambda document: document["managers"].append(row))


def takes_her_name(target: Path) -> None:
    def change(document: tomlkit.TOMLDocument) -> None:
        document["managers"][0]["public_key"] = str(BOT.public)

    _toml(target, change)


def joins_a_group(target: Path) -> None:
    _toml(target, lambda document: document["groups"].update(board=["ada", "bot"]))


def says_it_is_a_demonstration(target: Path) -> None:
    _toml(target, lambda document: document.update(demo=True))


def names_itself_approver(target: Path) -> None:
    _graph(target, lambda gate: gate.update(approvers=["user:bot"]))


def lets_expire_never(target: Path) -> None:
    _graph(target, lambda gate: gate.update(expires_after=None, reauthenticate=False))


def writes_a_policy(target: Path) -> None:
    requires = {"workspace": "any", "endpoint": "any", "index": "any", "risk_at_most": "critical"}
    policy = {"name": "evil", "version": 1, "requires": requires, "marks": "nothing"}
    (target / "graphs" / "policies").mkdir(parents=True, exist_ok=True)
    (target / "graphs" / "policies" / "evil.yaml").write_text(yaml.safe_dump(policy))
    _sql(target, "update runs set policy = 'evil'")


def _own(target: Path, repository: str = "e" * 32) -> bytes:
    """Return a file of roots that name the agent, under the repository's own id where it is given."""
    kept = TrustStore(Workspace.open(target).state, target).read().chain.newest
    settings = {
        "managers": [{"name": "ada", "public_key": str(BOT.public), "card": "manager", "slack": "", "jira": ""}],
        "groups": {},
        "demo": True,
        "index.path": "",
        "aws.endpoint_url": "",
        "work.flow": "sdlc",
        "trust.threshold": 1,
    }
    made = Root(
        version=1,
        repository=kept.root.repository if kept and not repository else repository or "e" * 32,
        before="",
        at=0,
        settings=settings,
        files={},
        phases=("specify",),
        rules={},
        system=kept.root.system if kept else (str(BOT.public),),
    )
    return canonical(sign_root(made, BOT).as_json()) + b"\n"


def _files(target: Path) -> tuple[Path, Path]:
    return Workspace.open(target).state / ROOTS, target / ROOTS


def lays_a_root_into_the_work_tree(target: Path) -> None:
    _files(target)[1].write_bytes(_own(target))


def lays_a_root_everywhere(target: Path) -> None:
    text = _own(target)
    for file in _files(target):
        file.write_bytes(text)


def lays_a_root_of_the_same_repository(target: Path) -> None:
    text = _own(target, "")
    for file in _files(target):
        file.write_bytes(text)


def adds_a_version_of_its_own(target: Path) -> None:
    for file in _files(target):
        if not file.is_file() or not (lines := file.read_bytes().splitlines()):
            continue
        last = SignedRoot.of_json(json.loads(lines[-1]))
        settings = {**last.root.settings, "managers": json.loads(_payload(_own(target)))["settings"]["managers"]}
        body = {**vars(last.root), "settings": settings, "version": last.root.version + 1, "before": last.digest}
        following = Root(**{name: body[name] for name in Root.__dataclass_fields__})
        file.write_bytes(file.read_bytes() + canonical(sign_root(following, BOT).as_json()) + b"\n")


def _payload(line: bytes) -> str:
    return json.dumps(json.loads(base64.b64decode(json.loads(line)["payload"]))["predicate"])


def takes_the_newest_version_back(target: Path) -> None:
    for file in _files(target):
        if file.is_file():
            file.write_bytes(b"".join(file.read_bytes().splitlines(keepends=True)[:1]))


def removes_the_roots(target: Path) -> None:
    for file in _files(target):
        file.unlink(missing_ok=True)


def forgets_what_was_pinned(target: Path) -> None:
    shutil.rmtree(KnownRoots().folder, ignore_errors=True)


def pins_what_is_there(target: Path) -> None:
    forgets_what_was_pinned(target)
    fingerprint = TrustStore(Workspace.open(target).state, target).read().chain.fingerprint
    run("trust", "pin", fingerprint or "0" * 64)


def replaces_the_system_s_key(target: Path) -> None:
    file = Workspace.open(target).state / SYSTEM_KEY
    file.unlink(missing_ok=True)
    write_key(file, PrivateKey(Ed25519PrivateKey.generate()).sealed(None))


def makes_itself_a_manager(target: Path) -> None:
    run("manager", "init", "--name", "bot", "--passphrase-file", "../agent")


def signs_as_a_manager(target: Path) -> None:
    run("trust", "sign", "--manager", "bot", "--passphrase-file", "../agent")


def approves_in_the_database(target: Path) -> None:
    _sql(target, "update gates set status = 'decided'")


STEPS: list[Step] = [
    lists_itself,
    takes_her_name,
    joins_a_group,
    says_it_is_a_demonstration,
    names_itself_approver,
    lets_expire_never,
    writes_a_policy,
    lays_a_root_into_the_work_tree,
    lays_a_root_everywhere,
    lays_a_root_of_the_same_repository,
    adds_a_version_of_its_own,
    takes_the_newest_version_back,
    removes_the_roots,
    forgets_what_was_pinned,
    pins_what_is_there,
    replaces_the_system_s_key,
    makes_itself_a_manager,
    signs_as_a_manager,
    approves_in_the_database,
]


def _decides(target: Path) -> None:
    """Try to approve as each whom the agent can be, with what the gate shows, and hold that nothing was taken."""
    shown = run("gate", GATE, "--json")
    digest = json.loads(shown.stdout)["digest"] if shown.exception is None else "0" * 64
    shutil.copyfile(home_of_keys() / "bot.key", home_of_keys() / "ada.key")
    for name in ("bot", "ada"):
        words = ("decide", GATE, "approve", "--digest", digest, "--manager", name, "--passphrase-file", "../agent")
        assert run(*words).exception is not None, f"{name} decided"


def _is_shown(target: Path, before: str) -> None:
    """Hold that the attempt is shown by status, or that everything is as it was."""
    shown = run("status")
    told = shown.stdout if shown.exception is None else str(shown.exception)
    marks = r"signature|root|does not hold|manager|gone|key|no such|cannot be read"
    unchanged = shown.exception is None and shown.stdout == before
    assert unchanged or re.search(marks, told), told


def _tried(target: Path, steps: tuple[Step, ...]) -> None:
    before = said("status")
    state = Workspace.open(target).state
    key = PublicKey.parse(read_config(target).managers[0].public_key)
    for step in steps:
        step(target)
    _decides(target)
    _is_shown(target, before)
    counts = TrustStore(state, target).read()
    if counts.root and counts.pinned and counts.chain.fingerprint == counts.pinned.fingerprint:
        mine = key in counts.managers().values()
        assert mine or "root" in run("status").stdout, "another root counts, and nothing says so"


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_no_step_of_an_agent_with_a_shell_decides(target: Path, step: Step) -> None:
    _tried(target, (step,))


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("first", STEPS[:-1], ids=lambda step: step.__name__)
def test_no_two_steps_of_an_agent_with_a_shell_decide(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: Step
) -> None:
    for one, other in combinations(STEPS, 2):
        if one is not first:
            continue
        top = tmp_path / other.__name__
        shutil.copytree(made, top, symlinks=True)
        at_home(top, monkeypatch)
        monkeypatch.chdir(top / "acme")
        try:
            _tried(top / "acme", (one, other))
        except AssertionError as error:
            raise AssertionError(f"{one.__name__}, {other.__name__}: {error}") from error
        os.chdir(tmp_path)
        shutil.rmtree(top)


def test_the_manager_herself_decides(target: Path) -> None:
    digest = json.loads(said("gate", GATE, "--json"))["digest"]
    given = ("--manager", "ada", "--passphrase-file", "../passphrase")
    assert "signed" in said("decide", GATE, "approve", "--digest", digest, *given)
