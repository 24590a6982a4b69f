from collections.abc import Sequence
from datetime import date

from phasegate.release import Notes, permission_changes, propose, release_notes
from unit.release.acme import policy, tree

_POLICY = "src/acme_runbooks/runbooks/unattached_ebs_volumes.iam-policy.json"


def _notes(
    version: str = "1.1.0",
    previous: str = "1.0.0",
    title: str = "Unattached EBS volumes",
    untested: Sequence[str] = (),
) -> str:
    base = tree()
    new = tree(
        {
            _POLICY: policy("ec2:DescribeVolumes", "ec2:DeleteVolume"),
            "src/acme_runbooks/runbooks/idle_eips.py": "",
            "specs/002-idle-eips/runbook.yaml": f"title: '{title}'\n",
        }
    )
    return release_notes(
        Notes(
            project="acme-runbooks",
            version=version,
            previous=previous,
            on=date(2026, 11, 3),
            changes=propose(base, new).changes,
            permissions=permission_changes(base, new),
            requirements={"001-unattached-ebs-volumes": ["FR-001", "AC-002"]},
            untested={"001-unattached-ebs-volumes": untested},
            index="file:///srv/index/",
        )
    )


def test_notes_say_what_users_ask() -> None:
    text = _notes()

    assert text.startswith("# acme-runbooks 1.1.0\n\nReleased on 2026-11-03.\n")
    assert "- Runbook `idle-eips`: Unattached EBS volumes." in text
    assert "pip install --extra-index-url file:///srv/index/ 'acme-runbooks==1.1.0'" in text
    assert "- `unattached-ebs-volumes` now needs `ec2:DeleteVolume` (changes things) on any resource." in text
    assert "'acme-runbooks==1.0.0'" in text
    assert "- 001-unattached-ebs-volumes: FR-001, AC-002" in text
    assert "demo" not in text


def test_notes_say_what_no_test_shows() -> None:
    assert "Not shown by a test" not in _notes()
    assert _notes(untested=["AC-003"]).endswith("## Not shown by a test\n\n- 001-unattached-ebs-volumes: AC-003\n")


def test_notes_of_a_demo_and_of_a_first_release() -> None:
    text = _notes(version="0.2.0+demo", previous="")

    assert "This is a demo" in text
    assert "pip uninstall acme-runbooks" in text


def test_a_title_brings_no_markup_of_its_own() -> None:
    text = _notes(title="![x](http://evil.example/?q) <script>\u202e")

    assert "![x]" not in text
    assert "<script>" not in text
    assert "\u202e" not in text
