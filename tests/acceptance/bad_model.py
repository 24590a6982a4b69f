"""A model that writes nonsense in every role of a run, and the person who has to help it at each step."""

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import tomlkit

from acceptance.person import COMMAND, PASSPHRASE, Said, environment
from phasegate.demo import account
from phasegate.team import Surface
from unit.authors.sample_spec import FOLDER, sample_repository
from unit.authors.test_model import EVERYBODY

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
        config = self.folder / "phasegate.toml"
        document = tomlkit.parse(config.read_text())
        document["roles"][role]["model"] = "compiler"
        config.write_text(tomlkit.dumps(document))


@contextmanager
def team(top: Path, address: str, name: str, key: str = "none", *, options: str = "") -> Iterator[Team]:
    """A repository in which a model at an OpenAI-compatible address works as every role."""
    home, model = top / "home", f"openai:{name}"
    home.mkdir()
    (home / "passphrase").write_text(PASSPHRASE + "\n")
    with account(0) as aws:
        folder = sample_repository(top / "target", endpoint=aws.address)
        _configure(folder, f'base_url = "{address}"\n{options}', model)
        made = Team(folder, model, key)
        said = made.does("manager", "init", "--name", "ada", "--passphrase-file", str(home / "passphrase"))
        assert said.code == 0, said.err
        git = ["git", "-c", "user.name=ada", "-c", "user.email=ada@example.org"]
        subprocess.run([*git, "add", "phasegate.toml", "agents"], cwd=folder, check=True)
        subprocess.run([*git, "commit", "-qm", "A small model works"], cwd=folder, check=True)
        yield made


def _configure(folder: Path, options: str, model: str) -> None:
    """Have the model work as every role, with one round for each: a second one is as bad and takes as long."""
    config = folder / "phasegate.toml"
    rows = "".join(f'\n[roles.{name}]\nmodel = "{model}"\n' for name in EVERYBODY)
    given = f"\n[models.options.openai]\n{options}\n"
    price = f'\n[models.prices."{model}"]\ninput = 0.01\noutput = 0.01\nas_of = 2026-11-30\n'
    config.write_text(config.read_text() + rows + given + price)
    (folder / "agents").mkdir(exist_ok=True)
    for name in EVERYBODY:
        text, rounds = re.subn(r"rounds: \d+", "rounds: 1", Surface().read("agents", f"{name}.md").text)
        assert rounds == 1
        (folder / "agents" / f"{name}.md").write_text(text)


def helped_to_its_release(team: Team) -> None:
    """Go through a run: nothing crashes, nothing passes by itself, and one screen says each time what is needed."""
    said = team.does("run", FOLDER)
    for _ in range(30):
        if said.code == 0:
            break
        assert said.code == 6, said.err
        assert "Traceback" not in said.err + said.out
        run = re.findall(r"run --resume (\w+)", said.err)[0]
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
        assert team.model in screen
        [role] = set(re.findall(r"(?:--role |work as |\[roles\.)([a-z-]+)", screen)) & set(EVERYBODY)
        assert "another model" in screen
        team.gives_up(role)
        team.worked.add(role)
        return
    name, _, digest = re.findall(r"phasegate decide (\S+) (approve|request-changes) --digest ([0-9a-f]{64})", screen)[0]
    passphrase = ("--passphrase-file", str(team.folder.parent / "home" / "passphrase"))
    refused = team.does("decide", name, "approve", "--digest", digest, *passphrase)
    if refused.code == 0:
        assert "not approved while" not in screen
        return
    assert "no-review" in refused.err
    assert "no-review" in screen
    assert "not approved while" in screen
    found = team.does("gate", name, "--json").json["findings"]
    rules = sorted({f"{each['check']}/{each['rule']}" for each in found if each["blocking"]})
    assert all(rule.endswith("/no-review") for rule in rules), rules
    team.worked |= {rule.removesuffix("/no-review").removeprefix("review-") for rule in rules}
    why = ("--owner", "ada", "--reason", "I read it myself", "--expires", "2099-01-01")
    waived = team.does(
        "decide",
        name,
        "waive",
        "--digest",
        digest,
        *[w for rule in rules for w in ("--waive", rule)],
        *why,
        *passphrase,
    )
    assert waived.code == 0, waived.err
