"""A run whose processes are killed with kill -9, again and again, ends as one that nobody disturbed."""

import os
import signal
import sqlite3
import subprocess
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from acceptance.person import COMMAND, environment, phasegate
from phasegate.demo import account
from unit.authors.sample_spec import FOLDER, OWN, sample_repository

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

RESUME = ("run", "--resume", "{run}")
WORKER = ("worker",)


def _content(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith(OWN)}


@dataclass(frozen=True, kw_only=True)
class Moment:
    """When a process is killed, and which one takes the run on."""

    name: str
    begun: str
    """Key of the event, or of the effect, after which it is."""
    ended: str
    """Key of the event that would end it."""
    sandboxed: bool = False
    """Whether it is awaited that a sandbox works."""
    next: tuple[str, ...] = RESUME


MOMENTS = (
    Moment(name="draft", begun="phase:specify/1/1", ended="draft:specify/1/1/spec"),
    Moment(name="review", begun="draft:plan/1/1/plan", ended="gate:plan/1", next=WORKER),
    Moment(name="build", begun="phase:build/1/1", ended="draft:build/1/1/tests"),
    Moment(name="checks", begun="draft:build/1/1/tests", ended="check:build/1/1/tests-pass", sandboxed=True),
    Moment(name="release", begun="phase:release/1/1", ended="draft:release/1/1/release", sandboxed=True),
    Moment(name="publish", begun="effect:publish", ended="effect:release/publish", next=WORKER),
    Moment(name="install", begun="effect:install", ended="effect:release/install"),
    Moment(name="smoke", begun="effect:smoke", ended="effect:release/smoke"),
)


@dataclass
class Place:
    """A repository in which a run goes on, and what the database says of it."""

    folder: Path
    killed: dict[str, str] = field(default_factory=dict)
    """By moment: the keys that were there when the process was killed."""
    orphans: set[int] = field(default_factory=set)

    def start(self, *words: str) -> "subprocess.Popen[bytes]":
        """Starts the command in a process group of its own."""
        log = (self.folder.parent / f"{self.folder.name}.log").open("ab")
        with log:
            return subprocess.Popen(
                [COMMAND, *words],
                cwd=self.folder,
                env=environment(self.folder.parent),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def run(self) -> str:
        """The run's id."""
        return self._ask("select id from runs")[0]

    def happened(self) -> set[str]:
        """Events, and effects that have begun as `effect:NAME`."""
        begun = self._ask("select key from effects")
        return {*self._ask("select key from events"), *(f"effect:{key.rpartition('/')[2]}" for key in begun)}

    def status(self) -> str:
        return "".join(self._ask("select status from runs"))

    def tree(self) -> list[str]:
        """Files of the commit that the branch is at after the run, but what follows from the repository's own root."""
        lines = self._git("ls-tree", "-r", "main").splitlines()
        return [line for line in lines if not line.endswith(OWN)]

    def index(self) -> dict[str, dict[str, bytes]]:
        """Files of the index, each wheel with its files, but what follows from the repository's own root."""
        shelf = self.folder / ".phasegate" / "index" / "acme-runbooks"
        return {file.name: _content(file) if file.suffix == ".whl" else {} for file in sorted(shelf.iterdir())}

    def published_at(self) -> list[int]:
        shelf = self.folder / ".phasegate" / "index"
        return [file.stat().st_mtime_ns for file in sorted(shelf.rglob("*.whl"))]

    def _git(self, *words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=self.folder, check=True, capture_output=True, text=True
        ).stdout.strip()

    def _ask(self, query: str) -> list[str]:
        database = self.folder / ".phasegate" / "phasegate.db"
        if not database.exists():
            return []
        connection = sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)
        try:
            return [str(row[0]) for row in connection.execute(query)]
        except sqlite3.OperationalError:  # no table yet
            return []
        finally:
            connection.close()


def kill(place: Place, process: "subprocess.Popen[bytes]", moment: Moment) -> None:
    """Waits for the moment, and kills the whole process group."""
    await_(lambda: moment.begun in place.happened() or process.poll() is not None, moment.name)
    if moment.sandboxed:
        await_(
            lambda: (
                any(map(is_sandbox, below(process.pid)))
                or moment.ended in place.happened()
                or process.poll() is not None
            ),
            moment.name,
        )
    children = below(process.pid)
    assert process.poll() is None, f"it ended before its {moment.name}"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    place.killed[moment.name] = "early" if moment.ended not in place.happened() else "late"
    place.orphans |= children


def below(process: int) -> set[int]:
    """The processes that stem from this one."""
    parents: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    found, fresh = set[int](), {process}
    while fresh:
        fresh = {child for child, parent in parents.items() if parent in fresh}
        found |= fresh
    return found


def is_sandbox(process: int) -> bool:
    try:
        command = Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False
    return any(name in command for name in (b"bwrap", b"landlock", b"sandlock", b"supervise"))


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except OSError:
        return False


def await_(holds: Callable[[], bool], what: str, seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"{what} did not come"
        time.sleep(0.005)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, Place]:
    """Two repositories with a released run each: the first was killed at every moment, the second at none."""
    top = tmp_path_factory.mktemp("killed")
    with account(0) as served:
        hit, calm = (_place(top / name, served.address) for name in ("hit", "calm"))
        undisturbed = calm.start("run", FOLDER, "--policy", "demo")
        _go_through(hit)
        assert undisturbed.wait(240) == 0, (top / "calm.log").read_text()
    return hit, calm


def _place(folder: Path, endpoint: str) -> Place:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CONFIG_HOME", str(folder.parent / ".config"))  # the commands know its root, too
        return Place(folder=sample_repository(folder, endpoint=endpoint, managers={}))


def _go_through(place: Place) -> None:
    words: tuple[str, ...] = ("run", FOLDER, "--policy", "demo")
    published: list[int] = []
    for moment in MOMENTS:
        kill(place, place.start(*words), moment)
        if moment.name == "install":
            published = place.published_at()
        words = tuple(word.format(run=place.run()) for word in moment.next)
    last = place.start(*words)
    assert last.wait(240) == 0, place.folder.with_suffix(".log").read_text()
    assert place.published_at() == published


def test_every_kill_hit_its_moment(places: tuple[Place, Place]) -> None:
    hit, _ = places
    assert set(hit.killed) == {moment.name for moment in MOMENTS}
    # A sandbox works for seconds and is waited for; whether one of the others is caught inside is luck.
    assert {hit.killed[moment.name] for moment in MOMENTS if moment.sandboxed} == {"early"}


def test_the_tree_is_that_of_an_undisturbed_run(places: tuple[Place, Place]) -> None:
    hit, calm = places
    assert (hit.status(), calm.status()) == ("released", "released")
    assert hit.tree() == calm.tree()


def test_the_wheel_is_that_of_an_undisturbed_run_and_there_is_no_other(places: tuple[Place, Place]) -> None:
    hit, calm = places
    assert hit.index() == calm.index()
    assert [name for name in hit.index() if name.endswith(".whl")] == ["acme_runbooks-0.1.0+demo-py3-none-any.whl"]


def test_the_same_things_happened(places: tuple[Place, Place]) -> None:
    hit, calm = places
    assert hit.happened() == calm.happened()


def test_no_process_is_left(places: tuple[Place, Place]) -> None:
    hit, _ = places
    await_(lambda: not any(map(is_alive, hit.orphans)), "the end of what the sandbox ran", seconds=10)


def test_what_was_released_verifies(places: tuple[Place, Place]) -> None:
    hit, _ = places
    said = phasegate(hit.folder, "verify", hit.run(), "--json", home=hit.folder.parent)
    assert said.code == 0, said.err
