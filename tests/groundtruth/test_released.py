"""Three specs from `phasegate init` to an installed wheel, whose findings on the seeded account are those expected."""

import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import time
import zipfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from acceptance.person import PASSPHRASE, Said, phasegate
from groundtruth.seeded import REPOSITORY, expected, ground_truth
from phasegate.trust import ROOTS

PROJECT = "acme-runbooks"
SPECS = ("002-snapshot-unreferenced", "003-service-idle", "004-instance-termination-due")
REGIONS = ("us-east-1", "eu-west-1")
TRUTH = expected()

pytestmark = [
    pytest.mark.groundtruth,
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(ground_truth() is None, reason="no ground truth here: set PHASEGATE_GROUNDTRUTH to its folder"),
]


@dataclass(frozen=True, kw_only=True)
class Target:
    """A target repository and its manager, who decides from a script."""

    folder: Path

    def by(self, *words: str) -> Said:
        said = phasegate(self.folder, *words, home=self.folder.parent)
        assert said.code == 0, f"{words}: {said.out}{said.err}"
        return said

    def release(self, spec: str) -> str:
        """Starts a run, and approves at every gate; gives the run's id."""
        started = self.by("run", f"specs/{spec}", "--detach").out
        run = started.split()[1].rstrip(":")
        deadline = time.monotonic() + 400
        while (status := self._status(run)) in ("working", "waiting"):
            assert time.monotonic() < deadline, f"{spec} is {status} still"
            if status == "waiting":
                self._approve(run)
            time.sleep(0.1)
        assert status == "released", self.by("status", run).out
        return run

    def ids(self, version: str, spec: str, region: str, endpoint: str) -> set[str]:
        """What the installed command finds."""
        command = self.folder / ".phasegate" / "installed" / f"{PROJECT}-{version}" / "bin" / PROJECT
        words = [name_of(spec), "--region", region, "--as-of", TRUTH["now"], "--json"]
        keys = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing", "AWS_ENDPOINT_URL": endpoint}
        done = subprocess.run([command, *words], env=keys, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        report = json.loads(done.stdout)
        assert report["errors"] == []
        return {finding["id"] for finding in report["findings"] if finding["verdict"] == "match"}

    def git(self, *words: str) -> str:
        who = ("-c", "user.name=ada", "-c", "user.email=ada@example.org")
        return subprocess.run(
            ["git", *who, *words], cwd=self.folder, check=True, capture_output=True, text=True
        ).stdout.strip()

    def asks(self, query: str, *values: str) -> list[Any]:
        """The first column of the rows of a query."""
        database = self.folder / ".phasegate" / "phasegate.db"
        with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
            return [row[0] for row in connection.execute(query, values)]

    def _status(self, run: str) -> str:
        return str(self.asks("select status from runs where id = ?", run)[0])

    def _approve(self, run: str) -> None:
        gate = next(row for row in self.by("gates", "--json").json if row["gate"].startswith(f"{run}/"))
        words = ("decide", gate["gate"], "approve", "--digest", gate["digest"])
        self.by(*words, "--passphrase-file", "../passphrase")


@contextmanager
def target(place: Path, spec: str) -> Iterator[Target]:
    """A new repository with that spec and a manager's key; its worker is stopped at the end."""
    made = Target(folder=place / PROJECT)
    (place / "passphrase").write_text(f"{PASSPHRASE}\n")
    said = phasegate(place, "init", PROJECT, "--spec", spec, home=place)
    assert said.code == 0, said.err
    made.by("manager", "init", "--name", "ada", "--passphrase-file", "../passphrase")
    made.git("add", ROOTS)
    made.git("commit", "-aqm", "Ada decides")
    try:
        yield made
    finally:
        for pid in made.asks("select pid from workers"):
            os.kill(pid, signal.SIGTERM)


@pytest.fixture(scope="module", params=SPECS)
def one(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Target, str]]:
    """A repository in which one spec was released; the first one's is that in which others followed."""
    if request.param == SPECS[0]:
        yield request.getfixturevalue("three"), request.param
        return
    with target(tmp_path_factory.mktemp("one"), request.param) as made:
        made.release(request.param)
        yield made, request.param


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    """A repository in which all three were released, one after another."""
    with target(tmp_path_factory.mktemp("three"), SPECS[0]) as made:
        for number, spec in enumerate(SPECS):
            if number:
                shutil.copytree(REPOSITORY / "specs" / spec, made.folder / "specs" / spec)
                made.git("add", "specs")
                made.git("commit", "-qm", f"{spec} is wanted")
            made.release(spec)
        yield made


@pytest.mark.parametrize("region", REGIONS)
def test_installed_command_finds_what_is_there(one: tuple[Target, str], region: str, endpoint: str) -> None:
    made, spec = one
    assert made.ids("0.1.0", spec, region, endpoint) == wanted(spec, region)


def test_each_release_builds_on_the_one_before(three: Target) -> None:
    shelf = three.folder / ".phasegate" / "index" / PROJECT
    wheels = sorted(file.name for file in shelf.glob("*.whl"))
    assert wheels == [f"acme_runbooks-0.{minor}.0-py3-none-any.whl" for minor in (1, 2, 3)]
    with zipfile.ZipFile(shelf / wheels[-1]) as wheel:
        modules = {name for name in wheel.namelist() if re.fullmatch(r"acme_runbooks/runbooks/[a-z]\w+\.py", name)}
    assert modules == {f"acme_runbooks/runbooks/{name_of(spec).replace('-', '_')}.py" for spec in SPECS}


def test_each_release_lands(three: Target) -> None:
    assert 'version = "0.3.0"' in three.git("show", "main:pyproject.toml")
    assert three.git("status", "--porcelain") == ""
    log = (three.folder / "CHANGELOG.md").read_text()
    assert [log.index(f"[{version}]") for version in ("0.3.0", "0.2.0", "0.1.0")] == sorted(
        log.index(f"[{version}]") for version in ("0.3.0", "0.2.0", "0.1.0")
    )


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("spec", SPECS)
def test_last_release_finds_what_each_spec_asks_for(three: Target, spec: str, region: str, endpoint: str) -> None:
    assert three.ids("0.3.0", spec, region, endpoint) == wanted(spec, region)


def wanted(spec: str, region: str) -> set[str]:
    return set(TRUTH["cases"][name_of(spec)][region])


def name_of(spec: str) -> str:
    return spec.partition("-")[2]
