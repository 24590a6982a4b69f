"""What a run costs whose roles are worked as by chat models: time, processor time, prompts and bytes."""

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

from langchain.chat_models import init_chat_model
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessageChunk, HumanMessage, SystemMessage

from bench.canned import SPEC, arguments
from bench.desk import NOW, Desk, Staff, bare, desk, sdlc
from bench.empty import EmptyNodes
from bench.engine import empty
from bench.measure import Row, Step, pairs
from bench.size import size_of
from phasegate.app import open_app
from phasegate.authors import Author, Reviewer
from phasegate.authors.model import ModelAuthor, ModelReviewer, Worker
from phasegate.core import SystemClock
from phasegate.demo.repository import lay_demo
from phasegate.hosting import open_engine
from phasegate.ledger import RunStatus
from phasegate.models import Call, ChatModel, FunctionModel, Meter, Price, Prices, Reply, Stop, Usage, Use
from phasegate.models.chat import Message
from phasegate.models.langchain import LangChainModel, Settings
from phasegate.store import Database
from phasegate.team import Phase, Team, load_team
from phasegate.workflow.engine.graph import Node
from phasegate.workflow.engine.nodes import TeamNodes
from phasegate.workspace import Workspace

SECONDS = 0.2
TURNS = 7
MODEL = "scripted:bench"
TOP = Path(__file__).parents[1]
KEYS = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing"}
SPEC_KIT = ("1.2.3", date(2026, 11, 30), 99_127)
"""Version, day of the count, and characters of GitHub Spec Kit, each of these once: its commands specify, clarify,
plan, tasks, analyze and implement; its templates for spec, plan and tasks."""
BEDROCK = "bedrock_converse:us.anthropic.claude-sonnet-4-5-20250929-v1:0"
INTENT = b"# Feature Specification: Unattached EBS volumes\n\n**Status**: Intent\n**Deliverable**: runbook spec\n"


@dataclass
class Canned:
    """Model that takes its time, and keeps the calls."""

    seconds: float = 0.0
    calls: list[Call] = field(default_factory=list)

    async def reply(self, call: Call) -> Reply:
        """Return the canned answer."""
        self.calls.append(call)
        await asyncio.sleep(self.seconds)
        use = Use(id="1", name="hand_in", arguments=_arguments(call))
        return Reply(uses=(use,), stop=Stop.tools, usage=Usage(input=call.characters // 4, output=100))


def staff_of(model: ChatModel) -> Staff:
    """Return the staff in which the model works as every role."""
    team = load_team(None)

    def staff(database: Database, nodes: TeamNodes) -> tuple[Mapping[str, Author], Mapping[str, Reviewer]]:
        own = {MODEL: Price(input=Decimal(3), output=Decimal(15), as_of=NOW.date())}
        worker = partial(_worker, team, model, Meter(database=database, prices=Prices(own=own)))
        authors = {role: ModelAuthor(worker=worker(role), compiler=author) for role, author in nodes.authors.items()}
        judges = {role: ModelReviewer(worker=worker(role), checks=judge) for role, judge in nodes.reviewers.items()}
        return authors, judges

    return staff


def _worker(team: Team, model: ChatModel, meter: Meter, role: str) -> Worker:
    return Worker(card=team.cards[role], model=model, meter=meter, team=team)


@asynccontextmanager
async def _desk(model: ChatModel) -> AsyncIterator[Desk]:
    with TemporaryDirectory() as folder:
        async with desk(Path(folder), staff=staff_of(model), files={f"{SPEC}/spec.md": INTENT}) as d:
            yield d


async def _run(d: Desk, name: str) -> None:
    await d.start(name, "demo")
    status = await d.segments.advance(name)
    assert status is RunStatus.released, status


async def models() -> list[Row]:
    """A run whose roles all have a model."""
    canned = Canned()
    async with _desk(FunctionModel(canned.reply, name=MODEL)) as d:
        await _run(d, "first")
    return [_prompts(canned.calls), await _latency(), await _processor(canned.calls), await _stored()]


def _prompts(calls: Sequence[Call]) -> Row:
    """Instructions of every draft and review; schemas of tools and what is to be read count on neither side."""
    said, schemas = (sum(map(count, calls)) for count in (lambda call: len(_text(call.messages[0])), _schema))
    version, day, theirs = SPEC_KIT
    against = f"{theirs:,} of Spec Kit {version} ({day})"
    measured = f"{said:,} characters in {len(calls)} calls, {schemas:,} more of schemas"
    return Row(what="instructions of a run", measured=measured, against=against, ratio=said / theirs, bar=0.6)


def _arguments(call: Call) -> dict[str, Any]:
    assert call.hand_in is not None
    return arguments("findings" in call.hand_in.parameters["properties"], _text(call.messages[0]))


def _schema(call: Call) -> int:
    return len(call.hand_in.model_dump_json()) if call.hand_in else 0


def _chain() -> float:
    """Return the longest chain of calls: the drafts of a phase that a model writes, then its reviews."""
    asked = ("spec", "plan", "test-plan", "tasks", "docs")
    phases = sdlc().phases
    return SECONDS * sum(any(row.item in asked for row in each.authors) + bool(each.reviews) for each in phases)


async def _latency() -> Row:
    canned = Canned(SECONDS)
    async with _desk(FunctionModel(canned.reply, name=MODEL)) as d:
        times = []
        for turn in range(4):
            began = time.perf_counter()
            await _run(d, f"turn-{turn}")
            times.append(time.perf_counter() - began)
    seconds, chain = statistics.median(times[1:]), _chain()
    return Row(
        what=f"run with a {SECONDS * 1000:.0f} ms model in every role",
        measured=f"{seconds:.2f} s",
        against=f"{chain:.2f} s in a chain",
        ratio=seconds / chain,
        bar=1.1,
    )


async def _processor(calls: Sequence[Call]) -> Row:
    """Processor time of a run over loopback, against the same calls from bare LangGraph's nodes."""
    async with _served() as address:
        options = {"region_name": "us-east-1", "base_url": address, **KEYS}
        ours = LangChainModel(name=BEDROCK, settings=Settings(options=options))
        plain = cast(BaseChatModel, init_chat_model(BEDROCK, **cast(Any, options)))
        async with _desk(ours) as d, _bare(calls, plain) as theirs:
            measured = await pairs(partial(_run, d), theirs, TURNS, clock=time.process_time)
    return measured.row(f"processor time, {len(calls)} calls of a model on loopback", 1.5)


@asynccontextmanager
async def _bare(calls: Sequence[Call], model: BaseChatModel) -> AsyncIterator[Step]:
    """The nodes of the workflow in bare LangGraph with its saver, each of whose drafts and reviews makes its call."""
    made = {_name(call): call for call in calls}

    async def ask(name: str) -> None:
        if name in made:
            await _plain_call(model, made[name])

    with TemporaryDirectory() as folder:
        async with bare(Path(folder), gates=False, nodes=CallingNodes(gates=False, ask=ask)) as graph:
            yield empty(graph)


def _name(call: Call) -> str:
    """Return phase and author's item or reviewer of a call."""
    phase, _, _, name, _ = call.place.split("/")
    return f"{phase}/{name}"


async def _plain_call(model: BaseChatModel, call: Call) -> AIMessageChunk:
    """Make the call as a program does that has LangChain alone."""
    assert call.hand_in is not None
    system, *users = call.messages
    messages = [SystemMessage(_text(system)), *(HumanMessage(_text(each)) for each in users)]
    tool = {"type": "function", "function": call.hand_in.model_dump()}
    bound = model.bind_tools([tool], tool_choice=call.hand_in.name)
    whole: Any = None
    async for chunk in bound.astream(messages):
        whole = chunk if whole is None else whole + chunk
    assert whole.tool_calls
    return cast(AIMessageChunk, whole)


def _text(message: Message) -> str:
    return message.text


@dataclass(frozen=True, kw_only=True)
class CallingNodes(EmptyNodes):
    """Empty bodies that make the call of a draft or a review."""

    ask: Callable[[str], Awaitable[None]]

    def draft(self, phase: Phase) -> Node:
        async def draft(state: dict[str, Any]) -> dict[str, Any]:
            await self.ask(f"{phase.id}/{state['item']}")
            return {"drafts": {state["item"]: "0" * 40}}

        return draft

    def judges(self, phase: Phase) -> Mapping[str, Node]:
        reviews = {f"review-{row.role}": self._review(f"{phase.id}/{row.role}") for row in phase.reviews}
        return {**super().judges(phase), **reviews}

    def _review(self, name: str) -> Node:
        async def review(state: Any) -> dict[str, Any]:
            await self.ask(name)
            return {"blocking": {}}

        return review


@asynccontextmanager
async def _served() -> AsyncIterator[str]:
    """Serve the canned answers in a process of its own, whose processor time counts on neither side."""
    process = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "bench.canned_bedrock"],
        cwd=TOP,
        env={**os.environ, "PYTHONPATH": f"{TOP}{os.pathsep}{TOP / 'tests'}"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.stdin.close()
        await process.wait()


async def _stored() -> Row:
    """Growth of the database and Git objects of a whole run, against the bytes of the files that it wrote."""
    with TemporaryDirectory() as top:
        folder = Path(top) / "demo"
        command = [sys.executable, "-m", "phasegate.cli", "demo", str(folder), "--model", "scripted"]
        await asyncio.to_thread(
            subprocess.run, command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        state = Workspace.open(folder).state
        database = size_of(state / "phasegate.db") - await _empty_size(Path(top) / "empty")
        written, objects = _artifacts(folder), _objects(folder)
    stored = database + objects
    return Row(
        what="stored bytes of a run with models",
        measured=f"{stored / 1024:.0f} KB ({database / 1024:.0f} database, {objects / 1024:.0f} Git)",
        against=f"{written / 1024:.0f} KB of files written",
        ratio=stored / written,
        bar=1.3,
    )


async def _empty_size(folder: Path) -> int:
    """Return the size of a record in which no run was, with the tables of the queue and of checkpoints."""
    lay_demo(folder, "http://127.0.0.1:9", None, SystemClock(), scripted=True)
    async with open_app(folder) as app, open_engine(app):
        await app.queue.opened()
    return size_of(Workspace.open(folder).state / "phasegate.db")


def _git(folder: Path, *words: str, given: str = "") -> str:
    done = subprocess.run(
        ["git", "-C", str(folder), *words], input=given, capture_output=True, encoding="utf-8", check=True
    )
    return done.stdout


def _first(folder: Path) -> str:
    return _git(folder, "rev-list", "--max-parents=0", "--all").split()[0]


def _artifacts(folder: Path) -> int:
    """Bytes of the files that the run wrote, as its last commit has them."""
    paths = _git(folder, "diff", "--name-only", "--diff-filter=AM", _first(folder), "HEAD").splitlines()
    sizes = _git(folder, "cat-file", "--batch-check=%(objectsize)", given="\n".join(f"HEAD:{path}" for path in paths))
    return sum(map(int, sizes.split()))


def _objects(folder: Path) -> int:
    """Bytes on disk of all objects that came after the first commit."""
    names = _git(folder, "rev-list", "--objects", "--all", "--not", _first(folder)).splitlines()
    given = "\n".join(line.split()[0] for line in names)
    return sum(map(int, _git(folder, "cat-file", "--batch-check=%(objectsize:disk)", given=given).split()))
