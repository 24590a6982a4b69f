"""Reading a workflow: what is taken, and what is refused with file, line and fix."""

from datetime import timedelta
from importlib.resources import files

import pytest

from phasegate.core import InvalidInput
from phasegate.team import Flow, read_flow

OURS = files("phasegate.team.graphs").joinpath("sdlc.yaml").read_text(encoding="utf-8")
AGENTS = [
    "product-owner",
    "cloud-architect",
    "devsec-engineer",
    "sre-automation",
    "python-engineer",
    "qa-specialist",
    "data-architect",
    "document-engineer",
]
CHECKS = [
    "spec-lint",
    "runbook-lint",
    "least-privilege",
    "destructive-action",
    "criteria-coverage",
    "tests-pass",
    "coverage",
    "bandit",
    "dependency-allow-list",
    "dry-run-default",
    "inventory",
    "snapshot-before-change",
    "trace",
    "wheel-contents",
]
EFFECTS = ["publish", "install", "smoke", "land"]


def read(text: str) -> Flow:
    return read_flow(
        text, "graphs/sdlc.yaml", agents=AGENTS, people=["manager"], known_checks=CHECKS, known_effects=EFFECTS
    )


def test_our_workflow_is_the_way_of_a_spec() -> None:
    flow = read(OURS)
    assert flow.phase_ids == ("specify", "plan", "tasks", "build", "release")
    assert [phase.gate.name for phase in flow.phases] == [
        "spec review",
        "architecture review",
        "test planning",
        "build review",
        "release",
    ]
    reviewers = {phase.id: [review.role for review in phase.reviews] for phase in flow.phases}
    assert reviewers == {
        "specify": ["devsec-engineer", "sre-automation", "data-architect"],
        "plan": ["devsec-engineer", "sre-automation", "data-architect", "document-engineer"],
        "tasks": ["cloud-architect", "sre-automation"],
        "build": ["devsec-engineer", "sre-automation", "qa-specialist", "data-architect"],
        "release": ["qa-specialist"],
    }


def test_every_check_has_a_place() -> None:
    used = {check for phase in read(OURS).phases for check in phase.all_checks}
    assert used == set(CHECKS)


def test_release_asks_for_reauthentication_and_has_the_effects() -> None:
    release = read(OURS).phase("release")
    assert release.gate.reauthenticate
    assert release.gate.expires_after == timedelta(days=7)
    assert release.effects == ("publish", "install", "smoke", "land")


def test_authors_of_one_phase_write_different_paths() -> None:
    for phase in read(OURS).phases:
        assert len(set(phase.produces)) == len(phase.produces)


@pytest.mark.parametrize(
    ("old", "new", "rule", "line_of", "says"),
    [
        # a role without a card, the nearest one offered
        (
            "role: sre-automation",
            "role: sre-automaton",
            "unknown-role",
            "sre-automaton",
            "Did you mean 'sre-automation'",
        ),
        # a check that the engine does not have
        ("[spec-lint, runb", "[spec-lnt, runb", "unknown-check", "spec-lnt", "Did you mean 'spec-lint'"),
        # a check of a reviewer
        ("checks: [bandit,", "checks: [bandits,", "unknown-check", "bandits", "Did you mean 'bandit'"),
        # an effect that the engine does not have
        ("[publish, install", "[publsh, install", "unknown-effect", "publsh", "Did you mean 'publish'"),
        # two phases of one id
        ("id: plan", "id: specify", "duplicate-phase", "id: specify", "Rename one"),
        # a key that is not one
        ("max_rounds: 2", "max_round: 2", "unknown-key", "max_round:", "Did you mean 'max_rounds'"),
        # a key of a nested map is compared with its neighbours
        (
            "reauthenticate: true",
            "reauthentcate: true",
            "unknown-key",
            "reauthentcate",
            "Did you mean 'reauthenticate'",
        ),
        # an agent can never approve
        ("approvers: [manager]", "approvers: [qa-specialist]", "unknown-approver", "[qa-specialist]", "Known: manager"),
        # a check of what was seen, given to who does not look
        ("looks: [inventory], checks", "checks", "blind-check", "[snapshot-before-change, inv", "looks: [inventory]"),
        # it escalates, and to nobody
        ("escalate_to: [manager], ", "", "escalation", "spec review", "or neither"),
        # an agent cannot be escalated to
        (
            "escalate_to: [manager]",
            "escalate_to: [devsec-engineer]",
            "unknown-approver",
            "[devsec-engineer]",
            "Known: manager",
        ),
        # neither a card, nor a user, nor a group
        ("approvers: [manager]", "approvers: ['team:finops']", "invalid-value", "team:finops", "pattern"),
        # a duration without a unit that we know
        (
            "expires_after: 14d",
            "expires_after: 14",
            "invalid-value",
            "expires_after: 14",
            "a whole number and one of m, h, d, w",
        ),
        # two authors that make one item
        ("item: tests", "item: code", "duplicate-item", "item: code", "an item of its own"),
        # a path that leaves the repository
        ('"{spec}/tasks.md"', '"../tasks.md"', "artifact-path", "../tasks.md", "from the top of the repository"),
        # a placeholder that nobody fills in
        ('"{spec}/tasks.md"', '"{sepc}/tasks.md"', "artifact-path", "{sepc}", "{spec}, {name}"),
        # the same key twice
        ("version: 1\n", "version: 1\nversion: 2\n", "unreadable", "version: 2", "keep one of them"),
    ],
)
def test_a_fault_is_refused_with_line_and_fix(old: str, new: str, rule: str, line_of: str, says: str) -> None:
    text = OURS.replace(old, new, 1)
    with pytest.raises(InvalidInput) as caught:
        read(text)
    found = [finding for finding in caught.value.findings if finding.rule == rule]
    lines = text.splitlines()
    assert found, caught.value.findings
    assert found[0].path == "graphs/sdlc.yaml"
    assert line_of in lines[found[0].line - 1]
    assert says in found[0].fix
    assert found[0].blocking


def test_a_missing_key_is_named_at_its_parent() -> None:
    with pytest.raises(InvalidInput, match=r"'phases\.0\.title' is missing"):
        read(OURS.replace("    title: What and why\n", "", 1))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        # an alias bomb does not even begin
        ("a: &a [1]\nb: [*a, *a]", "aliases"),
        # a tag that would make an object
        ("a: !!python/object/apply:os.system [ls]", "tag !!python|tag tag:yaml"),
        ("a: [1, 2", "expected"),
        ("", "valid"),
    ],
)
def test_yaml_that_is_not_plain_is_refused(text: str, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        read(text)


def test_an_unknown_phase_is_refused() -> None:
    with pytest.raises(InvalidInput, match="no phase 'deploy'"):
        read(OURS).phase("deploy")
