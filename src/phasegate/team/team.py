"""The team: its cards, prompts, workflows and policies, held against each other."""

import os
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phasegate.core import Finding, InvalidInput, Severity
from phasegate.team.cards import Card, Kind, read_card
from phasegate.team.documents import refused
from phasegate.team.flow import Flow, read_flow
from phasegate.team.launch import from_workspace
from phasegate.team.policy import GatePolicy, read_policy
from phasegate.team.servers import ServerFile, ToolServer, read_server
from phasegate.team.surface import Surface
from phasegate.team.templates import REVIEW, SUFFIX, Prompts


@dataclass(frozen=True, kw_only=True)
class Team:
    """A loaded team, in which every name resolves."""

    cards: Mapping[str, Card]
    """By role."""
    flows: Mapping[str, Flow]
    """By name."""
    servers: Mapping[str, ToolServer]
    """MCP servers, by name."""
    prompts: Prompts
    surface: Surface

    def flow(self, name: str = "sdlc") -> Flow:
        """The workflow of that name.

        Raises:
            InvalidInput: if there is no `graphs/<name>.yaml`.
        """
        if name not in self.flows:
            fix = f"Name one of: {', '.join(sorted(self.flows))}; or add the file to your repository."
            raise InvalidInput(f"there is no graphs/{name}.yaml", fix=fix)
        return self.flows[name]

    def policy(self, name: str) -> GatePolicy:
        """The policy `graphs/policies/<name>.yaml`.

        Raises:
            InvalidInput: if there is none, or it does not hold.
        """
        source = self.surface.read("graphs", f"policies/{name}.yaml")
        return read_policy(source.text, source.path)

    def prompt(
        self, role: str, phase: str, *, task: str = "author", kind: str = "", **variables: Any
    ) -> tuple[str, ...]:
        """Return the prompt for a role's draft in a phase, or with `task="review"` for its review, in parts.

        Those that change least come first: a provider's cache holds a beginning alone. The template is given the card
        and the phase's id beside the variables (see `templates.VARIABLES`).

        A kind of deliverable may have templates of its own, whose names have the kind after another dot.

        Raises:
            InvalidInput: names the template and the variable that was not given.
        """
        card = self.cards[role]
        usual = f"{card.prompt}.{REVIEW if task == REVIEW else phase}"
        name = f"{usual}.{kind}" if kind and self.prompts.has(f"{usual}.{kind}") else usual
        return self.prompts.render_parts(name, {"card": card, "phase": phase, **variables})


def load_team(
    workspace: Path | None = None,
    *,
    flow: str = "sdlc",
    known_checks: Collection[str] | None = None,
    known_effects: Collection[str] | None = None,
    parse_prompts: bool = True,
    signed: Mapping[str, str] | None = None,
) -> Team:
    """Reads the team's surface, the user's files before ours of the same name.

    Args:
        workspace: the user's repository; None reads ours alone.
        flow: the workflow in use, which cards and prompts are held against; who changes them for it leaves ours alone.
        known_checks: names of the checks that the engine has; None leaves them unjudged.
        known_effects: names of the effects that the engine has; None leaves them unjudged.
        parse_prompts: whether each template is parsed, and each workflow beside the one in use; a list of runs or gates
            needs none of them.
        signed: texts of workflows and policies by path, as managers signed them; None reads the user's files.

    Raises:
        InvalidInput: with file, line and fix for each thing that does not hold.
    """
    surface = Surface(workspace, signed)
    cards = _cards(surface)
    read = None if parse_prompts else flow
    flows = _flows(surface, cards, known_checks, known_effects, read)
    prompts = Prompts(surface)
    if parse_prompts:
        prompts.check()
    used = {name: found for name, found in flows.items() if name == flow}
    unused = _unused(cards, flows) if parse_prompts else ()  # which takes every workflow to know
    findings = [*_undeclared(cards, used), *unused, *_without_prompt(cards, used, prompts)]
    if findings:
        raise refused(findings[0].path, findings)
    return Team(cards=cards, flows=flows, servers=_servers(surface, cards), prompts=prompts, surface=surface)


def _cards(surface: Surface) -> dict[str, Card]:
    names = [name for name in surface.names("agents", ".md") if name != "README.md"]
    sources = [surface.read("agents", name) for name in names]
    return {card.name: card for card in (read_card(source.text, source.path) for source in sources)}


def _flows(
    surface: Surface,
    cards: Mapping[str, Card],
    checks: Collection[str] | None,
    effects: Collection[str] | None,
    only: str | None,
) -> dict[str, Flow]:
    flows = {}
    for name in surface.names("graphs", ".yaml"):
        if only is not None and name != f"{only}.yaml":
            continue
        source = surface.read("graphs", name)
        flow = read_flow(
            source.text,
            source.path,
            agents=[card.name for card in cards.values() if card.kind is Kind.agent],
            people=[card.name for card in cards.values() if card.kind is Kind.person],
            known_checks=checks,
            known_effects=effects,
        )
        if flow.name != name.removesuffix(".yaml"):
            message = f"{source.path}: the workflow is named {flow.name!r} and its file {name.removesuffix('.yaml')!r}"
            raise InvalidInput(message, fix="make the two names the same")
        flows[flow.name] = flow
    return flows


def _servers(surface: Surface, cards: Mapping[str, Card]) -> dict[str, ToolServer]:
    agents = [card.name for card in cards.values() if card.kind is Kind.agent]
    found = (_server(surface, name, agents) for name in surface.names("tools", ".yaml"))
    return {server.name: server for server in found}


def _server(surface: Surface, name: str, agents: list[str]) -> ToolServer:
    source = surface.read("tools", name)
    server = read_server(source.text, source.path, agents=agents)
    if surface.workspace is None or surface.is_ours("tools", name):
        return ToolServer(**{field: getattr(server, field) for field in ServerFile.model_fields})
    return from_workspace(server, surface.workspace, os.environ)


def _parts(flow: Flow) -> Iterator[tuple[str, str, str]]:
    """Role, phase, and `authors` or `reviews`, for every part that a workflow gives to a role."""
    for phase in flow.phases:
        yield from ((author.role, phase.id, "authors") for author in phase.authors)
        yield from ((review.role, phase.id, "reviews") for review in phase.reviews)


def _undeclared(cards: Mapping[str, Card], flows: Mapping[str, Flow]) -> Iterator[Finding]:
    for name, flow in flows.items():
        for role, phase, part in _parts(flow):
            if phase not in getattr(cards[role], part):
                message = f"graphs/{name}.yaml has {role!r} among the {part} of {phase!r}, and its card does not say so"
                yield _card_finding(role, "undeclared-phase", message, f"Add {phase!r} to `{part}`.")


def _unused(cards: Mapping[str, Card], flows: Mapping[str, Flow]) -> Iterator[Finding]:
    given = {part for flow in flows.values() for part in _parts(flow)}
    for card in cards.values():
        for part, phases in (("authors", card.authors), ("reviews", card.reviews)):
            for phase in phases:
                if (card.name, phase, part) not in given:
                    message = f"the card says {part}: {phase!r}, and no workflow gives it that part"
                    yield _card_finding(card.name, "unused-phase", message, f"Remove {phase!r} from `{part}`.")


def _without_prompt(cards: Mapping[str, Card], flows: Mapping[str, Flow], prompts: Prompts) -> Iterator[Finding]:
    given = {part for flow in flows.values() for part in _parts(flow)}
    for role, phase, part in sorted(given):
        name = f"{cards[role].prompt}.{phase if part == 'authors' else REVIEW}"
        if not prompts.has(name):
            message = f"{role!r} has a part in {phase!r} and no template for it"
            yield _card_finding(role, "missing-prompt", message, f"Add prompts/{name}{SUFFIX}.")


def _card_finding(role: str, rule: str, message: str, fix: str) -> Finding:
    return Finding(
        check="card-lint", rule=rule, severity=Severity.high, path=f"agents/{role}.md", message=message, fix=fix
    )
