"""From an empty folder to a released wheel, as a person goes."""

import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from acceptance.person import PASSPHRASE, Said, Terminal, environment, phasegate, terminal

SPEC = "specs/001-unattached-ebs-volumes"
PHASES = ("specify", "plan", "tasks", "build", "release")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a home, and a repository with a manager; the passphrase is in `home/passphrase`."""
    top = tmp_path_factory.mktemp("template")
    (top / "home").mkdir()
    (top / "home" / "passphrase").write_text(PASSPHRASE + "\n")
    said = phasegate(top, "init", "acme-runbooks", "--spec", "unattached-ebs-volumes", home=top / "home")
    assert said.code == 0, said.err
    assert f"phasegate run {SPEC}" in said.out
    made = by(top / "acme-runbooks", "manager", "init", "--name", "ada", "--passphrase-file", "../home/passphrase")
    assert made.code == 0, made.err
    assert "git add phasegate.toml" in made.out
    git(top / "acme-runbooks", "commit", "-aqm", "Ada decides")
    return top


@pytest.fixture
def target(template: Path, tmp_path: Path) -> Path:
    """A copy of that repository, beside its home."""
    shutil.copytree(template, tmp_path / "copy", symlinks=True)
    return tmp_path / "copy" / "acme-runbooks"


def by(folder: Path, *words: str) -> Said:
    return phasegate(folder, *words, home=folder.parent / "home")


def git(folder: Path, *words: str) -> str:
    name = ("-c", "user.name=ada", "-c", "user.email=ada@example.org")
    return subprocess.run(["git", *name, *words], cwd=folder, check=True, capture_output=True, text=True).stdout


def open_gate(folder: Path) -> dict[str, str]:
    rows = by(folder, "gates", "--json").json
    assert len(rows) == 1
    return dict(rows[0])


def test_a_manager_decides_from_scripts_of_their_own(target: Path) -> None:
    at = by(target, "run", SPEC)
    assert "spec-lint" in at.out
    gate = open_gate(target)
    run = gate["gate"].split("/")[0]
    shown = by(target, "gate", gate["gate"], "--json").json
    assert shown["digest"] == gate["digest"]
    assert shown["compared"] == "to approve for the first time, shown whole"
    whole = {change["path"]: "\n".join(line[1:] for line in change["lines"][3:]) for change in shown["changes"]}
    assert whole[f"{SPEC}/runbook.yaml"] == (target / SPEC / "runbook.yaml").read_text().removesuffix("\n")
    assert "Given" in whole[f"{SPEC}/spec.md"]

    refused = by(target, "decide", gate["gate"], "approve", "--digest", gate["digest"], "--json")
    assert refused.code == 4
    assert "passphrase" in refused.json["error"]["message"]
    stale = decides(target, gate["gate"], "0" * 64, "--json")
    assert (stale.code, stale.json["error"]["reason"]) == (5, "stale_digest")

    for phase in PHASES:
        # it stops, and the next command stands there whole, to be copied
        assert at.code == 6, at.err
        name, digest = re.findall(r"phasegate decide (\S+) approve --digest ([0-9a-f]{64})\n", at.err)[0]
        assert name == f"{run}/{phase}/1"
        taken = decides(target, name, digest)
        assert taken.code == 0, taken.err
        assert "no worker runs" in taken.out
        at = by(target, "run", "--resume", run)
        # what was before is one line, not told again
        assert re.match(rf"before: .*{phase} approved by ada", at.out)
        assert f"{phase:<9} check" not in at.out
    assert at.code == 0, at.err
    # the same decision once more gives the same receipt
    assert decides(target, name, digest).code == 0

    status = by(target, "status", run, "--json").json
    assert status["status"] == "released"
    paths = {made["path"] for made in status["artifacts"]}
    assert f"{SPEC}/plan.md" in paths
    assert all((target / path).exists() for path in paths)
    assert by(target, "verify", run).code == 0
    assert "Ada decides" in git(target, "log", "--format=%s")

    wheel = next(Path(made["path"]).name for made in status["artifacts"] if made["by"] == "publish")
    (walked,) = by(target, "trace", run, "FR-006", "--json").json
    reached = {step["node"]["id"] for step in walked["leads_to"]}
    assert {"AC-008", "ada", f"{run}/release/1", wheel} <= reached
    said = by(target, "trace", "--by", "ada", "--json").json
    assert [row["gate"] for row in said] == [f"{run}/{phase}/1" for phase in PHASES]
    assert {row["released"] for row in said} == {wheel.split("-")[1]}
    assert said[-1]["digest"] == digest
    assert by(target, "trace", "--by", "ada", "--on", "2001-01-01", "--json").json == []


def decides(target: Path, gate: str, digest: str, *more: str) -> Said:
    return by(target, "decide", gate, "approve", "--digest", digest, "--passphrase-file", "../home/passphrase", *more)


def test_a_person_at_the_terminal_leaves_comes_back_asks_for_changes_and_approves(target: Path) -> None:
    pager = target.parent / "home" / "less"
    pager.write_text('#!/bin/sh\necho "pager with LESS=$LESS"\ncat\n')
    pager.chmod(0o755)
    env = {**environment(target.parent / "home"), "PAGER": str(pager)}
    with terminal(target, ["run", SPEC], env) as person:
        shown = person.waits_for("Decision: ")
        assert "spec review" in shown
        assert "What each decision does" in shown
        person.types("d")
        person.waits_for("pager with LESS=-R")  # without it 'less' shows colours as escape codes
        assert "match: " in person.waits_for("Decision: ")
        person.types("q")
        run = person.waits_for("run --resume ") and person.waits_for("\n").strip()
        assert person.leaves() == 6
    with terminal(target, ["run", "--resume", run], env) as person:
        person.waits_for("Decision: ")
        person.interrupts()
        assert person.leaves() == 130
        assert f"phasegate run --resume {run}" in person.seen
    with terminal(target, ["run", "--resume", run], env) as person:
        person.waits_for("Decision: ")
        _asks_for_changes(person)
        answered = person.waits_for("Decision: ")
        assert "Answers to your comments" in answered
        assert "say who pays for the snapshots" in answered
        person.types("d")
        assert "spec.md" in person.waits_for("Decision: ")
        for _ in range(4):
            person.types("a")
            person.waits_for("Decision: ")
        person.types("a")
        # a release asks again who it is
        person.waits_for("Passphrase of ada: ")
        person.types(PASSPHRASE)
        person.waits_for("released")
        assert person.leaves() == 0
        assert PASSPHRASE not in person.seen


def _asks_for_changes(person: Terminal) -> None:
    person.types("c")
    person.waits_for("Comment: ")
    person.types(f"{SPEC}/spec.md:12: say who pays for the snapshots")
    person.waits_for("Comment: ")
    person.types("")
    person.waits_for("Passphrase of ada: ")
    person.types("not the passphrase")
    person.waits_for("does not open the key")
    person.waits_for("Passphrase of ada: ")
    person.types(PASSPHRASE)
    person.waits_for("request-changes by ada")


def test_detached_work_outlives_the_terminal(target: Path) -> None:
    said = by(target, "run", SPEC, "--detach")
    assert said.code == 0, said.err
    process = int(said.out.split("worker ")[1].split()[0])
    try:
        gate = _until_open(target)
        taken = decides(target, gate["gate"], gate["digest"])
        assert taken.code == 0, taken.err
        # a worker lives, so nothing else is to be done
        assert "no worker runs" not in taken.out
        assert "/plan/1" in _until_open(target)["gate"]
        assert "standing worker" in by(target, "run", SPEC, "--detach").out
    finally:
        subprocess.run(["kill", "-TERM", str(process)], check=True)
    log = target / ".phasegate" / "worker.log"
    end = time.monotonic() + 30
    while "stopped" not in log.read_text() and time.monotonic() < end:
        time.sleep(0.1)
    assert "taken up again by the next worker" in log.read_text()


def _until_open(target: Path) -> dict[str, str]:
    for _ in range(60):
        rows = by(target, "gates", "--json").json
        if rows:
            return dict(rows[0])
    raise AssertionError((target / ".phasegate" / "worker.log").read_text())


def test_demonstration_that_was_left_goes_on_with_the_command_that_it_names(tmp_path: Path) -> None:
    (tmp_path / "home").mkdir()
    env = environment(tmp_path / "home")
    with terminal(tmp_path, ["demo"], env) as person:
        person.waits_for("8 characters or more")
        person.types("short")
        person.waits_for("take at least 8")
        for asks in ("8 characters or more", "Once more"):
            person.waits_for(asks)
            person.types(PASSPHRASE)
        person.waits_for("Decision: ")
        person.types("q")
        person.waits_for("nothing is lost")
        *_, folder = person.waits_for("demo .demo/1\n").split()
        assert person.leaves() == 0
    with terminal(tmp_path, ["demo", folder], env) as person:
        assert "spec review" in person.waits_for("Decision: ")
        person.types("a")
        person.waits_for("Passphrase")
        person.types(PASSPHRASE)
        assert "architecture review" in person.waits_for("Decision: ")
        person.types("q")
        assert person.leaves() == 0
