"""The composition root: builds the parts once, and offers what the faces call."""

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from phasegate.app.config import NAME, Config, RoleRow, people, read_config
from phasegate.app.working_copy import PolicyFacts, WorkingCopy
from phasegate.authors import CHECKS
from phasegate.authors.kinds import is_intent, kind_of
from phasegate.authors.roles import Roles, TeamRoles, require_authors
from phasegate.core import Clock, Finding, InvalidInput, Refused, SystemClock, new_id
from phasegate.core.secrets import also_secret
from phasegate.core.visible import skeleton
from phasegate.ledger import (
    Comment,
    Decision,
    DecisionKind,
    GateRecord,
    Ledger,
    Mirrors,
    Revocation,
    Run,
    RunStatus,
    Signer,
    Statement,
    Waiver,
    system_key,
)
from phasegate.ledger.rows import count_runs
from phasegate.models import Allowance, Meter, Prices
from phasegate.store import Database, Guard, Presence, locate, unguarded
from phasegate.team import RECORDED, Card, Flow, Team, load_team
from phasegate.team.launch import pointed
from phasegate.trust import THRESHOLD, ManagerRow, Root, Standing, TrustStore, effective
from phasegate.workflow import (
    EFFECTS,
    Channel,
    Credentials,
    Gatekeeper,
    Kind,
    Manager,
    branch,
    decide,
    revoke,
    signed,
)
from phasegate.workflow.engine.lazy_queue import LazyQueue
from phasegate.workflow.engine.takeover import free
from phasegate.workflow.gates.allowance import allow
from phasegate.workflow.gates.approvers import require_passable
from phasegate.workflow.gates.tokens import give_token
from phasegate.workspace import Workspace
from phasegate.workspace.record import prepare

ENDPOINT = "AWS_ENDPOINT_URL"
AT_ONCE = timedelta(minutes=5)
"""How long a one-time token holds that is used at once."""


@dataclass(frozen=True, kw_only=True)
class App:
    """A target repository with everything that works on it."""

    folder: WorkingCopy
    config: Config
    clock: Clock
    team: Team
    flow: Flow
    workspace: Workspace
    ledger: Ledger
    database: Database
    queue: LazyQueue
    keeper: Gatekeeper
    roles: Roles
    trust: TrustStore
    working: Config
    """`phasegate.toml` as it lies in the work tree; `config` has what a manager signed in its place."""
    signed: Root | None
    """The root when this was opened; None: there was none that counts."""
    judged: dict[bytes, Any] = field(default_factory=dict)
    """What the backlog knows of specs, by a digest of their content."""

    @property
    def state(self) -> Path:
        """Return where database, index, logs and the system's key lie."""
        return self.workspace.state

    def require_root(self) -> Root:
        """Return the root that managers signed.

        Raises:
            Refused: there is none that counts, or this copy of the repository signs events with an unknown key;
                `root_newer`.
        """
        root = self.trust.read().require(self.keeper.system.public)
        # Managers are read anew each time. The rest was read when this process began: a gate that it opened now would
        # be void at once, and a policy that was withdrawn would pass one.
        if self.signed is None or _told(root) != _told(self.signed):
            raise Refused(
                "the root of trust has other rules than when this process began",
                reason="root_newer",
                fix="start it again, such as 'phasegate serve', or give the command once more",
            )
        return root

    def require_known_root(self) -> None:
        """Refuse to work under a root that is not the one known here, and let a repository without a root begin.

        Raises:
            Refused: as `require_root`.
        """
        if self.trust.read().standing is not Standing.absent:
            self.require_root()

    @property
    def recorded(self) -> bool:
        """Return whether a role of the workflow answers from a recording."""
        cards = self.team.cards
        return any(cards[role].model.startswith(RECORDED) for role in self.flow.roles if role in cards)

    @property
    def meter(self) -> Meter:
        """The meter of the team's model calls."""
        table = self.config.models
        return Meter(
            database=self.database,
            prices=Prices(own=table.prices),
            run=table.run.allowance,
            rates={provider: row.rate for provider, row in table.rates.items()},
        )

    async def start(
        self,
        spec: Path,
        policy: str = "",
        by: str = "",
        at: datetime | None = None,
        replay: str = "",
        *,
        who: Credentials | None = None,
        signer: Signer | None = None,
    ) -> Run:
        """Begin a run of a spec, up to where a worker takes it.

        Args:
            spec: the spec's folder, or its spec.md.
            policy: the gate policy that may decide in a person's place; empty: none.
            by: who starts it; empty: whoever Git is configured to commit as.
            at: the time by which it is dated, such as that of the run it replays; None: now.
            replay: name of the recording that answers in place of chat models; empty: none does.
            who: the person who starts it, where they proved who they are.
            signer: their key, where they did so by it.

        Raises:
            InvalidInput: there is no such spec, or it does not hold; `findings` say where.
            Missing: there is no sandbox for what it will write.
        """
        self.require_known_root()
        place = self.folder.locate(spec)
        if policy:
            self.require_root()
            self.team.policy(policy)
        findings = [finding for finding in await asyncio.to_thread(self.lint, place) if finding.blocking]
        if findings:
            raise InvalidInput(
                f"'{place}' has {len(findings)} finding(s) that must be mended first",
                fix=f"mend them; 'phasegate lint {place}' shows all",
                findings=findings,
            )
        from phasegate.sandbox import find_sandbox  # these load what reads test reports, which listing needs none of

        await find_sandbox()
        run_id = new_id()
        run = Run(
            id=run_id,
            spec=place,
            flow=self.flow.name,
            branch=branch(run_id),
            base=self.workspace.head(),
            policy=policy,
            by=by or (who.name if who else self.workspace.user.name),
            started_at=at or self.clock.now(),
        )
        # A service is nobody who could be told from an approver: its starter stays unknown.
        known = who if who and who.kind is Kind.person else None
        starter = await asyncio.to_thread(self.keeper.starter, run, known, signer) if known else None
        self.workspace.mark(f"intake/{run_id}/0", run.base)
        self.workspace.aim(f"target/{run_id}")
        await Mirrors(self.database).switch_on(self.config.mirror.places, self.clock.now())
        await self.ledger.add_run(run, (await self.queue.opened()).dispatch, self.keeper.terms(run), replay, starter)
        return run

    def lint(self, place: str) -> list[Finding]:
        """Return the findings in a spec's folder.

        Raises:
            InvalidInput: no author of a role can write a deliverable of its kind.
        """
        files = self.folder.read(place)
        kind = kind_of(files, place)
        require_authors(self.roles, self.team.cards, self.flow, kind, place)
        if is_intent(files, place):
            self.require_author_of_intents()
            from phasegate.spec.lint import lint_secrets

            return lint_secrets(files, place)
        return kind.lint(files, place)

    def require_author_of_intents(self) -> None:
        """Refuse a sentence in place of a spec where nobody can make a spec of it.

        Raises:
            InvalidInput: neither a model nor an assistant works as the first author.
        """
        first = self.flow.phases[0].authors[0]
        if not self.roles.completes(self.team.cards[first.role]):
            raise InvalidInput(
                "the compiler writes no spec from a sentence",
                fix=f'name who does: [roles.{first.role}] model = "assistant" or "PROVIDER:MODEL" in {NAME}',
            )

    async def resume(self, run_id: str) -> Run:
        """Send a parked run on.

        Raises:
            Held: a live process works on it.
        """
        self.require_known_root()
        run = await self.ledger.run(run_id)
        queue = await self.queue.opened()
        await free(self.database, queue, run.id)
        if not run.status.ended and not await asyncio.to_thread(queue.goes_on, run.id):
            await self.ledger.redispatch(run.id, queue.dispatch)
        elif run.status is RunStatus.parked:
            # Its process ended between parking the run and the end of the segment, which is taken up again.
            await self.ledger.set_status(run.id, RunStatus.working)
        return await self.ledger.run(run.id)

    def person(self, name: str, channel: Channel = Channel.terminal, proved_at: datetime | None = None) -> Credentials:
        """Return the credentials of a person.

        Args:
            name: who.
            channel: by which way they came.
            proved_at: when they last proved who they are; left out: now, by the passphrase of their key.
        """
        return Credentials(name=name, kind=Kind.person, channel=channel, proved_at=proved_at or self.clock.now())

    async def decide(
        self,
        gate: GateRecord,
        kind: DecisionKind,
        who: Credentials,
        key: Signer,
        *,
        digest: str,
        comments: Sequence[Comment] = (),
        waiver: Waiver | None = None,
        token: str | None = None,
    ) -> Decision:
        """Sign and record a manager's decision, by the rules of `phasegate.workflow.gates.decide`.

        Args:
            gate: where.
            kind: what is decided.
            who: the manager, as they came.
            key: theirs; it is asked in a thread, as it may wait for another process or for a touch.
            digest: of what they saw.
            comments: what they ask for.
            waiver: what they excuse.
            token: the one-time token that they were given with what they saw; None: one is given out now.
        """
        said = await self.statement(gate, kind, who.name, digest=digest, comments=comments, waiver=waiver, token=token)
        return await self.take(await asyncio.to_thread(signed, said, key), who)

    async def statement(
        self,
        gate: GateRecord,
        kind: DecisionKind,
        by: str,
        *,
        digest: str = "",
        comments: Sequence[Comment] = (),
        waiver: Waiver | None = None,
        token: str | None = None,
    ) -> Statement:
        """Return the statement that a manager signs to decide at a gate, by default on the gate's current digest."""
        phase, now = self.flow.phase(gate.key.phase), self.clock.now()
        given = await self.ledger.delegations()
        return Statement(
            gate=gate.key,
            digest=digest or gate.digest,
            tree=gate.tree,
            kind=kind,
            by=by,
            at=now,
            comments=tuple(comments),
            waiver=waiver,
            token=give_token(self.keeper.system, gate, by, now, AT_ONCE) if token is None else token,
            instead_of=self.keeper.register().principal(by, phase, gate, given, now),
            head=await self.ledger.head(gate.key.run),
        )

    def token(self, gate: GateRecord, by: str) -> str:
        """A one-time token for a page: with it that person may decide once on what the gate shows now."""
        return give_token(self.keeper.system, gate, by, self.clock.now())

    async def take(self, decision: Decision, who: Credentials) -> Decision:
        """Record a decision that was signed already, by the rules of `phasegate.workflow.gates.decide`."""
        self.require_root()
        return await decide(self.keeper, decision, who, (await self.queue.opened()).dispatch)

    async def revoke(self, revocation: Revocation, signer: Signer, who: Credentials) -> None:
        """Revoke a manager's decision at a gate, by the rules of `phasegate.workflow.gates.revoke`."""
        await revoke(self.keeper, revocation, signer, who, (await self.queue.opened()).dispatch)

    async def allow(self, run_id: str, role: str, more: Allowance, signer: Signer, who: Credentials) -> Run:
        """Let a run, or one of its roles, use more of a model by the rules of `phasegate.workflow.gates.allowance`.

        Returns:
            The run, sent on where it had parked.
        """
        run = await self.ledger.run(run_id)
        await allow(self.keeper, run.id, role, more, signer, who)
        return await self.resume(run.id)


@asynccontextmanager
async def open_app(
    path: Path,
    *,
    clock: Clock | None = None,
    guard: Guard = unguarded,
    parse_prompts: bool = True,
    roles: Roles | None = None,
) -> AsyncIterator[App]:
    """Opens the target repository that the path is in.

    Args:
        path: of the repository, or in it.
        clock: tells the time.
        guard: checks at the start of each transaction that writes whether it may.
        parse_prompts: whether the team's templates are parsed; a list of runs or gates needs none.
        roles: makes authors and reviewers; None: the compiler and the checks.

    Raises:
        InvalidInput: it is none, or its configuration, cards or workflow do not hold.
        Exhausted: its database cannot be used.
        Gone: the repository was moved or removed meanwhile.
    """
    workspace = Workspace.open(path)
    watched = Presence(work_tree=workspace.folder, record=[workspace.state.parent])
    with closing(watched), watched.telling():
        async with _opened(workspace, clock or SystemClock(), guard, parse_prompts=parse_prompts, roles=roles) as app:
            watched.add(app.database.store.places)
            yield app


@asynccontextmanager
async def _opened(
    workspace: Workspace, clock: Clock, guard: Guard, *, parse_prompts: bool, roles: Roles | None
) -> AsyncIterator[App]:
    folder = workspace.folder
    working = read_config(folder)
    await asyncio.to_thread(prepare, workspace)
    trust = TrustStore(workspace.state, folder)
    root = trust.read().root
    config = effective(working, root)
    with trust.read().told_first():
        team = load_team(
            folder,
            flow=config.work.flow,
            signed=root.files if root else None,
            known_checks=CHECKS,
            known_effects=EFFECTS,
            parse_prompts=parse_prompts,
        )
    team = replace(_pointed(team, config, folder), cards=_as_configured(team, config))
    for server in team.servers.values():
        also_secret(given=server.env, held=(*filter(None, [server.token]), *server.headers.values()))
    _names_no_agent(team, config)
    flow = team.flow(config.work.flow)
    if root or trust.read().standing is Standing.absent:
        told = config if root else working
        require_passable(flow, told.people(), told.groups)
    database = await locate(workspace.state).open(guard)
    workspace.link_state()
    queue = LazyQueue(database.store)
    system = system_key(workspace.state, in_use=bool(await database.read(count_runs)))
    ledger = Ledger(database, clock, system, queue.dispatch)
    try:
        yield App(
            folder=WorkingCopy(
                path=folder,
                config=config,
                ledger=ledger,
                workspace=workspace,
                unreleasable=lambda name: team.policy(name).marks == "unreleasable",
            ),
            config=config,
            clock=clock,
            team=team,
            flow=flow,
            workspace=workspace,
            ledger=ledger,
            database=database,
            queue=queue,
            keeper=Gatekeeper(
                flow=flow,
                ledger=ledger,
                workspace=workspace,
                managers=lambda: _people(trust.read().root),
                policy=team.policy,
                past_keys=lambda name: trust.read().keys_of(name),
                roots=lambda: trust.read().digests,
                surroundings=PolicyFacts(config=config),
                system=system,
                agents=frozenset(name for name, card in team.cards.items() if card.kind == "agent"),
                clock=clock,
            ),
            roles=roles or TeamRoles(settings=config.models, folder=folder),
            trust=trust,
            working=working,
            signed=root,
        )
    finally:
        queue.close()
        await database.close()


def require_sound(folder: Path, working: Config) -> None:
    """Refuse working files under which nobody could work once they are signed.

    Raises:
        InvalidInput: they do not hold, or name a gate that too few people may pass.
    """
    team = load_team(folder, flow=working.work.flow, known_checks=CHECKS, known_effects=EFFECTS)
    _names_no_agent(team, working)
    require_passable(team.flow(working.work.flow), working.people(), working.groups)


def _told(root: Root) -> tuple[object, ...]:
    """Return what of a root is read once: all but people, and how many of them sign the next."""
    settings = {key: value for key, value in root.settings.items() if key not in ("managers", "groups", THRESHOLD)}
    return settings, root.files


def _people(root: Root | None) -> dict[str, Manager]:
    """Return the managers whom the root names, read anew: another process may have written a newer version."""
    rows = [ManagerRow.model_validate(row) for row in root.settings["managers"]] if root else []
    return people(rows, root.settings["groups"] if root else {})


def _pointed(team: Team, config: Config, folder: Path) -> Team:
    """Return the team, each server that is sent to an AWS of phasegate.toml's with that as a part of its definition.

    An address on this machine gets nothing that its user could not read, so it needs no grant.
    """
    if not config.aws.endpoint_url or config.loopback_endpoint:
        return team
    sent = {
        name: pointed(server, ENDPOINT, config.aws.endpoint_url, folder, os.environ)
        for name, server in team.servers.items()
        if ENDPOINT in server.env
    }
    return replace(team, servers={**team.servers, **sent})


def _as_configured(team: Team, config: Config) -> dict[str, Card]:
    """Return the team's cards, each with the worker and the limits that phasegate.toml has for the role."""
    agents = {name for name, card in team.cards.items() if card.limits}
    for name in config.roles:
        if name not in agents:
            wrong = "agents/{}.md is a person's card" if name in team.cards else "there is no agents/{}.md"
            raise InvalidInput(f"[roles.{name}]: {wrong.format(name)}", fix="name a role that has an agent's card")
    return {name: _configured(card, config.roles.get(name, RoleRow()), config) for name, card in team.cards.items()}


def _configured(card: Card, row: RoleRow, config: Config) -> Card:
    if card.limits is None:
        return card
    limits = card.limits.model_copy(update=row.limits)
    return card.model_copy(update={"model": row.model or config.work.model or card.model, "limits": limits})


def _names_no_agent(team: Team, config: Config) -> None:
    agents = {skeleton(name): name for name, card in team.cards.items() if card.kind == "agent"}
    for row in config.managers:
        if skeleton(row.name) in agents:
            raise InvalidInput(
                f"no manager can be named '{row.name}': agents/{agents[skeleton(row.name)]}.md is an agent's card",
                fix=f"name the manager otherwise in {NAME}",
            )
