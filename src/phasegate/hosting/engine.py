"""Wiring of the engine: the team's nodes with their authors, reviewers, checks and effects.

Only what advances runs imports this: it loads LangGraph and the compiler, which takes seconds.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING

from phasegate.app.app import App
from phasegate.authors import CheckReviewer
from phasegate.authors.assistant import WorkItems
from phasegate.authors.checks import TestRuns, checks
from phasegate.authors.roles import Parts
from phasegate.hosting.release_effects import effects
from phasegate.release import Builder
from phasegate.sandbox import find_sandbox
from phasegate.team import COMPILER
from phasegate.workflow.engine.graph import build_graph
from phasegate.workflow.engine.inputs import Observer
from phasegate.workflow.engine.nodes import TeamNodes
from phasegate.workflow.engine.release_line import Line
from phasegate.workflow.engine.segment import Segments, segments

if TYPE_CHECKING:
    from phasegate.tool_access.role_tools import RunTools


@asynccontextmanager
async def open_engine(app: App) -> AsyncIterator[Segments]:
    """Open what a worker needs to advance runs.

    Raises:
        Missing: there is no sandbox.
        Refused: the root of the repository is not the one that is known here.
    """
    app.require_known_root()
    # First: without one nothing that is written can be tried, and the run says so before it has paid for a draft.
    sandbox = await find_sandbox()
    await app.queue.opened()  # the ledger dispatches whoever is next to release
    await Line(workspace=app.workspace, ledger=app.ledger).remember()
    builder, runs = Builder(sandbox), TestRuns(sandbox)
    cards, judge = app.team.cards, CheckReviewer(checks(runs, builder))
    async with AsyncExitStack() as stack:
        tools = await _tools(app, stack)
        parts = Parts(
            builder=builder,
            meter=app.meter,
            team=app.team,
            items=WorkItems(database=app.database),
            trial=runs,
            tools=tools,
        )
        nodes = TeamNodes(
            flow=app.flow,
            ledger=app.ledger,
            workspace=app.workspace,
            authors={role: app.roles.author(cards[role], parts) for role in app.flow.roles},
            reviewers={role: app.roles.reviewer(cards[role], judge, parts) for role in app.flow.roles},
            checks=judge,
            effect_bodies=effects(app.folder, builder),
            gatekeeper=app.keeper,
            run_files=app.folder,
            observers=_observers(app, tools),
        )
        graph = partial(build_graph, app.flow, nodes)
        yield await stack.enter_async_context(segments(app.database, graph, app.keeper, parts.forget))


async def _tools(app: App, stack: AsyncExitStack) -> "RunTools | None":
    """Return the tools of the team's roles, where there is anybody to call them."""
    thinking = any(app.team.cards[role].model != COMPILER for role in app.flow.roles)
    if not (thinking or app.config.aws.inventory):
        return None
    from phasegate.tool_access.role_tools import open_run_tools  # the protocol's library takes a second to load

    return await stack.enter_async_context(open_run_tools(app))


def _observers(app: App, tools: "RunTools | None") -> dict[str, Observer]:
    if not app.config.aws.inventory or tools is None:
        return {}
    from phasegate.hosting.inventory_count import InventoryCounter

    return {"inventory": InventoryCounter(app=app, tools=tools)}
