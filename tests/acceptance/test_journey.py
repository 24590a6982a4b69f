"""From an empty folder to a released wheel, as a person goes."""

import subprocess
from pathlib import Path

import pytest

from acceptance.person import PASSPHRASE, Said, environment, phasegate, terminal

SPEC = "specs/001-unattached-ebs-volumes"
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A repository with a manager, and the passphrase in `home/passphrase`."""
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "passphrase").write_text(PASSPHRASE + "\n")
    said = phasegate(tmp_path, "init", "acme-runbooks", "--spec", "unattached-ebs-volumes", home=tmp_path / "home")
    assert said.code == 0, said.err
    assert f"phasegate run {SPEC}" in said.out
    folder = tmp_path / "acme-runbooks"
    made = by(folder, "manager", "init", "--name", "ada", "--passphrase-file", "../home/passphrase")
    assert made.code == 0, made.err
    assert "git add phasegate.toml" in made.out
    git(folder, "commit", "-aqm", "Ada decides")
    return folder


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
    stopped = by(target, "run", SPEC)
    assert stopped.code == 6, stopped.err
    assert "spec-lint" in stopped.out
    gate = open_gate(target)
    # the next command stands there whole, to be copied
    assert f"phasegate decide {gate['gate']} approve --digest {gate['digest']}" in stopped.err
    run = gate["gate"].split("/")[0]

    refused = by(target, "decide", gate["gate"], "approve", "--digest", gate["digest"], "--json")
    assert refused.code == 4
    assert "passphrase" in refused.json["error"]["message"]
    stale = by(
        target,
        "decide",
        gate["gate"],
        "approve",
        "--digest",
        "0" * 64,
        "--passphrase-file",
        "../home/passphrase",
        "--json",
    )
    assert (stale.code, stale.json["error"]["reason"]) == (5, "stale_digest")

    for _ in range(5):
        gate = open_gate(target)
        shown = by(target, "gate", gate["gate"], "--json").json
        assert shown["digest"] == gate["digest"]
        assert shown["changes"]
        words = ["decide", gate["gate"], "approve", "--digest", shown["digest"]]
        taken = by(target, *words, "--passphrase-file", "../home/passphrase")
        assert taken.code == 0, taken.err
        assert "no worker runs" in taken.out
        again = by(target, *words, "--passphrase-file", "../home/passphrase", "--json")
        assert again.code == 0, again.err
        on = by(target, "run", "--resume", run)
    assert on.code == 0, on.err

    status = by(target, "status", run, "--json").json
    assert status["status"] == "released"
    paths = {made["path"] for made in status["artifacts"]}
    assert f"{SPEC}/plan.md" in paths
    assert all((target / path).exists() for path in paths)
    assert by(target, "verify", run).code == 0
    assert "Ada decides" in git(target, "log", "--format=%s")


def test_a_person_at_the_terminal_reads_asks_for_changes_and_approves(target: Path) -> None:
    env = environment(target.parent / "home")
    with terminal(target, ["run", SPEC], env) as person:
        shown = person.waits_for("Decision: ")
        assert "spec review" in shown
        assert "What each decision does" in shown
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
        answered = person.waits_for("Decision: ")
        assert "Answers to your comments" in answered
        assert "say who pays for the snapshots" in answered
        person.types("d")
        assert "spec.md" in person.waits_for("Decision: ")
        person.types("a")
        for _ in range(3):
            person.waits_for("Decision: ")
            person.types("a")
        person.waits_for("Decision: ")
        person.types("a")
        # a release asks again who it is
        person.waits_for("Passphrase of ada: ")
        person.types(PASSPHRASE)
        person.waits_for("released")
        assert person.leaves() == 0
    assert PASSPHRASE not in person.seen


def test_a_person_may_leave_and_come_back(target: Path) -> None:
    env = environment(target.parent / "home")
    with terminal(target, ["run", SPEC], env) as person:
        person.waits_for("Decision: ")
        person.types("q")
        assert "run --resume" in person.waits_for("go on:") + person.waits_for("\n")
        assert person.leaves() == 6
    run = open_gate(target)["gate"].split("/")[0]
    with terminal(target, ["run", "--resume", run], env) as person:
        person.waits_for("Decision: ")
        person.process.send_signal(2)
        assert person.leaves() == 130
        assert f"phasegate run --resume {run}" in person.seen
    assert by(target, "status", run, "--json").json["status"] == "waiting"


def test_detached_work_outlives_the_terminal(target: Path) -> None:
    said = by(target, "run", SPEC, "--detach")
    assert said.code == 0, said.err
    process = int(said.out.split("worker ")[1].split()[0])
    try:
        gate = _until_open(target)
        words = [
            "decide",
            gate["gate"],
            "approve",
            "--digest",
            gate["digest"],
            "--passphrase-file",
            "../home/passphrase",
        ]
        taken = by(target, *words)
        assert taken.code == 0, taken.err
        # a worker lives, so nothing else is to be done
        assert "no worker runs" not in taken.out
        assert "/plan/1" in _until_open(target)["gate"]
        assert "standing worker" in by(target, "run", SPEC, "--detach").out
    finally:
        subprocess.run(["kill", "-TERM", str(process)], check=True)
    log = target / ".phasegate" / "worker.log"
    for _ in range(100):
        if "stopped" in log.read_text():
            break
        subprocess.run(["sleep", "0.1"], check=True)
    assert "taken up again by the next worker" in log.read_text()


def _until_open(target: Path) -> dict[str, str]:
    for _ in range(60):
        rows = by(target, "gates", "--json").json
        if rows:
            return dict(rows[0])
    raise AssertionError((target / ".phasegate" / "worker.log").read_text())
