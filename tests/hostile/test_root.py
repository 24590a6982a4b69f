"""An agent with a shell in the manager's account: it may write every file, and has neither her key nor her passphrase.

Each step is done alone, and in pairs. After it the agent decides at every open gate as everybody whom it can be, and
has a worker take every run on. None of it brings a run a phase further, and what `status`, `verify` and the gates show
is as before, or says what is wrong.
"""

import asyncio
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import combinations
from pathlib import Path

import pytest

from hostile.root_scene import BOT, HERS, LOG, PASSPHRASE, RUNS, make, team
from hostile.root_steps import CANARY, GENERATED, ROOT_STEPS, UNSEEN_STEPS, Step, sql
from phasegate.app import App, open_app
from phasegate.cli.keys import home_of_keys
from phasegate.core import FixedClock, PhasegateError
from phasegate.identity import Accounts
from phasegate.ledger import DecisionKind, GateKey, GateRow, GateStatus, RunStatus, unlock_key
from phasegate.team import load_team
from phasegate.trust import TrustStore
from phasegate.workspace import Workspace
from unit.cli.repository import NOW, at_home, run
from unit.web.fixtures import COOKIE, QUICK, page_of

PHASES = load_team(None).flow("sdlc").phase_ids
ROUNDS, STRONG_TURNS = 2, 2
"""How often the agent decides and has a worker go on, as a void gate is opened anew; pairs of each generated step."""
STRONGEST = [
    step
    for step in (*ROOT_STEPS, *GENERATED)
    if step.name
    in (
        "pins_what_is_there",
        "lays_a_root_of_the_same_repository",
        "forgets_what_was_pinned",
        "approves_in_the_database",
        "replaces_the_system_s_key",
        "row-events-removed",
        "system-key-forges-her-approval-as-used",
        "checkpoint-past-the-second-gate",
    )
]
"""Steps that take a support of the record away, with which each generated one is tried in turn."""
_TOLD = re.compile(
    r"waits? for a manager's signature|\broot\b|does not hold|was gone through without|is gone|counts for nothing"
    r"|a checkpoint was stored as|the queue's row '\S+' was changed|cannot be (read|used|opened)|no such"
    r"|not in this repository"
)
"""What a face says where something is not as it was signed."""


@dataclass(frozen=True)
class Faces:
    """What a person is shown."""

    status: str
    verify: str
    verified: bool
    gates: dict[GateKey, tuple[str, ...]]
    """Of each open gate, what it shows; one line where it says that its record does not hold."""


@dataclass
class Attempt:
    """What came of what the agent did."""

    decided: list[str] = field(default_factory=list)
    """By whom a decision was taken."""
    troubles: list[str] = field(default_factory=list)
    """What the worker was refused."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository of the manager ada."""
    top = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        make(top, patch)
    return top


@pytest.fixture(scope="module")
def before(made: Path) -> Faces:
    """What is shown there before anything was done."""
    with pytest.MonkeyPatch.context() as patch:
        at_home(made, patch)
        patch.chdir(made / "acme")
        return _faces(asyncio.run(_gates()))


@pytest.fixture
def target(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of it, in which the agent works."""
    kept = dict(os.environ)
    yield _laid(made, tmp_path, monkeypatch)
    os.environ.clear()
    os.environ.update(kept)


def _laid(made: Path, top: Path, patch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(made, top, dirs_exist_ok=True, symlinks=True)
    at_home(top, patch)
    patch.chdir(top / "acme")
    patch.setenv(CANARY, str(top / "canary"))
    # A root is known by the place of its repository, too, which is another one now.
    TrustStore(Workspace.open(top / "acme").state, top / "acme").read()
    return top / "acme"


def _said(*words: str) -> tuple[str, bool]:
    done = run(*words)
    told = f"{done.output}\n{done.exception or ''}"
    assert done.exception is None or isinstance(done.exception, PhasegateError), f"{words}: {done.exception!r}"
    return told, done.exception is None


def _faces(gates: dict[GateKey, tuple[str, ...]]) -> Faces:
    verify, verified = _said("verify", "r0")
    return Faces(status=_said("status")[0], verify=verify, verified=verified, gates=gates)


async def _gates() -> dict[GateKey, tuple[str, ...]]:
    try:
        async with open_app(Path.cwd(), clock=FixedClock(NOW)) as app:
            rows, _ = await app.ledger.waiting(0, 50)
    except PhasegateError as error:
        return dict.fromkeys([GateKey(name, "", 0) for name in RUNS], (str(error),))
    return {row.gate.key: _shown(row) for row in rows}


def _shown(row: GateRow) -> tuple[str, ...]:
    return (row.broken,) if row.broken else (row.gate.digest, *(report.body for report in row.reports))


async def _goes_on(attempt: Attempt) -> None:
    """Decide at every open gate as each whom the agent can be, then take every run on as a worker does."""
    try:
        async with open_app(Path.cwd(), clock=FixedClock(NOW)) as app:
            for gate in (await app.ledger.waiting(0, 50))[0]:
                await _decides(app, gate, attempt)
            await _works(app, attempt)
    except PhasegateError as error:
        attempt.troubles.append(str(error))


async def _decides(app: App, row: GateRow, attempt: Attempt) -> None:
    for name in ("bot", "ada"):
        try:
            digest = row.gate.digest
            await app.decide(row.gate, DecisionKind.approve, app.person(name), BOT, digest=digest)
        except PhasegateError as error:
            attempt.troubles.append(str(error))
        else:
            attempt.decided.append(f"{name} at {row.gate.key}")


async def _works(app: App, attempt: Attempt) -> None:
    async with team(app) as engine:
        for each in await app.ledger.runs():
            try:
                await engine.advance(each.id)
            except Exception as error:
                attempt.troubles.append(str(error))
                await app.ledger.set_status(each.id, RunStatus.parked, str(error))


def _tried(before: Faces, step: Step, other: Step | None = None) -> None:
    target = Path.cwd()
    step.do(target)
    if other:
        with suppress(Exception):  # the first may have taken away what the second one needs
            other.do(target)
    LOG.done.clear()
    gates, attempt = asyncio.run(_gates()), Attempt()
    now, left = gates, ROUNDS
    while left and (left == ROUNDS or now != gates):
        asyncio.run(_goes_on(attempt))
        now, left = asyncio.run(_gates()), left - 1
    assert not attempt.decided, f"decided: {attempt.decided}"
    further = [done for done in sorted(LOG.done) if _is_further(*done.split(" "))]
    assert not further, f"went further: {further}"
    assert not Path(os.environ[CANARY]).exists(), "what the agent planted ran"
    _are_told(before, _faces(gates))


def _is_further(name: str, phase: str, _: str) -> bool:
    if phase == "effect":
        return name != "r0"
    return PHASES.index(phase) > PHASES.index(RUNS.get(name, PHASES[0]))


def _are_told(before: Faces, now: Faces) -> None:
    """Hold that what is shown is as before, or says what is wrong."""
    new = "\n".join(line for line in now.status.splitlines() if line not in before.status.splitlines())
    assert now.status == before.status or _TOLD.search(" ".join(new.split())), f"status changed to {now.status}"
    told = bool(_TOLD.search(" ".join(new.split())))
    if now.verified:
        changed = [line for line in now.verify.splitlines() if line not in before.verify.splitlines()]
        assert not changed or told, f"verify holds, and says other things: {changed}"
    for key, shown in before.gates.items():
        broken = len(now.gates.get(key, ())) == 1
        assert now.gates.get(key) == shown or broken or told, f"gate {key} is another, and nothing says so"


@pytest.mark.parametrize("step", [*ROOT_STEPS, *GENERATED], ids=lambda step: step.name)
def test_no_step_of_an_agent_with_a_shell_brings_a_run_further(target: Path, before: Faces, step: Step) -> None:
    _tried(before, step)


@pytest.mark.xfail(reason="no manager has signed what is cut off or rewritten: docs/threat-model.md", strict=True)
@pytest.mark.parametrize("step", UNSEEN_STEPS, ids=lambda step: step.name)
def test_no_step_with_the_system_s_key_brings_a_run_further(target: Path, before: Faces, step: Step) -> None:
    _tried(before, step)


def _pairs() -> dict[str, list[tuple[Step, Step]]]:
    """Return all pairs of steps against the root, and each other step after two of the strongest in turn, by the first.

    All of them would take hours; which ones are taken is the same each time.
    """
    pairs: dict[str, list[tuple[Step, Step]]] = {}
    for one, other in combinations(ROOT_STEPS, 2):
        pairs.setdefault(one.name, []).append((one, other))
    for place, step in enumerate(GENERATED):
        for turn in range(STRONG_TURNS):
            strong = STRONGEST[(place + turn * 3) % len(STRONGEST)]
            if strong is not step:
                pairs.setdefault(f"{strong.name}-then", []).append((strong, step))
    return pairs


PAIRS = _pairs()


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("first", PAIRS)
def test_no_two_steps_of_an_agent_with_a_shell_bring_a_run_further(
    made: Path, before: Faces, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, first: str
) -> None:
    kept, failed = dict(os.environ), []
    for place, (one, other) in enumerate(PAIRS[first]):
        top = tmp_path / str(place)
        _laid(made, top, monkeypatch)
        try:
            _tried(before, one, other)
        except AssertionError as error:
            failed.append(f"{one.name}, {other.name}: {error}")
        finally:
            os.environ.clear()
            os.environ.update(kept)
        os.chdir(tmp_path)
        shutil.rmtree(top)
    assert not failed, "\n".join(failed)


def test_there_are_enough_steps() -> None:
    assert len({step.name for step in (*ROOT_STEPS, *GENERATED)}) == len(ROOT_STEPS) + len(GENERATED) >= 60
    assert len(STRONGEST) == 8


def test_nothing_changes_where_nothing_was_done(target: Path, before: Faces) -> None:
    _tried(before, Step("nothing", lambda _: None))
    assert _faces(asyncio.run(_gates())) == before
    assert before.verified


@pytest.mark.parametrize("name", ["r1", "r3"])
def test_the_manager_herself_brings_a_run_further(target: Path, name: str) -> None:
    async def decides() -> None:
        ada = unlock_key(home_of_keys() / "ada.key", HERS)
        async with open_app(target, clock=FixedClock(NOW)) as app, team(app) as engine:
            (gate,) = await app.ledger.gates(name, GateStatus.open)
            await app.decide(gate, DecisionKind.approve, app.person("ada"), ada, digest=gate.digest)
            await engine.advance(name)

    LOG.done.clear()
    asyncio.run(decides())
    assert any(_is_further(*done.split(" ")) for done in LOG.done), LOG.done


async def _account(target: Path, name: str) -> None:
    """Lay an account into the database under a passphrase and a key of the agent's."""
    async with open_app(target, clock=FixedClock(NOW)) as app:
        accounts = Accounts(app.database, app.clock, QUICK)
        await accounts.add(name, PASSPHRASE, (home_of_keys() / "bot.key").read_bytes(), BOT.public)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("lists_itself", "waits for a manager&#39;s signature"),
        ("names_itself_approver", "waits for a manager&#39;s signature"),
        ("lays_a_root_into_the_work_tree", "counts for nothing"),
        ("lays_a_root_everywhere", "the one known here is"),
        ("removes_the_roots", "is gone"),
        ("approves_in_the_database", "does not hold"),
        ("row-runs-released", "does not hold"),
        ("row-gates-removed", "its row is gone"),
        ("row-runs-removed", "its row is gone"),
        ("system-key-forges-her-approval", "is not theirs"),
    ],
)
async def test_the_page_shows_what_was_done(target: Path, name: str, says: str) -> None:
    await _account(target, "ada")
    step = next(step for step in (*ROOT_STEPS, *GENERATED) if step.name == name)
    await asyncio.to_thread(step.do, target)
    async with open_app(target, clock=FixedClock(NOW)) as app, page_of(app, "ada", PASSPHRASE) as browser:
        for page in ("/", "/runs"):
            assert says in (await browser.client.get(page)).text, page


@pytest.mark.parametrize("name", ["ada", "bot"])
async def test_an_account_of_the_agent_s_decides_nothing_on_the_page(target: Path, name: str) -> None:
    await _account(target, name)
    async with open_app(target, clock=FixedClock(NOW)) as app, page_of(app, name, PASSPHRASE) as browser:
        answer = await browser.decide(GateKey("r1", "specify", 1), "approve")
        assert answer.status_code == 403, answer.text
        assert not await app.ledger.taken(GateKey("r1", "specify", 1))


async def test_a_session_s_row_signs_nobody_in(target: Path) -> None:
    await _account(target, "ada")
    mark = sha256(b"minted").hexdigest()
    sql(target, f"insert into sessions values (x'{mark}', 'ada', 0, 9999999999)")
    async with open_app(target, clock=FixedClock(NOW)) as app, page_of(app) as browser:
        browser.client.cookies.set(COOKIE, "minted")
        answer = await browser.client.get("/")
        assert answer.status_code == 401, answer.text
