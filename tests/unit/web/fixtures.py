"""A served repository whose runs are written by scripts: real workflow, ledger, queue and pages, and no compiler."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from html import unescape
from pathlib import Path
from typing import Any

import httpx
import tomlkit
import yaml
from argon2 import PasswordHasher
from fastapi import FastAPI

from phasegate.app import App, open_app
from phasegate.authors import Brief, CheckReviewer, Draft, FunctionAuthor, Report, Subject
from phasegate.core import FixedClock, new_id
from phasegate.hosting import open_engine
from phasegate.identity import Accounts
from phasegate.keyholder import hold_here
from phasegate.ledger import GateKey, PrivateKey, Run, create_key, unlock_key
from phasegate.reports import open_desk
from phasegate.team import Surface
from phasegate.web.context import Context, context_of
from phasegate.web.server import build
from phasegate.web.settings import loopback
from phasegate.web.slack.handler import SlackApp
from phasegate.web.slack.slack_client import AsyncSlackClient
from phasegate.workflow import Outcome, branch
from phasegate.workflow.engine import Segments, TeamNodes, build_graph, segments
from unit.authors.sample_spec import FOLDER, NOW, sample_repository
from unit.templates import copied

PORT = 8300
HOST = f"127.0.0.1:{PORT}"
ORIGIN = f"http://{HOST}"
COOKIE = loopback(PORT).cookie
PASSPHRASES = {"ada": "correct horse battery", "amy": "another manager's words", "eve": "not a manager here"}
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
QUICK_TO_GUESS = 2
"""Cost of the keys, of which each test opens several."""
_HERE = {"spec": FOLDER, "name": "free-volumes", "module": "free_volumes", "package": "acme_runbooks"}


@dataclass
class Script:
    """What the scripted team does; a test may change it at any time."""

    files: dict[str, bytes] = field(default_factory=dict)
    """Written by the first author of each phase besides its own."""
    reports: dict[str, Report] = field(default_factory=dict)
    """By check; any other has nothing to object to."""


@dataclass(frozen=True, kw_only=True)
class WebServer:
    """The server, and who works at it."""

    app: App
    parts: Context
    web: FastAPI
    segments: Segments
    script: Script
    clock: FixedClock
    keys: dict[str, PrivateKey]

    @property
    def desk(self) -> SlackApp:
        """Where Slack is answered."""
        desk = self.web.state.desk
        assert isinstance(desk, SlackApp)
        return desk

    async def start(self) -> str:
        """A run that waits at its first gate."""
        run_id = new_id()
        run = Run(
            id=run_id,
            spec=FOLDER,
            flow=self.app.flow.name,
            branch=branch(run_id),
            base=self.app.workspace.head(),
            started_at=self.clock.now(),
        )
        await self.app.ledger.add_run(run, (await self.app.queue.opened()).dispatch)
        await self.segments.advance(run_id)
        return run_id

    async def gate(self) -> GateKey:
        """A new run's first gate."""
        return GateKey(await self.start(), "specify", 1)

    @asynccontextmanager
    async def browser(self, name: str = "") -> AsyncIterator["Browser"]:
        """Somebody's browser, signed in where a name is given."""
        transport = httpx.ASGITransport(app=self.web)
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"origin": ORIGIN}) as client:
            browser = Browser(client=client, passphrase=PASSPHRASES.get(name, ""))
            if name:
                answer = await browser.sign_in(name)
                assert answer.status_code == 303, answer.text
            yield browser


@dataclass(frozen=True, kw_only=True)
class Browser:
    """Fills in what a page shows, as a person would."""

    client: httpx.AsyncClient
    passphrase: str = ""
    """Of who signed in; given with all that is signed."""

    async def sign_in(self, name: str, passphrase: str = "", **more: str) -> httpx.Response:
        fields = {"name": name, "passphrase": passphrase or PASSPHRASES.get(name, ""), **more}
        return await self.client.post("/sign-in", data=fields)

    async def form(self, page: str) -> dict[str, Any]:
        """The hidden fields of a page's forms that are not empty, and the passphrase where it is asked for."""
        text = (await self.client.get(page)).text
        asked = {"passphrase": self.passphrase} if self.passphrase and 'name="passphrase"' in text else {}
        return {**hidden_fields(text), **asked}

    async def decide(self, gate: GateKey, kind: str, **more: Any) -> httpx.Response:
        fields = await self.form(f"/gates/{gate}")
        return await self.client.post(
            f"/gates/{gate}/decide", data={**fields, "passphrase": self.passphrase, "decision": kind, **more}
        )

    async def takes_back(self, gate: GateKey, **more: Any) -> httpx.Response:
        token = (await self.form("/delegations"))["form_token"]
        return await self.client.post(
            f"/gates/{gate}/revoke", data={"form_token": token, "passphrase": self.passphrase, **more}
        )

    async def delegates(self, to: str, **more: Any) -> httpx.Response:
        token = (await self.form("/delegations"))["form_token"]
        return await self.client.post(
            "/delegations", data={"form_token": token, "passphrase": self.passphrase, "to": to, **more}
        )


@asynccontextmanager
async def page_of(app: App, name: str = "", passphrase: str = "") -> AsyncIterator[Browser]:
    """The browser of somebody at a server of an opened repository, signed in where a name is given."""
    web = build(context_of(app, loopback(PORT), Accounts(app.database, app.clock, QUICK, hold_here)))
    transport = httpx.ASGITransport(app=web)
    async with httpx.AsyncClient(transport=transport, base_url=ORIGIN, headers={"origin": ORIGIN}) as client:
        browser = Browser(client=client, passphrase=passphrase)
        if name:
            answer = await browser.sign_in(name, passphrase)
            assert answer.status_code == 303, answer.text
        yield browser


def hidden_fields(page: str) -> dict[str, Any]:
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]+)"', page)
    return {name: unescape(value) for name, value in found}


@asynccontextmanager
async def web_server(
    folder: Path,
    script: Script | None = None,
    *,
    managers: Sequence[str] = ("ada",),
    files: Mapping[str, str] | None = None,
    slack: AsyncSlackClient | None = None,
    members: Mapping[str, str] | None = None,
    furnish: Callable[[Path], object] | None = None,
    **gate: Any,
) -> AsyncIterator[WebServer]:
    """The office of ada, who is the repository's manager; eve has an account there and may not decide.

    Args:
        folder: for the repository and the keys.
        script: what the team does.
        managers: who is one.
        files: what the repository has besides, by path.
        slack: where clicks come from.
        members: by manager, who they are in Slack.
        furnish: changes the repository, whose own team works then and not the script's.
        gate: what the first gate asks besides what it always does.
    """
    clock, script = FixedClock(NOW), script or Script()
    await asyncio.to_thread(copied, ("office", *managers), folder, partial(_furnished, managers))
    keys = {name: unlock_key(folder / f"{name}.key", PASSPHRASES[name]) for name in _people(managers)}
    for path, text in (files or {}).items():
        (folder / "target" / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / "target" / path).write_text(text)
    if members:
        list_in_slack(folder / "target", members)
    if gate:
        flow = yaml.safe_load(Surface().read("graphs", "sdlc.yaml").text)
        flow["phases"][0]["gate"] |= gate
        (folder / "target" / "graphs").mkdir()
        (folder / "target" / "graphs" / "sdlc.yaml").write_text(yaml.safe_dump(flow))
    if furnish:
        furnish(folder / "target")
    await asyncio.to_thread(_sign, folder / "target")
    async with AsyncExitStack() as stack:
        app = await stack.enter_async_context(open_app(folder / "target", clock=clock))
        parts = context_of(app, loopback(PORT), Accounts(app.database, clock, QUICK, hold_here), slack)
        yield WebServer(
            app=app,
            parts=parts,
            web=build(parts),
            segments=await stack.enter_async_context(open_engine(app) if furnish else _engine(app, script)),
            script=script,
            clock=clock,
            keys=keys,
        )


def _people(managers: Sequence[str]) -> list[str]:
    return [name for name in PASSPHRASES if name in (*managers, "eve")]


def _furnished(managers: Sequence[str], folder: Path) -> None:
    """Makes the repository, the keys, and a database with the accounts."""
    folder.mkdir()
    keys = {name: create_key(folder / f"{name}.key", PASSPHRASES[name], QUICK_TO_GUESS) for name in _people(managers)}
    sample_repository(folder / "target", managers={name: keys[name] for name in managers})

    async def adds() -> None:
        async with open_app(folder / "target", clock=FixedClock(NOW)) as app:
            await app.queue.opened()
            accounts = Accounts(app.database, app.clock, QUICK)
            for name, key in keys.items():
                await accounts.add(name, PASSPHRASES[name], (folder / f"{name}.key").read_bytes(), key.public)

    asyncio.run(adds())


def in_slack(target: Path, members: Mapping[str, str]) -> None:
    """Write down who the managers are in Slack, and sign it; who is not named loses their id."""
    list_in_slack(target, members)
    _sign(target)


def list_in_slack(target: Path, members: Mapping[str, str]) -> None:
    """Write down who the managers are in Slack, for somebody to sign."""
    path = target / "phasegate.toml"
    document = tomlkit.parse(path.read_text())
    for row in document["managers"]:
        row.pop("slack", None)
        if members.get(row["name"]):
            row["slack"] = members[row["name"]]
    path.write_text(tomlkit.dumps(document))


def _sign(target: Path) -> None:
    """Have the first manager sign what the working files say otherwise than the root, where they do."""
    desk = open_desk(target)
    if desk.changes:
        by = next(iter(desk.trust.managers()))
        desk.sign(by, unlock_key(target.parent / f"{by}.key", PASSPHRASES[by]), NOW)


@asynccontextmanager
async def _engine(app: App, script: Script) -> AsyncIterator[Segments]:
    writer = FunctionAuthor(partial(_write, app, script))
    names = {name for phase in app.flow.phases for name in phase.all_checks}
    judge = CheckReviewer({name: partial(_judge, script, name) for name in names})
    nodes = TeamNodes(
        flow=app.flow,
        ledger=app.ledger,
        workspace=app.workspace,
        authors={name: writer for name in app.team.cards},
        reviewers=dict.fromkeys(app.flow.roles, judge),
        checks=judge,
        effect_bodies={name: _do for phase in app.flow.phases for name in phase.effects},
        gatekeeper=app.keeper,
        run_files=app.folder,
    )
    async with segments(app.database, partial(build_graph, app.flow, nodes), app.keeper) as parts:
        yield parts


async def _write(app: App, script: Script, brief: Brief) -> Draft:
    files = dict(brief.handed_in)
    if brief.item != "spec":
        row = next(a for a in app.flow.phase(brief.phase).authors if a.item == brief.item)
        place = row.artifacts[0].format(**_HERE).replace("*", "001")
        files[place] = f"{brief.phase} {brief.item}, round {brief.round}\n".encode()
    else:
        files |= script.files
    answers = tuple(f"done: {comment}" for comment in brief.comments)
    if brief.comments and brief.item == "spec":
        files[f"{FOLDER}/spec.md"] = brief.files[f"{FOLDER}/spec.md"] + b"\nMended.\n"
    return Draft(files=files, message=brief.item, answers=answers)


async def _judge(script: Script, name: str, subject: Subject) -> Report:
    return script.reports.get(name, Report(evidence=f"{len(subject.files)} files"))


async def _do(outcome: Outcome) -> dict[str, Any]:
    return {"version": "0.1.0", "files": {}}
