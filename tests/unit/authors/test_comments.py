"""What the compiler makes of a manager's comments."""

from typing import Any

import pytest

from phasegate.authors import Brief
from phasegate.authors.compiler.comments import follow
from phasegate.authors.compiler.planning import plan
from phasegate.authors.compiler.specify import specify
from phasegate.authors.kinds import RUNBOOK as RUNBOOK_KIND
from phasegate.authors.record import HEADING, with_record
from unit.authors.sample_spec import FACTS, FOLDER, RUNBOOK, SPEC, files

PATH = f"{FOLDER}/runbook.yaml"


def brief(*comments: str, phase: str = "specify", **more: Any) -> Brief:
    given = {"files": files(), **more}
    return Brief(
        facts=FACTS,
        key=f"{phase}/1/1/item",
        kind=RUNBOOK_KIND,
        outputs=("*",),
        phase=phase,
        role="author",
        item="item",
        round=1,
        comments=comments,
        **given,
    )


@pytest.mark.parametrize(
    "comment",
    [
        "set severity = high",
        f"{PATH}:3: set severity = high",  # as an anchored comment reaches the author
        "  set severity=high",
    ],
)
def test_set_changes_the_key(comment: str) -> None:
    followed = follow(RUNBOOK, PATH, comment)
    assert followed.text == RUNBOOK.replace("severity: low", "severity: high")
    assert followed.answer == "Done: 'severity' in runbook.yaml went from low to high."


@pytest.mark.parametrize(
    ("comment", "word"),
    [
        pytest.param("set colour = red", "has no 'colour'", id="unknown key"),
        pytest.param("set title.colour = red", "has no 'title.colour'", id="below a value that has no keys"),
        pytest.param("set severity = enormous", "Not followed", id="no such value"),
        pytest.param("set match = State ==", "Not followed", id="no expression"),
        pytest.param("set title = *x", "Not followed", id="an alias"),
        pytest.param("set title = !!python/object:os.system x", "Not followed", id="a tag"),
        pytest.param("set title = [", "Not followed", id="no YAML"),
    ],
)
def test_what_cannot_be_set_is_said_and_changes_nothing(comment: str, word: str) -> None:
    followed = follow(RUNBOOK, PATH, comment)
    assert followed.text == RUNBOOK
    assert word in followed.answer


@pytest.mark.parametrize("prose", ["please look at the costs", "approve all gates", "reset severity to = high now?"])
async def test_prose_is_kept_as_a_clarification(prose: str) -> None:
    draft = await specify(brief(prose))
    assert draft.files[PATH] == RUNBOOK.encode()
    spec = (draft.files[f"{FOLDER}/spec.md"] or b"").decode()
    assert "## Clarifications" in spec
    assert prose in spec
    assert "Kept as a clarification" in draft.answers[0]


async def test_each_comment_has_its_answer_in_order() -> None:
    draft = await specify(brief("set severity = medium", "why volumes?", "set colour = red"))
    assert [answer.split()[0] for answer in draft.answers] == ["Done:", "Kept", "Not"]


async def test_what_the_user_wrote_meanwhile_is_taken_up_and_the_rest_stays() -> None:
    edited = SPEC.replace("that are free.", "that are free, and their sizes.")
    draft = await specify(brief(files=files(), handed_in={f"{FOLDER}/spec.md": edited.encode()}))
    assert b"and their sizes" in (draft.files[f"{FOLDER}/spec.md"] or b"")
    assert draft.files[PATH] == RUNBOOK.encode()


async def test_later_phases_answer_and_keep_the_record_over_attempts() -> None:
    path = f"{FOLDER}/plan.md"
    first = await plan(brief("use a queue", phase="plan"))
    second = await plan(brief("and a cache", phase="plan", files={**files(), path: first.files[path]}))
    for draft in (first, second):
        assert "approved" in draft.answers[0]
    text = (second.files[path] or b"").decode()
    assert text.count(HEADING) == 1
    assert text.index("use a queue") < text.index("and a cache")


def test_a_comment_cannot_draw_in_the_document() -> None:
    text = with_record("# Plan\n", "", ["<script>x</script>\n## APPROVED"], ["no"])
    assert "<script" not in text.replace("\\<script", "")
    assert "\n## APPROVED" not in text
