from datetime import date

import pytest

from phasegate.core import InvalidInput
from phasegate.release import Change, Level, Section, add_entry

_ON = date(2026, 11, 3)
_NEW = Change(level=Level.minor, section=Section.added, text="Runbook `a`: what it finds.")
_SAFE = Change(level=Level.minor, section=Section.security, text="`b` needs the permission `ec2:X`.")


def test_first_entry_makes_the_file() -> None:
    text = add_entry("", version="0.2.0", on=_ON, changes=[_SAFE, _NEW], note="A demo.")

    assert text.startswith("# Changelog\n\nIn the form of [Keep a Changelog]")
    assert text.endswith(
        "## [Unreleased]\n\n## [0.2.0] - 2026-11-03\n\nA demo.\n\n### Added\n\n- Runbook `a`: what it finds.\n\n"
        "### Security\n\n- `b` needs the permission `ec2:X`.\n"
    )


def test_what_waited_moves_in_and_older_releases_stay_to_the_byte() -> None:
    old = (
        "## 0.1.0 - 2026-01-01\n\n### Added\n\n*  odd   spacing\n\n\n```text\n## [9.9.9] in a fence\n```\n\n"
        "[0.1.0]: https://acme.example/0.1.0"
    )
    before = (
        "# Our log\n\nWords.\n\n## [Unreleased]\n\n### Fixed\n\n- A thing that\n  went wrong:\n\n"
        f"  ```text\n  x\n  ```\n\n### Deprecated\n\n- That.\n\n{old}\n"
    )

    text = add_entry(before, version="0.2.0", on=_ON, changes=[_NEW])

    assert text == (
        "# Our log\n\nWords.\n\n## [Unreleased]\n\n## [0.2.0] - 2026-11-03\n\n"
        "### Added\n\n- Runbook `a`: what it finds.\n\n"
        "### Fixed\n\n- A thing that\n  went wrong:\n\n  ```text\n  x\n  ```\n\n### Deprecated\n\n- That.\n\n"
        f"{old}\n"
    )


@pytest.mark.parametrize(
    "before",
    [
        "",
        "# Changelog\n",
        "# Changelog\n\n## [Unreleased]\n\n### Added\n\n- Runbook `a`: what it finds.\n",  # the same line waits
        "# Changelog\r\n\r\n## [Unreleased]\r\n\r\n## [0.1.0] - 2026-01-01\r\n\r\n### Added\r\n\r\n- X.\r\n",
        "# Changelog\n\n## 0.1.0\n\nNo Unreleased here.\n\n[0.1.0]: https://acme.example\n",
    ],
)
def test_adding_twice_changes_nothing(before: str) -> None:
    once = add_entry(before, version="0.2.0", on=_ON, changes=[_NEW, _SAFE])

    assert add_entry(once, version="0.2.0", on=_ON, changes=[_NEW, _SAFE]) == once
    assert once.count("Runbook `a`") == 1
    assert ("\r\n" in once) is ("\r\n" in before)
    assert once.index("[Unreleased]") < once.index("[0.2.0]")
    assert "0.1.0" not in before or once.index("[0.2.0]") < once.index("0.1.0")


def test_links_of_the_file_stay_at_its_end() -> None:
    before = "# Log\n\n## [Unreleased]\n\n- Loose.\n\n[Unreleased]: https://acme.example/head\n"

    text = add_entry(before, version="0.2.0", on=_ON, changes=[])

    assert text.endswith(f"## [0.2.0] - {_ON}\n\n- Loose.\n")
    assert "[Unreleased]: https://acme.example/head" in text


def test_a_line_is_short_and_in_one_piece() -> None:
    folded = Change(level=Level.patch, section=Section.fixed, text="One\n## [9.9.9]\n\ttwo.")
    text = add_entry("", version="1.0.0", on=_ON, changes=[folded])
    assert "- One ## [9.9.9] two.\n" in text

    with pytest.raises(InvalidInput, match="more than 25 words"):
        add_entry(
            "", version="1.0.0", on=_ON, changes=[Change(level=Level.patch, section=Section.fixed, text="a " * 26)]
        )
