"""Which test shows which acceptance criterion: by the words of the criterion, so that nobody has to keep a list."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from phasegate.core.criteria import Criterion

DETECTION = "test_verdict"
_TOPICS: Mapping[str, str] = MappingProxyType(
    {
        "test_evidence": r"evidence|shown with|names? (its|the) ",
        "test_cost": r"\bcosts?\b|price|saving|saves|USD|per month",
        "test_unknown_price": r"unknown price|no price|price is (not known|unknown|missing)",
        "test_every_page_is_read": r"\bpages?\b",
        "test_every_region_is_read": r"\bregions?\b",
        "test_failed_call_is_said": r"fails?\b|failed|error|denied|could not|incomplete|unknown",
        "test_dry_run_changes_nothing": (
            r"dry.?run|without (an )?approval|nothing (is|was|has been) (changed|deleted|made|touched)|no change"
        ),
        "test_snapshot_comes_first": r"snapshot|before (it|any|the|a) ",
        "test_change": r"delet|remov|terminat|releas|stop|chang|appl|remediat|approv",
        "test_undo_is_recorded": r"\bundo|restor|roll.?back|recover",
        "test_failed_snapshot_stops_the_change": r"snapshot (fails|cannot)",
        "test_second_apply_changes_nothing": r"twice|second|again|once",
        "test_change_that_does_not_show": r"verif|read again|does not show",
        "test_protected_is_held_back": r"protect|held back|left alone|keep",
        "test_guard_knows_its_tags": r"protect|tag",
        "test_young_is_held_back": r"young|minimum age|guard",
        "test_too_many_are_refused": r"too many|more than .* changes|at most|limit|max",
        "test_permission_is_enough_and_needed": r"permission|polic(y|ies)|least.privilege|\bIAM\b",
        "test_closed_window_is_refused": r"window|office hours|outside",
    }
)
_OF_CHANGES = re.compile(r"approv|appl(y|ie)|delet|snapshot|remov|undo|restor|terminat|chang|releas", re.IGNORECASE)


def shown_by(test: str, tests: Sequence[str], criteria: Sequence[Criterion]) -> list[str]:
    """The ids of the criteria that a test shows, of all tests that there are."""
    return [c.id for c in criteria if test in _tests_for(c, tests)]


def _tests_for(criterion: Criterion, tests: Sequence[str]) -> list[str]:
    told = f"{criterion.when} {criterion.then}"
    found = [name for name, topic in _TOPICS.items() if name in tests and re.search(topic, told, re.IGNORECASE)]
    changes = [name for name in found if name not in ("test_evidence", "test_cost")]
    if _OF_CHANGES.search(criterion.then) and "test_change" in tests:
        return changes or ["test_change"]
    return [DETECTION, *found] if DETECTION in tests else found
