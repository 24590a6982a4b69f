"""The official MCP client works as all eight roles through a whole run, beside processes that are killed."""

import asyncio
import os
import signal
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from acceptance.assistant import Assistant, Refusal, assistants, compact, insists, perfect
from acceptance.person import COMMAND, PASSPHRASE, environment, phasegate
from phasegate.app import open_app
from phasegate.demo import account
from phasegate.ledger.events import DecisionTaken, Drafted, ReviewReported
from phasegate.store.schema import work_items
from unit.authors.sample_spec import FOLDER
from unit.authors.test_model import EVERYBODY, target
from unit.ledger.chain_check import first_break

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
PHASES = ("specify", "plan", "tasks", "build", "release")


@dataclass
class Worker:
    """A worker process in a group of its own."""

    folder: Path
    home: Path
    _process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        with (self.home / "worker.log").open("ab") as log:
            self._process = subprocess.Popen(
                [COMMAND, "worker"],
                cwd=self.folder,
                env=environment(self.home),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill(self) -> None:
        assert self._process
        assert self._process.poll() is None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


@dataclass
class Course:
    """What happened to the orders of a run, and which kills are still to come."""

    worker: Worker
    winners: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)
    """What whoever lost a race was told."""
    roles: set[str] = field(default_factory=set)
    worker_dies_in: list[str] = field(default_factory=lambda: ["plan", "build"])
    server_dies_in: list[str] = field(default_factory=lambda: ["tasks", "release"])

    def falls(self, kills: list[str], phase: str) -> bool:
        """Return whether a kill is due in the phase, which counts it."""
        if phase not in kills:
            return False
        kills.remove(phase)
        return True


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A repository with a sentence, in which an assistant works as every role and Ada decides."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "passphrase").write_text(PASSPHRASE + "\n")
    with account(0) as served:
        folder = target(tmp_path / "target", more="", endpoint=served.address)
        config = folder / "phasegate.toml"
        config.write_text(config.read_text().replace('flow = "sdlc"', 'flow = "sdlc"\nmodel = "assistant"'))
        passphrase = str(home / "passphrase")
        made = phasegate(folder, "manager", "init", "--name", "ada", "--passphrase-file", passphrase, home=home)
        assert made.code == 0, made.err
        git = ["git", "-c", "user.name=ada", "-c", "user.email=ada@example.org", "commit", "-aqm", "Ada decides"]
        subprocess.run(git, cwd=folder, check=True)
        yield folder


@pytest.fixture
async def worker(folder: Path) -> AsyncIterator[Worker]:
    worker = Worker(folder=folder, home=folder.parent / "home")
    worker.start()
    yield worker
    worker.kill()


async def test_two_assistants_race_through_a_run_whose_processes_are_killed(folder: Path, worker: Worker) -> None:
    home = folder.parent / "home"
    course = Course(worker=worker)
    async with assistants(folder, home, "one", "two") as (one, two):
        begun = await asyncio.to_thread(phasegate, folder, "run", FOLDER, "--detach", home=home)
        assert begun.code == 0, begun.err
        [run] = [row["id"] for row in (await one.call("list_runs"))["runs"]]
        async with asyncio.timeout(240):
            while (whole := await one.call("get_run", run=run))["status"] not in ("released", "rejected", "parked"):
                for item in (await one.call("list_work"))["items"]:
                    await race(course, one, two, item)
                await decide(folder, whole)
                await asyncio.sleep(0.05)
        assert whole["status"] == "released", compact(whole)
    await holds(folder, run, course)


async def race(course: Course, one: Assistant, two: Assistant, item: dict[str, Any]) -> None:
    """Have both take an order at once; who wins works, and whoever loses hands in all the same."""
    name, phase = item["item"], item["phase"]
    taken = await asyncio.gather(*(each.call("take_work", item=name) for each in (one, two)), return_exceptions=True)
    [(winner, order)] = [(w, t) for w, t in zip((one, two), taken, strict=True) if isinstance(t, dict)]
    [lost] = [each for each in taken if isinstance(each, Refusal)]
    loser = two if winner is one else one
    course.told.append(str(lost))
    course.winners[name] += 1
    course.roles.add(order["role"])
    answer = perfect(order)
    with pytest.raises(Refusal, match="you do not hold"):
        await loser.call("hand_in_work", item=name, lease="x" * 32, answer=answer)
    wanted = {"item": name, "lease": order["lease"], "answer": answer}
    if course.falls(course.server_dies_in, phase):
        await winner.kill_server()  # what it holds is still its own
        await insists(winner, "hand_in_work", **wanted)
    else:
        await winner.call("hand_in_work", **wanted)
    if course.falls(course.worker_dies_in, phase):
        course.worker.kill()
        course.worker.start()


async def decide(folder: Path, whole: dict[str, Any]) -> None:
    """Approve the run's open gate, as a person does."""
    home = folder.parent / "home"
    for gate in (row for row in whole["gates"] if row["status"] == "open"):
        name = f"{whole['id']}/{gate['gate']}"
        key = ("--passphrase-file", str(home / "passphrase"))
        words = ("decide", name, "approve", "--digest", gate["digest"], *key)
        taken = await asyncio.to_thread(phasegate, folder, *words, home=home)
        assert taken.code == 0, taken.err


async def holds(folder: Path, run: str, course: Course) -> None:
    """Check that nothing is lost or doubled, and that a person alone decided."""
    assert course.roles == set(EVERYBODY)
    assert (course.worker_dies_in, course.server_dies_in) == ([], [])
    assert set(course.winners.values()) == {1}
    assert all("holds" in told and "take another one" in told for told in course.told)
    verified = phasegate(folder, "verify", run, home=folder.parent / "home")
    assert verified.code == 0, verified.err
    [wheel] = (folder / ".phasegate" / "index" / "acme-runbooks").glob("*.whl")
    async with open_app(folder) as app:
        events = await app.ledger.events(run)
        assert first_break(events, app.ledger.key) == 0
        decided = [event for event in (entry.event for entry in events) if isinstance(event, DecisionTaken)]
        assert [(event.phase, event.by) for event in decided] == [(phase, "ada") for phase in PHASES]
        gates = [f"{gate.key.phase}/{gate.key.attempt}" for gate in await app.ledger.gates(run)]
        assert gates == [f"{phase}/1" for phase in PHASES]
        keys = [entry.key for entry in events if isinstance(entry.event, (Drafted, ReviewReported))]
        rows = [row for phase in app.flow.phases for row in (*phase.authors, *phase.reviews)]
        assert len(keys) == len(set(keys)) == len(rows), keys
        orders = await app.database.read(lambda c: [dict(row) for row in c.execute(sa.select(work_items)).mappings()])
    assert {order["id"] for order in orders} == set(course.winners)
    assert all(order["closed_at"] and not order["rounds"] for order in orders)
    assert wheel.stat().st_size > 0
