import json
from collections.abc import Mapping

import pytest
from packaging.version import Version

from phasegate.core import InvalidInput
from phasegate.release import Level, Section, permission_changes, propose, with_version
from unit.release.acme import CONTRACT, FIELDS, edited, policy, tree

_MODULE = "src/acme_runbooks/runbooks/unattached_ebs_volumes.py"
_POLICY = "src/acme_runbooks/runbooks/unattached_ebs_volumes.iam-policy.json"
_RUNBOOK = "specs/001-unattached-ebs-volumes/runbook.yaml"
_FINDING = "specs/001-unattached-ebs-volumes/contracts/finding.json"
_PARAMS = "params: {min_age_days: 30}"


def _contract(**changes: object) -> dict[str, bytes]:
    return tree({_FINDING: json.dumps({**CONTRACT, **changes})})


@pytest.mark.parametrize(
    ("new", "level"),
    [
        (tree(), Level.none),
        (tree({"src/acme_runbooks/runbooks/idle_eips.py": "x = 1\n"}), Level.minor),  # a runbook added
        (tree({_MODULE: None, _POLICY: None}), Level.major),  # removed
        (
            tree({_MODULE: None, _POLICY: None, "src/acme_runbooks/runbooks/ebs_unattached.py": "import boto3\n"}),
            Level.major,
        ),  # renamed
        (edited(_RUNBOOK, _PARAMS, "params: {age: 30}"), Level.major),  # a parameter renamed
        (edited(_RUNBOOK, _PARAMS, "params: {min_age_days: thirty}"), Level.major),  # another kind
        (edited(_RUNBOOK, _PARAMS, "params: {min_age_days: 30.5}"), Level.minor),  # another default of the same kind
        (edited(_RUNBOOK, _PARAMS, "params: {min_age_days: 30, tag: keep}"), Level.minor),  # one more
        (edited(_RUNBOOK, "id: VolumeId", "id: VolumeArn"), Level.major),  # findings are called otherwise
        (edited(_RUNBOOK, "'available'", "'error'"), Level.patch),  # detection corrected
        (edited(_RUNBOOK, "id: VolumeId", "id: VolumeId\naction: [{op: ec2.DeleteVolume}]"), Level.minor),
        (_contract(required=["id"]), Level.major),  # a field that may now be missing
        (_contract(properties={"id": {"type": "string"}}), Level.major),  # fields gone
        (_contract(properties={**FIELDS, "id": {"type": "integer"}}), Level.major),
        (_contract(properties={**FIELDS, "verdict": {"enum": ["match", "skip"]}}), Level.major),
        (_contract(properties={**FIELDS, "age": {"type": "number"}}), Level.minor),  # one more field
        (tree({_FINDING: None}), Level.major),
        (tree({_POLICY: policy("ec2:DescribeVolumes", "ec2:DescribeTags")}), Level.minor),  # one more read
        (tree({_POLICY: policy("ec2:DescribeVolumes", "ec2:DeleteVolume")}), Level.major),  # a write
        (tree({_POLICY: policy("ec2:DescribeVolumes", "nosuch:Thing")}), Level.major),  # nobody knows: a write
        (tree({_POLICY: policy("ec2:*")}), Level.major),
        (edited("pyproject.toml", "acme-runbooks = ", "acme = "), Level.major),  # the command renamed
        (edited("pyproject.toml", ">=3.11", ">=3.12"), Level.minor),
        (tree({"docs/runbooks/unattached-ebs-volumes.md": "# Better\n"}), Level.patch),
        (tree({"src/acme_runbooks/_runtime/__init__.py": "x = 1\n"}), Level.patch),
        (tree({"CHANGELOG.md": "", "docs/releases/0.2.0.md": ""}), Level.none),  # what a release itself writes
    ],
)
def test_level_follows_from_the_change(new: Mapping[str, bytes], level: Level) -> None:
    bump = propose(tree(), new)

    assert bump.level is level
    assert bool(bump.changes) is (level > Level.none)


@pytest.mark.parametrize(
    ("current", "level", "version"),
    [
        ("0.1.0", Level.major, "0.2.0"),
        ("0.1.0", Level.minor, "0.2.0"),
        ("1.1.0", Level.major, "2.0.0"),
        ("1.1.5", Level.minor, "1.2.0"),
        ("1.1", Level.patch, "1.1.1"),
        ("1.1.0+demo", Level.patch, "1.1.1"),  # the label of an earlier demo does not stay
        ("1.1.0", Level.none, "1.1.0"),
    ],
)
def test_next_version(current: str, level: Level, version: str) -> None:
    base = with_version(tree(), current)
    news: dict[Level, dict[str, bytes]] = {
        Level.none: tree(),
        Level.patch: tree({"README.md": "x"}),
        Level.minor: tree({"src/acme_runbooks/runbooks/idle_eips.py": ""}),
        Level.major: tree({_MODULE: None, _POLICY: None}),
    }

    assert propose(base, news[level]).version == version


def test_demo_version_is_local() -> None:
    bump = propose(tree(), tree({"README.md": "x"}), demo=True)

    assert bump.version == "0.1.1+demo"
    assert Version(bump.version).local == "demo"


def test_first_release_of_a_tree_without_a_base() -> None:
    bump = propose({}, tree())

    assert (bump.current, bump.version) == ("0.1.0", "0.2.0")
    assert [change.text for change in bump.changes] == ["Runbook `unattached-ebs-volumes`: Unattached EBS volumes."]


def test_version_is_written_and_the_rest_of_the_file_stays() -> None:
    raised = with_version(tree(), "1.0")["pyproject.toml"].decode()

    assert raised == tree()["pyproject.toml"].decode().replace('version = "0.1.0"', 'version = "1.0"')


def test_a_wider_grant_of_a_known_write_is_a_break() -> None:
    base = tree({_POLICY: policy("ec2:DeleteVolume", resource="arn:aws:ec2:*:*:volume/vol-1")})
    new = tree({_POLICY: policy("ec2:DeleteVolume")})

    (change,) = propose(base, new).changes
    assert change.section is Section.security
    assert "wider permission `ec2:DeleteVolume`, which changes things" in change.text
    gained, lost = permission_changes(base, new)["unattached-ebs-volumes"]
    assert [grant.resource for grant in gained] == ["*"]
    assert [grant.resource for grant in lost] == ["arn:aws:ec2:*:*:volume/vol-1"]


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("pyproject.toml", None),
        ("pyproject.toml", "[project"),
        ("pyproject.toml", '[project]\nname = "a"\n'),  # no version
        ("pyproject.toml", '[project]\nname = "a"\nversion = "new"\n'),
        ("pyproject.toml", '[project]\nname = "../a"\nversion = "1"\n'),
        ("phasegate.toml", '[project]\npackage = "other"\n'),
        (_POLICY, "{"),
        (_POLICY, "[]"),
        (_RUNBOOK, "a: &a [1]\nb: [*a, *a]\n"),  # an alias bomb begins like this
        (_RUNBOOK, "a: !!python/object:os.system x\n"),
    ],
)
def test_broken_files_are_named(path: str, content: str | None) -> None:
    with pytest.raises(InvalidInput, match=path.rpartition("/")[2].partition(".")[0]):
        propose(tree(), tree({path: content}))
