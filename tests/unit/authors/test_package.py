"""A package of code through the real workflow, loop, tests and release, written by scripted models."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from phasegate.app import open_app, read_config
from phasegate.authors.roles import TeamRoles
from phasegate.core import Finding, FixedClock, InvalidInput, Refused
from phasegate.hosting import open_engine
from phasegate.ledger import DecisionKind, PrivateKey, RunStatus
from phasegate.ledger.events import CheckReported, Drafted, EffectDone, ReviewReported
from phasegate.models import Call, FunctionModel, Prompt, Reply, Result, Stop, Usage, Use
from phasegate.scaffold import intent_spec
from phasegate.workflow import Channel, Credentials, Kind
from services import serve
from services.bedrock import SONNET, BedrockService, environ
from services.model_answers import Answer, Asked, uses
from unit.authors.sample_package import (
    AMOUNTS,
    DECISION,
    FOLDER,
    INIT,
    PAGE,
    PLAN,
    SENTENCE,
    SPEC,
    SPLITS,
    TASKS,
    TEST_PLAN,
    TESTS,
    TOTALS,
    WRONG_AMOUNTS,
    package_repository,
)
from unit.authors.sample_spec import NOW, manager_added

MODEL = "scripted:function"
PRICE = f'\n[models.prices."{MODEL}"]\ninput = 1\noutput = 2\nas_of = 2026-11-30\n'
SOURCE = "src/acme_amounts"
WRITTEN: Mapping[tuple[str, str], Mapping[str, str]] = {
    ("Product owner", "specify"): {f"{FOLDER}/spec.md": SPEC},
    ("Cloud architect", "plan"): {f"{FOLDER}/plan.md": PLAN, "docs/decisions/001-amounts.md": DECISION},
    ("QA specialist", "tasks"): {f"{FOLDER}/test-plan.md": TEST_PLAN, **TESTS},
    ("Python engineer", "tasks"): {f"{FOLDER}/tasks.md": TASKS},
    ("Document engineer", "build"): {"docs/amounts.md": PAGE},
}
CODE = {
    f"{SOURCE}/amounts.py": WRONG_AMOUNTS,
    f"{SOURCE}/totals.py": TOTALS,
    f"{SOURCE}/splits.py": SPLITS,
    f"{SOURCE}/__init__.py": INIT,
}


Said = tuple[str, dict[str, Any]]
"""A tool that the model calls, and its arguments."""


def handed(files: Mapping[str, str] | None = None, **more: Any) -> Said:
    return "hand_in", {"files": [{"path": path, "text": text} for path, text in (files or {}).items()], **more}


@dataclass
class Engineers:
    """A model that works as every role: right as all of them but the engineer, whose first attempt is wrong."""

    mends: bool = True
    calls: list[Call] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0

    async def reply(self, call: Call) -> Reply:
        self.calls.append(call)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            await asyncio.sleep(0.01)
            orders = [message.text for message in call.messages if isinstance(message, Prompt)]
            results = [message.text for message in call.messages if isinstance(message, Result)]
            name, arguments = self.says(orders[0], "\n".join(orders[1:]), results)
        finally:
            self.at_once -= 1
        used = Use(id=f"use-{len(call.messages)}", name=name, arguments=arguments)
        return Reply(uses=(used,), stop=Stop.tools, usage=Usage(input=10, output=10))

    def says(self, system: str, asked: str, results: Sequence[str]) -> Said:
        """Return what the model calls next.

        Args:
            system: its instructions.
            asked: material and orders.
            results: of the tools that it called so far.
        """
        ((title, task, phase),) = re.findall(r'^# (.+): (draft for|review of) the phase "(\w+)"', system, re.MULTILINE)
        if task == "review of":
            return "hand_in", {"findings": []}
        if (title, phase) == ("Python engineer", "build"):
            return self.builds(asked, results)
        return handed(WRITTEN[title, phase])

    def builds(self, asked: str, results: Sequence[str]) -> Said:
        """Write the files of the tasks that are asked for, else mend what the tests say."""
        _, _, order = asked.partition("Now work on these tasks")
        wanted = [path for path in CODE if path in order]
        if len(results) < len(wanted):
            path = wanted[len(results)]
            return "write_file", {"path": path, "text": CODE[path]}
        if order:
            return handed()
        path = f"{SOURCE}/amounts.py"
        steps: list[Said] = [
            ("run_tests", {}),
            ("read_file", {"path": path}),
            ("edit_file", {"path": path, "old": "divmod(self.cents, 100)", "new": "divmod(abs(self.cents), 100)"}),
            ("run_tests", {}),
        ]
        return steps[len(results)] if self.mends and len(results) < len(steps) else handed()


def repository(folder: Path, spec: str = "", more: str = PRICE, model: str = MODEL) -> tuple[Path, PrivateKey]:
    package_repository(folder, spec=spec)
    key = manager_added(folder)
    config = folder / "phasegate.toml"
    config.write_text(config.read_text().replace('flow = "package"', f'flow = "package"\nmodel = "{model}"') + more)
    return folder, key


@dataclass
class Outcome:
    status: RunStatus
    gates: list[str]
    checks: Sequence[CheckReported]
    drafts: Sequence[Drafted]
    effects: Mapping[str, Any]
    files: Mapping[str, bytes]
    reviews: Sequence[ReviewReported]

    def findings(self, phase: str) -> list[Finding]:
        return [found for each in (*self.checks, *self.reviews) if each.phase == phase for found in each.findings]


async def worked(folder: Path, key: PrivateKey, model: Engineers | None, until: str = "") -> Outcome:
    """Run the spec, Mara approving each gate before a phase; a gate that refuses her approval ends it."""
    models = {MODEL: FunctionModel(model.reply, name=MODEL)} if model else {}
    roles = TeamRoles(settings=read_config(folder).models, models=models)
    mara = Credentials(name="Mara", kind=Kind.person, channel=Channel.terminal, proved_at=NOW)
    gates: list[str] = []
    async with open_app(folder, clock=FixedClock(NOW), roles=roles) as app, open_engine(app) as segments:
        run = await app.start(folder / FOLDER)
        status = await segments.advance(run.id)
        while status is RunStatus.waiting:
            [(gate, _)] = await app.ledger.open_gates(None, 1)
            gates.append(gate.key.phase)
            if gate.key.phase == until:
                break
            try:
                await app.decide(gate, DecisionKind.approve, mara, key, digest=gate.digest)
            except Refused as refused:
                gates.append(refused.reason)
                break
            status = await segments.advance(run.id)
        return Outcome(
            status=status,
            gates=gates,
            checks=await app.ledger.events_of(run.id, CheckReported),
            drafts=await app.ledger.events_of(run.id, Drafted),
            effects={each.effect: each.receipt for each in await app.ledger.events_of(run.id, EffectDone)},
            files=app.workspace.tree(app.workspace.tip(run.branch) or run.base),
            reviews=await app.ledger.events_of(run.id, ReviewReported),
        )


INTENT = intent_spec(FOLDER, SENTENCE, today="2026-11-18", deliverable="package spec").decode()


def asked_of(model: Engineers, title: str, phase: str) -> list[Call]:
    begins = f'# {title}: draft for the phase "{phase}"'
    return [call for call in model.calls if begins in str(call.messages[0])]


@pytest.mark.slow
async def test_a_sentence_becomes_a_released_library_whose_tests_were_there_first(tmp_path: Path) -> None:
    folder, key = repository(tmp_path / "acme", spec=INTENT)
    model = Engineers()
    done = await worked(folder, key, model)
    assert done.status is RunStatus.released
    assert done.gates == ["specify", "plan", "tasks", "build", "release"]
    assert done.effects["publish"]["version"] == "0.1.0"
    assert done.effects["smoke"] == {"modules": 4}
    shown = {check.check: check.saw for check in done.checks if check.phase == "build"}
    assert shown["tests-pass"].startswith("28 of 28 tests passed")
    assert shown["coverage"].startswith("100 % of the statements of 4 modules")
    assert shown["approved-tests"] == "3 of 3 test files as approved"
    log = done.files["CHANGELOG.md"].decode()
    assert "`acme_amounts.amounts.read`." in log

    # Tasks without a file in common were built at the same time, after what they need.
    orders = [str(call.messages[2]) for call in asked_of(model, "Python engineer", "build") if len(call.messages) == 3]
    first, *between, last = [re.findall(r"- (T00\d) ", order) for order in orders]
    assert (first, sorted(between), last) == (["T001"], [["T002"], ["T003"]], ["T004"])
    assert model.most_at_once >= 2
    # The first attempt was wrong, the tests said so, and the mended one was handed in.
    results = [m.text for call in model.calls for m in call.messages if isinstance(m, Result)]
    assert any("27 of 28 tests passed" in text or "26 of 28 tests passed" in text for text in results)
    assert "28 of 28 tests passed" in results[-1]
    assert done.files[f"{SOURCE}/amounts.py"].decode() == AMOUNTS
    assert [draft.model for draft in done.drafts if draft.item == "code"] == [MODEL]


@pytest.mark.slow
async def test_a_library_is_built_over_bedrock_with_tools_streams_and_caches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Engineers()

    def answered(asked: Asked) -> Answer:
        said = "\n".join(turn.text for turn in asked.turns if turn.role == "user")
        name, arguments = model.says(asked.system, said, [turn.text for turn in asked.turns if turn.role == "tool"])
        return uses(name, **arguments)

    name = f"bedrock_converse:{SONNET}"
    folder, key = repository(tmp_path / "acme", more="", model=name)
    service = BedrockService(answered)
    with serve(service) as address:
        for variable, value in environ(address).items():
            monkeypatch.setenv(variable, value)
        done = await worked(folder, key, None)
    assert done.status is RunStatus.released
    built = [asked for asked in service.asked if "run_tests" in asked.tools]
    assert len(built) > len(CODE)
    assert all(asked.streams for asked in built)
    loops = [asked for asked in built if asked.turns[-1].role == "tool"]
    assert loops
    assert all(asked.cache_points == 2 for asked in loops)  # after the instructions, and where the conversation ends
    assert {asked.choice for asked in built} == {""}  # a forced tool would leave no choice of another
    assert {draft.model for draft in done.drafts if draft.item != "release"} == {name}


@pytest.mark.slow
async def test_qa_sees_no_code_also_where_there_is_some(tmp_path: Path) -> None:
    folder, key = repository(tmp_path / "acme")
    (folder / SOURCE / "amounts.py").write_text("SECRET_OF_THE_CODE = 1\n")
    model = Engineers()
    await worked(folder, key, model, until="build")
    calls = asked_of(model, "QA specialist", "tasks")
    assert calls
    assert not any("SECRET_OF_THE_CODE" in call.model_dump_json() for call in calls)


@pytest.mark.slow
async def test_code_that_never_passes_stops_at_the_gate_with_what_fails(tmp_path: Path) -> None:
    folder, key = repository(tmp_path / "acme")
    done = await worked(folder, key, Engineers(mends=False))
    assert done.status is RunStatus.waiting
    assert done.gates == ["specify", "plan", "tasks", "build", "blocking_findings"]
    last = max(check.round for check in done.checks if check.phase == "build")
    found = [f for c in done.checks if (c.phase, c.check, c.round) == ("build", "tests-pass", last) for f in c.findings]
    assert found
    assert all(each.path in TESTS and "failed" in each.message for each in found)
    assert done.effects == {}


@dataclass
class Cheater(Engineers):
    """Makes the tests pass by changing them."""

    def builds(self, asked: str, results: Sequence[str]) -> Said:
        empty = 'def test_nothing():\n    """AC-001"""\n    assert True\n'
        if not results:
            return "write_file", {"path": "tests/amounts/test_read.py", "text": empty}
        return handed({**CODE, "tests/amounts/test_read.py": empty, "tests/conftest.py": "import sys\n"})


@pytest.mark.slow
async def test_the_engineer_cannot_touch_the_approved_tests(tmp_path: Path) -> None:
    folder, key = repository(tmp_path / "acme")
    model = Cheater()
    done = await worked(folder, key, model)
    assert done.gates[-2:] == ["build", "blocking_findings"]
    said = [m for call in model.calls for m in call.messages if isinstance(m, Result)]
    assert any("is not yours to write" in each.text and each.failed for each in said)
    assert {path: done.files[path].decode() for path in TESTS} == TESTS
    assert "tests/conftest.py" not in done.files
    rules = {finding.rule for check in done.checks if check.phase == "build" for finding in check.findings}
    assert "stray-path" in rules


@dataclass
class Collector(Engineers):
    """Plans with a dependency."""

    def says(self, system: str, asked: str, results: Sequence[str]) -> Said:
        if '# Cloud architect: draft for the phase "plan"' not in system:
            return super().says(system, asked, results)
        (text,) = re.findall(r"<<<DATA pyproject.toml \w+>>>\n(.*?)<<<END", asked, re.DOTALL)
        needs = text.replace("dependencies = []", 'dependencies = ["leftpad-for-money>=1,<2"]')
        return handed({**WRITTEN["Cloud architect", "plan"], "pyproject.toml": needs})


@pytest.mark.slow
async def test_a_dependency_is_a_persons_decision_before_anything_is_installed(tmp_path: Path) -> None:
    folder, key = repository(tmp_path / "acme")
    done = await worked(folder, key, Collector())
    assert done.gates == ["specify", "plan", "blocking_findings"]
    found = [f for f in done.findings("plan") if f.rule == "unknown"]
    assert found
    assert "'leftpad-for-money' is not on the list of a package spec (none)" in found[0].message


def test_a_package_spec_needs_somebody_who_writes(tmp_path: Path) -> None:
    package_repository(tmp_path / "acme")

    async def start() -> None:
        async with open_app(tmp_path / "acme", clock=FixedClock(NOW)) as app:
            await app.start(tmp_path / "acme" / FOLDER)

    with pytest.raises(InvalidInput, match="no compiler writes 'spec'") as raised:
        asyncio.run(start())
    assert '[roles.product-owner] model = "…"' in raised.value.fix


def test_a_runbook_cannot_go_through_the_workflow_of_packages(tmp_path: Path) -> None:
    folder, _ = repository(tmp_path / "acme", spec=SPEC.replace("package spec", "runbook spec"))

    async def start() -> None:
        async with open_app(folder, clock=FixedClock(NOW)) as app:
            await app.start(folder / FOLDER)

    with pytest.raises(InvalidInput, match="is a runbook spec, and the workflow 'package' is for a package spec"):
        asyncio.run(start())
