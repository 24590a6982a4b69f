"""A run with everything on, whose worker is killed again and again at random: nothing is lost outside, nothing twice.

The services speak their real protocols on loopback, and the servers of tools are the installed command's own. Jira's
search knows a new issue only after some seconds, as the Cloud's does.
"""

import json
import os
import random
import signal
import sqlite3
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import tomlkit

from acceptance.person import COMMAND, PASSPHRASE, environment, phasegate
from phasegate.demo import account
from services import serve
from services.confluence import BOT as WRITER
from services.confluence import ConfluenceService
from services.jira import BOT, JiraService
from services.jira_state import Issue
from services.slack import TOKEN, SlackService
from services.teams import PATH, TeamsService
from unit.authors.sample_spec import FOLDER, RUNBOOK, SPEC

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

KILLS = 10
LAG = 4.0
MIRROR: dict[str, Any] = {
    "link": "https://phasegate.example.com",
    "jira": {"project": "OPS", "subtasks": True, "statuses": {"working": "In Progress", "waiting": "In Review"}},
    "confluence": {"space": "OPS"},
    "slack": {"channel": "C0OPS"},
    "teams": {},
}


class LaggingJira(JiraService):
    """Whose search finds an issue some seconds after it was made."""

    def add(self, summary: str, **fields: Any) -> Issue:
        issue = super().add(summary, **fields)
        self.unindexed.add(issue.key)
        threading.Timer(LAG, self.unindexed.discard, [issue.key]).start()
        return issue


@dataclass
class Place:
    """A repository, the services that follow it, and a worker that comes and goes."""

    folder: Path
    env: dict[str, str]
    jira: JiraService
    confluence: ConfluenceService
    slack: SlackService
    teams: TeamsService
    kills: int = 0
    hits: int = 0
    """Kills while something was being told."""
    worker: "subprocess.Popen[bytes] | None" = None
    chance: random.Random = field(default_factory=random.Random)

    def begins(self) -> None:
        """A worker, in a process group of its own."""
        with (self.folder.parent / "worker.log").open("ab") as log:
            self.worker = subprocess.Popen(
                [COMMAND, "worker"],
                cwd=self.folder,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def lives(self) -> None:
        """For a while; every other time until something is being told just then."""
        end = time.monotonic() + self.chance.uniform(0.2, 9)
        if self.kills % 2:
            telling = "select 1 from effects where key like '%/mirror/%' and receipt is null"
            end = time.monotonic() + 20
            while not self.asks(telling) and time.monotonic() < end:
                time.sleep(0.005)
            self.hits += bool(self.asks(telling))
            end = time.monotonic() + self.chance.uniform(0, 0.4)
        time.sleep(max(0.0, end - time.monotonic()))

    def dies(self) -> None:
        """kill -9 of the worker and of all that it started."""
        assert self.worker
        os.killpg(self.worker.pid, signal.SIGKILL)
        self.worker.wait()
        self.kills += 1

    def asks(self, query: str) -> list[Any]:
        with closing(sqlite3.connect(f"file:{self.folder}/.phasegate/phasegate.db?mode=ro", uri=True, timeout=30)) as c:
            return [row[0] for row in c.execute(query)]

    def decides(self) -> None:
        """What the manager does: approves the gate that waits, if one does."""
        for row in self.says("gates", "--json").json:
            words = ("decide", row["gate"], "approve", "--digest", row["digest"])
            said = self.says(*words, "--passphrase-file", str(self.folder.parent / "passphrase"))
            assert said.code == 0, said.err

    def says(self, *words: str) -> Any:
        return phasegate(self.folder, *words, home=self.folder.parent)

    def is_told(self) -> bool:
        """Whether every place was told of everything."""
        late = "select count(*) from mirrors m where run != '' and place not like '%/%' and (trouble != '' or seq < "
        last = (
            "(select max(seq) from events e where e.run = m.run and key not like 'mirror:%' and key not like 'tool:%'))"
        )
        return bool(self.asks("select 1 from mirrors where run != ''")) and self.asks(late + last) == [0]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    with ExitStack() as stack:
        jira, confluence, slack, teams = LaggingJira(), ConfluenceService(), SlackService(), TeamsService()
        slack.now = lambda: datetime.now(UTC)
        aws = stack.enter_context(account(0))
        at = [stack.enter_context(serve(service)) for service in (jira, confluence, slack, teams)]
        env = environment(
            tmp_path,
            JIRA_URL=at[0],
            JIRA_EMAIL=BOT.email,
            JIRA_TOKEN=BOT.token,
            CONFLUENCE_URL=f"{at[1]}/wiki",
            CONFLUENCE_EMAIL=WRITER[0],
            CONFLUENCE_TOKEN=WRITER[1],
            SLACK_BOT_TOKEN=TOKEN,
            SLACK_API_URL=f"{at[2]}/api/",
            TEAMS_WEBHOOK_URL=f"{at[3]}{PATH}",
        )
        found = Place(tmp_path / "acme-runbooks", env, jira, confluence, slack, teams)
        _lay(found, aws.address)
        yield found
        if found.worker and found.worker.poll() is None:
            found.dies()


def _lay(place: Place, endpoint: str) -> None:
    top = place.folder.parent
    (top / "passphrase").write_text(PASSPHRASE + "\n")
    assert phasegate(top, "init", "acme-runbooks", home=top).code == 0
    assert place.says("manager", "init", "--name", "ada", "--passphrase-file", "../passphrase").code == 0
    for name, text in (("spec.md", SPEC), ("runbook.yaml", RUNBOOK)):
        (place.folder / FOLDER).mkdir(parents=True, exist_ok=True)
        (place.folder / FOLDER / name).write_text(text)
    config = tomlkit.parse((place.folder / "phasegate.toml").read_text())
    config["mirror"] = MIRROR
    aws = {"endpoint_url": endpoint, "region": "us-east-1", "inventory": ["us-east-1"], "as_of": "2026-11-18T20:10:00Z"}
    config["aws"] = aws
    (place.folder / "phasegate.toml").write_text(tomlkit.dumps(config))
    assert place.says("trust", "sign", "--passphrase-file", "../passphrase").code == 0
    git = ["git", "-c", "user.name=ada", "-c", "user.email=ada@example.org"]
    subprocess.run([*git, "add", "-A"], cwd=place.folder, check=True)
    subprocess.run([*git, "commit", "-qm", "Ada decides"], cwd=place.folder, check=True)
    granting = [str(COMMAND), "mirror", "grant", "--passphrase-file", "../passphrase"]
    subprocess.run(granting, cwd=place.folder, env=place.env, check=True, capture_output=True)


def test_a_run_with_everything_on_is_told_once_though_its_worker_is_killed_ten_times(place: Place) -> None:
    seed = int(os.environ.get("PHASEGATE_TEST_SEED", time.time_ns() % 1_000_000))
    place.chance.seed(seed)
    print(f"seed {seed}")
    with _deadline(600):
        place.begins()
        _until(lambda: bool(place.asks("select 1 from mirrors where run = '' and place = 'teams'")))
        assert place.says("run", FOLDER, "--detach").code == 0
        while place.kills < KILLS:
            place.lives()
            place.dies()
            place.begins()
            place.decides()
        while place.asks("select status from runs") != ["released"]:
            place.decides()
            time.sleep(0.5)
        _until(place.is_told)
    _nothing_lost_nothing_twice(place)


def _nothing_lost_nothing_twice(place: Place) -> None:
    run = place.asks("select id from runs")[0]
    plan = subprocess.run(
        ["git", "show", f"phasegate/{run}:{FOLDER}/plan.md"],
        cwd=place.folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "us-east-1 | 11" in plan
    tasks = subprocess.run(
        ["git", "show", f"phasegate/{run}:{FOLDER}/tasks.md"],
        cwd=place.folder,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    wanted = [line.split()[3] for line in tasks.splitlines() if line.startswith("- [")]

    (ticket,) = [issue for issue in place.jira.issues.values() if "phasegate-run" in issue.labels]
    children = [issue.summary.split()[0] for issue in place.jira.issues.values() if issue.parent == ticket.key]
    assert sorted(children) == sorted(wanted)
    said = Counter(str(comment.body).partition("\n")[0].partition(": ")[2] for comment in ticket.comments)
    gates = ("spec review", "architecture review", "test planning", "build review", "release")
    told = [f"{gate} {what}" for gate in gates for what in ("waits for a decision", "approved by ada")]
    assert said == Counter([*told, "released as acme-runbooks 0.1.0"])

    titles = Counter(page.now.title for page in place.confluence.pages.values())
    assert len(titles) >= 3
    assert set(titles.values()) == {1}

    keys = Counter(message.metadata["event_payload"]["key"] for message in place.slack.ops.messages)
    assert set(keys.values()) == {1}
    texts = [message.text for message in place.slack.ops.messages]
    for gate in gates:
        title = f"{gate[:1].upper()}{gate[1:]}: Free volumes"
        assert len([text for text in texts if text.startswith(title) or f"{gate} approved by ada" in text]) == 1
    assert not [m for m in place.slack.ops.messages if "phasegate-approve" in str(m.blocks)], "a card was not closed"
    assert len([text for text in texts if "released as" in text]) == 1

    cards = Counter(json.dumps(message, sort_keys=True) for message in place.teams.messages)
    assert set(cards.values()) == {1}
    unknown = len(place.asks("select body from events where key like 'mirror:teams/%'"))
    assert len(cards) >= len(gates) + 1 - unknown  # a gate that was decided first has no card of its own
    print(f"{place.kills} kills, {place.hits} while something was told; {unknown} cards of Teams unknown, and said so")


def _until(holds: Any, seconds: float = 240) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not come to hold"
        time.sleep(0.2)


@contextmanager
def _deadline(seconds: float) -> Iterator[None]:
    end = time.monotonic() + seconds
    yield
    assert time.monotonic() < end, f"it took longer than {seconds:.0f} s"
