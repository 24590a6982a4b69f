"""A model that writes nonsense in every role of a run, and the person who has to help it at each step."""

import asyncio
import os
import re
import signal
import subprocess
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import tomlkit

from acceptance.person import COMMAND, PASSPHRASE, Said, environment
from phasegate.app import open_app
from phasegate.demo import account
from phasegate.ledger.events import DecisionTaken
from phasegate.team import Surface
from unit.authors.sample_spec import FOLDER, sample_repository
from unit.authors.test_model import EVERYBODY

PHASES = ("specify", "plan", "tasks", "build", "release")
SCREEN = 24
"""Lines that a terminal shows at once."""


@dataclass
class Team:
    """A repository in which the model works as every role, and the person who has to help it."""

    folder: Path
    model: str
    key: str = "none"
    screens: list[str] = field(default_factory=list)
    worked: set[str] = field(default_factory=set)
    """Roles whose work the person had to look at."""
    decided: list[tuple[str, str]] = field(default_factory=list)
    """Gate and kind of each decision that the person took."""

    def does(self, *words: str) -> Said:
        """Run the command without a terminal."""
        done = subprocess.run(
            [COMMAND, *words],
            cwd=self.folder,
            env=environment(self.folder.parent / "home", OPENAI_API_KEY=self.key, COLUMNS="100"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=3000,
            check=False,
        )
        return Said(code=done.returncode, out=done.stdout, err=done.stderr)

    def gives_up(self, role: str) -> None:
        """Have the compiler work as a role that the model cannot."""
        self.has(role, "compiler")

    def takes(self, roles: Collection[str]) -> None:
        """Have the model work as these roles."""
        for role in roles:
            self.has(role, self.model)

    def has(self, role: str, model: str) -> None:
        """Have a model work as a role."""
        config = self.folder / "phasegate.toml"
        document = tomlkit.parse(config.read_text())
        document["roles"][role]["model"] = model
        config.write_text(tomlkit.dumps(document))

    def decides(self, gate: str, kind: str, digest: str, *words: str) -> Said:
        """Decide at a gate as the manager, and remember it where it was recorded."""
        passphrase = ("--passphrase-file", str(self.folder.parent / "home" / "passphrase"))
        said = self.does("decide", gate, kind, "--digest", digest, *words, *passphrase)
        if said.code == 0:
            self.decided.append((gate, kind))
        return said

    def asked(self, run: str, phase: str = "") -> set[str]:
        """Return the roles as which the model was called, in all phases or in one."""
        rows = self.does("spend", run, "--by", "role", "--by", "phase", "--json").json["rows"]
        return {row["role"] for row in rows if phase in ("", row["phase"])}

    def recorded(self, run: str) -> list[tuple[str, str, str]]:
        """Return gate, kind and person of every decision in the run's record."""

        async def read() -> list[tuple[str, str, str]]:
            async with open_app(self.folder) as app:
                taken = await app.ledger.events_of(run, DecisionTaken)
                return [(str(each.gate(run)), each.decision, each.by) for each in taken]

        return asyncio.run(read())

    def leaves(self, *words: str) -> str:
        """Run the command with a worker that nobody watches until the run stands still, and return the run."""
        said = self.does(*words, "--detach")
        assert said.code == 0, said.err
        [(run, pid)] = re.findall(r"run (\w+): worker (\d+) takes it", said.out)
        try:
            while self.status(run) == "working":
                assert _lives(int(pid)), self.log()
                time.sleep(1)
        finally:
            _stop(int(pid))
        return str(run)

    def status(self, run: str) -> str:
        """Return whether the run works, waits, is parked or has ended."""
        return str(self.does("status", run, "--json").json["status"])

    def log(self) -> str:
        """Return what workers without a terminal wrote."""
        return "".join(file.read_text() for file in self.folder.rglob("worker.log"))


@contextmanager
def team(
    top: Path,
    address: str,
    name: str,
    key: str = "none",
    *,
    options: str = "",
    settings: str = "",
    roles: Collection[str] = EVERYBODY,
) -> Iterator[Team]:
    """A repository in which a model at an OpenAI-compatible address works as these roles, the compiler as others.

    Args:
        top: an empty folder.
        address: where the model is served.
        name: of the model.
        key: for its address.
        options: lines of `[models.options.openai]`.
        settings: lines of `[models]`.
        roles: as which the model works.
    """
    home, model = top / "home", f"openai:{name}"
    home.mkdir()
    (home / "passphrase").write_text(PASSPHRASE + "\n")
    with account(0) as aws:
        folder = sample_repository(top / "target", endpoint=aws.address)
        _configure(folder, model, settings, f'base_url = "{address}"\n{options}')
        made = Team(folder, model, key)
        made.takes(roles)
        said = made.does("manager", "init", "--name", "ada", "--passphrase-file", str(home / "passphrase"))
        assert said.code == 0, said.err
        git = ["git", "-c", "user.name=ada", "-c", "user.email=ada@example.org"]
        subprocess.run([*git, "add", "phasegate.toml", "agents"], cwd=folder, check=True)
        subprocess.run([*git, "commit", "-qm", "A small model works"], cwd=folder, check=True)
        yield made


def _configure(folder: Path, model: str, settings: str, options: str) -> None:
    """Have each role ask once: a second answer is as bad and takes as long."""
    config = folder / "phasegate.toml"
    rows = "".join(f'\n[roles.{name}]\nmodel = "compiler"\n' for name in EVERYBODY)
    given = f"\n[models]\n{settings}\n[models.options.openai]\n{options}\n"
    price = f'\n[models.prices."{model}"]\ninput = 0.01\noutput = 0.01\nas_of = 2026-11-30\n'
    config.write_text(config.read_text() + rows + given + price)
    (folder / "agents").mkdir(exist_ok=True)
    for name in EVERYBODY:
        text, rounds = re.subn(r"rounds: \d+", "rounds: 1", Surface().read("agents", f"{name}.md").text)
        assert rounds == 1
        (folder / "agents" / f"{name}.md").write_text(text)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _stop(pid: int) -> None:
    if _lives(pid):
        os.kill(pid, signal.SIGTERM)
    end = time.monotonic() + 60
    while _lives(pid):
        assert time.monotonic() < end, f"worker {pid} does not stop"
        time.sleep(0.1)


def stands(team: Team, run: str) -> str:
    """Check that the run stands, crashed nowhere and was decided on by the person alone; return what is shown of it."""
    said = team.does("status", run)
    assert re.search("^(waiting|parked)  branch ", said.out, re.MULTILINE), said.out
    assert "Traceback" not in said.out + said.err + team.log()
    assert team.recorded(run) == [(gate, kind, "ada") for gate, kind in team.decided]
    return said.out


def helped_to_its_release(team: Team) -> None:
    """Go through a run: nothing crashes, nothing passes by itself, and one screen says each time what is needed."""
    said = team.does("run", FOLDER)
    for _ in range(30):
        if said.code == 0:
            break
        assert said.code == 6, said.err
        assert "Traceback" not in said.err + said.out
        run = re.findall(r"run --resume (\w+)", said.err)[0]
        stands(team, run)
        screen = said.err[said.err.index("✗") :]
        print(screen)
        assert len(screen.splitlines()) <= SCREEN
        team.screens.append(screen)
        helped(team, run, screen)
        said = team.does("run", "--resume", run)
    assert said.code == 0, said.err
    assert team.worked == set(EVERYBODY)
    decided = team.does("trace", "--by", "ada", "--json").json
    assert [row["gate"].split("/")[1] for row in decided] == ["specify", "plan", "tasks", "build", "release"]
    assert team.does("verify", run).code == 0


def helped(team: Team, run: str, screen: str) -> None:
    """Do what the screen says: have another work as a role, or decide at a gate."""
    if "is parked" in screen:
        replaced(team, screen)
        return
    name, _, digest = re.findall(r"phasegate decide (\S+) (approve|request-changes) --digest ([0-9a-f]{64})", screen)[0]
    refused = team.decides(name, "approve", digest)
    if refused.code == 0:
        assert "not approved while" not in screen
        return
    assert "no-review" in refused.err
    assert "no-review" in screen
    assert "not approved while" in screen
    waives(team, name)


def replaced(team: Team, screen: str) -> None:
    """Have the compiler work as the one role that a screen says has no answer, as it proposes."""
    assert f"{team.model} gave the " in screen
    assert "another model" in screen
    [role] = set(re.findall(r"(?:--role |work as |\[roles\.)([a-z-]+)", screen)) & set(EVERYBODY)
    team.gives_up(role)
    team.worked.add(role)


def waives(team: Team, gate: str) -> None:
    """Take over the reviews that no model gave at a gate, which is all that may block it."""
    shown = team.does("gate", gate, "--json").json
    rules = sorted({f"{each['check']}/{each['rule']}" for each in shown["findings"] if each["blocking"]})
    assert all(rule.endswith("/no-review") for rule in rules), rules
    team.worked |= {rule.removesuffix("/no-review").removeprefix("review-") for rule in rules}
    why = ("--owner", "ada", "--reason", "I read it myself", "--expires", "2099-01-01")
    waived = team.decides(gate, "waive", shown["digest"], *[w for rule in rules for w in ("--waive", rule)], *why)
    assert waived.code == 0, waived.err


def comes_to(team: Team, phase: str) -> list[str]:
    """Have the compiler do all that comes before a phase, and approve it; return the command that goes on."""
    command = ["run", FOLDER]
    for before in PHASES[: PHASES.index(phase)]:
        said = team.does(*command)
        assert said.code == 6, said.err
        [(gate, digest)] = re.findall(r"phasegate decide (\S+) approve --digest ([0-9a-f]{64})", said.err)
        assert f"/{before}/" in gate
        assert team.decides(gate, "approve", digest).code == 0
        command = ["run", "--resume", gate.partition("/")[0]]
    return command


def stops_at_each_role(team: Team, phase: str, authors: Collection[str], reviewers: Collection[str]) -> None:
    """Have the model work as all roles of a phase: each is the reason of a stop, which one screen tells the person."""
    command = comes_to(team, phase)
    team.takes({*authors, *reviewers})
    for _ in range(len(authors) + 1):
        run = team.leaves(*command)
        screen = "\n".join(stands(team, run).splitlines()[-SCREEN:])
        print(screen)
        if team.status(run) == "waiting":
            break
        replaced(team, screen)
        command = ["run", "--resume", run]
    assert team.worked == set(authors)
    gate = f"{run}/{phase}/1"
    assert f"not approved while {len(reviewers)} finding" in screen
    for role in reviewers:
        assert f"review-{role}/no-review: {team.model} gave the " in screen
    assert f"phasegate gate {run}" in screen
    refused = team.decides(gate, "approve", team.does("gate", gate, "--json").json["digest"])
    assert refused.code == 5, refused
    waives(team, gate)
    assert team.asked(run, phase) == {*authors, *reviewers}
    assert team.recorded(run) == [(gate, kind, "ada") for gate, kind in team.decided]
