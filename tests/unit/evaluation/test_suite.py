"""The shipped suite: each reference is right in its account, and each slip shows there as it says."""

import asyncio
import re
from collections.abc import Sequence

import pytest
from jmespath.functions import Functions

from phasegate.core import InvalidInput, UsageError
from phasegate.evaluation import Case, DryRun, Intent, Slip, dry_runs, judged, load_suite, read_intent
from phasegate.sandbox import find_sandbox
from phasegate.team import Surface

SUITE = load_suite()
Tried = dict[str, Sequence[DryRun]]


@pytest.fixture(scope="module")
def tried() -> Tried:
    """Every account, scanned with its reference and with each slip in it."""
    cases = [
        Case(intent=intent, runbooks=(intent.reference, *(slip.made_in(intent.reference) for slip in intent.slips)))
        for intent in SUITE.intents
    ]
    found = asyncio.run(_found(cases))
    return {intent.id: runs for intent, runs in zip(SUITE.intents, found, strict=True)}


async def _found(cases: Sequence[Case]) -> list[list[DryRun]]:
    return await dry_runs(await find_sandbox(), cases)


def test_thirty_intents_and_more_over_money_safety_and_changes() -> None:
    assert len(SUITE.intents) >= 30
    tags = [tag for intent in SUITE.intents for tag in intent.tags]
    assert min(tags.count(tag) for tag in ("cost", "security", "hygiene", "reliability")) >= 4
    assert tags.count("change") >= 3
    services = {
        intent.reference.partition("list:")[2].lstrip(" [{op:\n-").partition(".")[0] for intent in SUITE.intents
    }
    assert len(services) >= 12


@pytest.mark.slow
@pytest.mark.parametrize("intent", SUITE.intents, ids=lambda intent: intent.id)
def test_the_reference_is_right(intent: Intent, tried: Tried) -> None:
    assert judged(intent, intent.reference, tried[intent.id][0]).holds, tried[intent.id][0]


BRIEF = Surface().read("prompts", "_runbook_language.md.j2").text
BUILT_IN = {*Functions.FUNCTION_TABLE}
OF_AWS = {"items"}


@pytest.mark.parametrize("intent", SUITE.intents, ids=lambda intent: intent.id)
def test_the_product_owner_is_told_all_that_the_reference_needs(intent: Intent) -> None:
    """Else the suite would ask for what no model can know, and the product would, too."""
    keys = set(re.findall(r"[{,\n] *(?:- \{)?([a-z_]+):(?= |\n|$)", intent.reference)) - OF_AWS
    without_texts = re.sub(r"'[^']*'", "''", intent.reference)
    called = set(re.findall(r"\b([a-z_]+)\(", without_texts)) - BUILT_IN
    units = set(re.findall(r'unit: "([^"]+)"', intent.reference))
    assert {name for name in called if f"`{name}(" not in BRIEF} == set()
    assert {unit for unit in units if unit not in BRIEF} == set()
    assert {key for key in keys if not re.search(rf"\b{key}\b", BRIEF)} == set()


SLIPS = [
    pytest.param(intent, number, slip, id=f"{intent.id}-{slip.what.replace(' ', '-')}")
    for intent in SUITE.intents
    for number, slip in enumerate(intent.slips, start=1)
]


@pytest.mark.slow
@pytest.mark.parametrize(("intent", "number", "slip"), SLIPS)
def test_each_slip_is_told_as_missed_too_many_or_wrong(intent: Intent, number: int, slip: Slip, tried: Tried) -> None:
    told = judged(intent, slip.made_in(intent.reference), tried[intent.id][number])
    assert (told.missed, told.extra) == (tuple(sorted(slip.missed)), tuple(sorted(slip.extra)))
    assert {text.partition(":")[0] for text in told.wrong} & {*intent.expect} == {*slip.wrong}
    assert bool(told.problem) == slip.fails
    assert not told.holds


TEXT = """
sentence: Find volumes.
tags: [cost]
seed: [{do: ec2.CreateVolume, as: one, with: {}}, {do: ec2.CreateVolume, as: two, with: {}}]
expect: {one: {}}
near: {two: why}
reference: "list: ec2.DescribeVolumes"
slips: [{what: slip, replace: [ec2, rds]}]
"""


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("expect: {one: {}}", "expect: {three: {}}", "nothing is seeded as three"),
        ("near: {two: why}", "near: {one: why}", "found and near at once: one"),
        ("replace: [ec2, rds]", "replace: [s3, rds]", "'s3' does not stand once in the reference"),
        ("tags: [cost]", "tags: [money]", "Input should be 'cost'"),
    ],
)
def test_an_intent_that_does_not_hold_is_refused(old: str, new: str, why: str) -> None:
    assert read_intent(TEXT, "volumes.yaml").id == "volumes"
    with pytest.raises(InvalidInput, match=why):
        read_intent(TEXT.replace(old, new), "volumes.yaml")


def test_intents_are_chosen_by_name() -> None:
    assert [intent.id for intent in SUITE.chosen(["rds-unused"]).intents] == ["rds-unused"]
    assert SUITE.chosen(["rds-unused"]).version != SUITE.version
    with pytest.raises(UsageError, match="there is no intent 'nothing'"):
        SUITE.chosen(["nothing"])
