"""What a provider or a model gets wrong, at every role: a retry within limits, then a finding or a parked run."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from phasegate.app import open_app, read_config
from phasegate.authors.roles import TeamRoles
from phasegate.core import FixedClock, Parked
from phasegate.hosting import open_engine
from phasegate.ledger import RunStatus
from phasegate.ledger.events import Drafted, ReviewReported
from phasegate.models import ModelFailed
from phasegate.models.langchain import LangChainModel, Settings
from phasegate.team import load_team
from services import serve
from services.bedrock import REGION, SONNET, BedrockService, environ
from services.model_answers import (
    Answer,
    Asked,
    as_string,
    guardrail,
    internal,
    not_ready,
    nothing,
    refusal,
    stream_error,
    structured,
    text,
    throttled,
    timed_out,
    truncated_document,
    unavailable,
    uses,
)
from unit.authors.sample_spec import FOLDER, NOW, sample_repository
from unit.authors.test_model import EVERYBODY, INTENT, written

NAME = f"bedrock_converse:{SONNET}"
_CONVERSATION = re.compile(r'^# (.+): (draft for|review of) the phase "(\w+)"', re.MULTILINE)
GOOD = structured({"files": []})
CARDS = load_team().cards
ROLES = {card.title: name for name, card in CARDS.items()}
UNUSABLE: dict[str, Answer] = {
    "prose": text("I would rather tell you about it."),
    "cut off": truncated_document('{"files": [{"path": "specs/'),
    "another shape": structured({"file": "spec.md"}),
    "a refusal": refusal(),
    "a guardrail": guardrail(),
    "nothing": nothing(),
    "a tool that is not there": uses("approve_gate", gate="specify"),
}
"""Answers that came and are of no use."""
UNANSWERED: dict[str, Answer] = {
    "throttling": throttled(),
    "throttling in the middle": GOOD.interrupted(throttled()),
    "an error in the middle": GOOD.interrupted(stream_error()),
    "a lost connection": GOOD.torn(),
    "a model timeout": timed_out(),
    "a model that loads": not_ready(),
    "an overloaded service": unavailable(),
    "an internal error": internal(),
}
"""Calls that a retry may help."""


@dataclass
class Service:
    """Fails in each conversation as it is told, and then answers right."""

    failures: Callable[[str], Sequence[Answer]]
    seen: Counter[str] = field(default_factory=Counter)

    def answered(self, asked: Asked) -> Answer:
        ((title, task, phase),) = _CONVERSATION.findall(asked.system)
        name = f"{title}/{task}/{phase}"
        failures, number = self.failures(name), self.seen[name]
        self.seen[name] += 1
        return failures[number] if number < len(failures) else right(asked)


def right(asked: Asked) -> Answer:
    if "findings" in asked.tools["hand_in"]["properties"]:
        # A list that comes as a string of JSON is read as the list that it is.
        return as_string({"findings": []}, "findings")
    return structured(written() if "# Product owner" in asked.system else {"files": []})


@pytest.fixture
def bedrock(monkeypatch: pytest.MonkeyPatch) -> Iterator[BedrockService]:
    service = BedrockService()
    with serve(service) as address:
        for name, value in environ(address).items():
            monkeypatch.setenv(name, value)
        yield service


@pytest.fixture
def target(tmp_path: Path, account: str) -> Path:
    """A repository with a sentence for a spec, in which a model works as every role."""
    folder = tmp_path / "target"
    sample_repository(folder, spec=INTENT, endpoint=account, managers={})
    (folder / FOLDER / "runbook.yaml").unlink()
    config = folder / "phasegate.toml"
    config.write_text(config.read_text().replace('flow = "sdlc"', f'flow = "sdlc"\nmodel = "{NAME}"'))
    return folder


@dataclass
class Outcome:
    status: RunStatus | None
    error: Exception | None
    drafts: Sequence[Drafted]
    reviews: Sequence[ReviewReported]
    gates: int


async def advanced(folder: Path) -> Outcome:
    model = LangChainModel(
        name=NAME,
        settings=Settings(options={"region_name": REGION}, attempts=4, wait=0.001, longest_wait=0.01, seconds=20),
    )
    roles = TeamRoles(settings=read_config(folder).models, models={NAME: model})
    async with open_app(folder, clock=FixedClock(NOW), roles=roles) as app, open_engine(app) as segments:
        run = await app.start(folder / FOLDER, policy="demo")
        status, error = None, None
        try:
            status = await segments.advance(run.id)
        except (Parked, ModelFailed, ExceptionGroup) as raised:
            error = raised
        drafts = await app.ledger.events_of(run.id, Drafted)
        reviews = await app.ledger.events_of(run.id, ReviewReported)
        return Outcome(status, error, drafts, reviews, await app.ledger.count_open_gates())


def in_turn(kinds: Sequence[Answer], shift: int, by: Callable[[str], int]) -> Callable[[str], Sequence[Answer]]:
    """Have each conversation fail in `by` of these ways, the next one in the ways that follow."""
    begins: dict[str, int] = {}

    def failures(name: str) -> Sequence[Answer]:
        begin = begins.setdefault(name, shift + 3 * len(begins))
        return [kinds[(begin + each) % len(kinds)] for each in range(by(name))]

    return failures


def title(name: str) -> str:
    """The role of a conversation, as its card is named."""
    return ROLES[name.partition("/")[0]]


def rounds(name: str) -> int:
    """The answers that a conversation may have."""
    limits = CARDS[title(name)].limits
    assert limits is not None
    return limits.rounds


@pytest.mark.slow
@pytest.mark.parametrize("shift", range(0, len(UNUSABLE), 2))
async def test_every_role_gets_over_answers_of_no_use(target: Path, bedrock: BedrockService, shift: int) -> None:
    service = Service(in_turn(list(UNUSABLE.values()), shift, lambda name: rounds(name) - 1))
    bedrock.answers(service.answered)
    done = await advanced(target)
    assert done.status is RunStatus.released, done.error
    assert {title(name) for name in service.seen} == set(EVERYBODY)
    assert service.seen == {name: rounds(name) for name in service.seen}


@pytest.mark.slow
async def test_every_role_gets_over_a_provider_that_is_busy(target: Path, bedrock: BedrockService) -> None:
    service = Service(in_turn(list(UNANSWERED.values()), 0, lambda _: 3))
    bedrock.answers(service.answered)
    done = await advanced(target)
    assert done.status is RunStatus.released, done.error
    assert {title(name) for name in service.seen} == set(EVERYBODY)
    assert set(service.seen.values()) == {4}


DRAFTS = [
    "Product owner/draft for/specify",
    "Cloud architect/draft for/plan",
    "QA specialist/draft for/tasks",
    "Python engineer/draft for/tasks",
    "Document engineer/draft for/build",
]
REVIEWS = [
    "DevSec engineer/review of/specify",
    "SRE automation/review of/plan",
    "Data architect/review of/specify",
    "QA specialist/review of/release",
]


@pytest.mark.slow
@pytest.mark.parametrize("name", DRAFTS)
async def test_an_author_that_never_answers_right_parks_the_run_with_nothing_written(
    target: Path, bedrock: BedrockService, name: str
) -> None:
    service = Service(lambda asked: [*UNUSABLE.values()] if asked == name else ())
    bedrock.answers(service.answered)
    done = await advanced(target)
    assert done.status is None
    assert f"no usable answer in {rounds(name)} rounds" in str(done.error)
    assert (service.seen[name], done.gates) == (rounds(name), 0)
    phase = name.rpartition("/")[2]
    assert [draft for draft in done.drafts if (draft.phase, draft.author) == (phase, title(name))] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", REVIEWS)
async def test_a_reviewer_that_never_answers_right_is_a_blocking_finding(
    target: Path, bedrock: BedrockService, name: str
) -> None:
    service = Service(lambda asked: [*UNUSABLE.values()] * 9 if asked == name else ())
    bedrock.answers(service.answered)
    done = await advanced(target)
    assert (done.status, done.gates) == (RunStatus.waiting, 1)  # the policy does not pass it either
    phase = name.rpartition("/")[2]
    last = max(review.round for review in done.reviews if review.phase == phase)
    [review] = [each for each in done.reviews if (each.phase, each.round, each.reviewer) == (phase, last, title(name))]
    assert "no-review" in {found.rule for found in review.findings if found.blocking}


@pytest.mark.slow
@pytest.mark.parametrize("name", [DRAFTS[0], REVIEWS[0]])
async def test_a_provider_that_stays_busy_parks_the_run(target: Path, bedrock: BedrockService, name: str) -> None:
    service = Service(lambda asked: [throttled()] * 99 if asked == name else ())
    bedrock.answers(service.answered)
    done = await advanced(target)
    assert done.status is None
    assert "after 3 retries" in repr(done.error)
    assert (service.seen[name], done.gates) == (4, 0)
