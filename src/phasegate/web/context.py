"""Context of every route, made once by the server."""

from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any

from fastapi import Depends, Request
from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse

from phasegate.app.app import App
from phasegate.core import UsageError
from phasegate.core.formatting import PAST, age, count, duration, money, role, stamp
from phasegate.executions import Executions, executions_of
from phasegate.identity import Accounts, Passphrases, Session, Sessions, SignIn, Throttle, Tokens, Unlocked
from phasegate.ledger import GateKey, GateRecord, Run
from phasegate.reports.approvals import named
from phasegate.reports.inbox import Inbox
from phasegate.reports.recorded import NOTICE
from phasegate.reports.spend import cents
from phasegate.reports.trust import trust_lines
from phasegate.reports.warnings import RecordLines
from phasegate.web import words
from phasegate.web.problems import NotFound
from phasegate.web.settings import Settings
from phasegate.web.slack.slack_client import AsyncSlackClient
from phasegate.workspace import visible


@dataclass(frozen=True, kw_only=True)
class Context:
    """The parts of a server that its routes need."""

    app: App
    settings: Settings
    accounts: Accounts
    sign_in: SignIn
    sessions: Sessions
    unlocked: Unlocked
    tokens: Tokens
    inbox: Inbox
    record: RecordLines
    """Tells of records that do not hold."""
    executions: Executions
    """Released runbooks at work."""
    templates: Environment
    slack: AsyncSlackClient | None = None
    """Where clicks come from; None: it is not set up."""

    def page(self, template: str, session: Session | None, status: int = 200, **values: Any) -> HTMLResponse:
        """A page, from its template."""
        return HTMLResponse(self.text(template, session, **values), status)

    def text(self, template: str, session: Session | None, **values: Any) -> str:
        """Render a template."""
        now = self.app.clock.now()
        return self.templates.get_template(template).render(
            session=session,
            now=now,
            project=self.app.config.project.name,
            has_slack=self.slack is not None,
            recorded=self.app.recorded,
            root_lines=trust_lines(self.app) if session else [],
            **values,
        )

    async def run(self, run_id: str) -> Run:
        """The run of exactly that id.

        Raises:
            NotFound: there is none.
        """
        try:
            run = await self.app.ledger.run(run_id)
        except UsageError as error:
            raise NotFound(f"run '{run_id}'") from error
        if run.id != run_id:
            raise NotFound(f"run '{run_id}'")
        return run

    async def gate(self, run: str, phase: str, attempt: int) -> GateRecord:
        """Return the gate.

        Raises:
            NotFound: there is none.
        """
        key = GateKey(run, phase, attempt)
        gate = await self.app.ledger.gate(key) if 0 < attempt < 2**31 else None
        if gate is None or phase not in self.app.flow.phase_ids:
            raise NotFound(f"gate '{key}'", "unknown_gate")
        return gate


def context_of(
    app: App, settings: Settings, accounts: Accounts | None = None, slack: AsyncSlackClient | None = None
) -> Context:
    """Make the context of a server for a repository."""
    accounts = accounts or Accounts(app.database, app.clock)
    return Context(
        app=app,
        settings=settings,
        accounts=accounts,
        sign_in=Passphrases(accounts, Throttle(app.clock)),
        sessions=Sessions(app.database, app.clock),
        unlocked=Unlocked(app.database, app.clock),
        tokens=Tokens(app.database, app.clock),
        inbox=Inbox(keeper=app.keeper, cards=app.team.cards, database=app.database),
        record=RecordLines(app),
        executions=executions_of(app),
        templates=_templates(),
        slack=slack,
    )


def context(request: Request) -> Context:
    """Return the server's context, for a route."""
    found = request.app.state.context
    assert isinstance(found, Context)
    return found


Served = Annotated[Context, Depends(context)]


@cache
def _templates() -> Environment:
    templates = Environment(
        loader=PackageLoader("phasegate.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "age": age,
        "named": named,
        "duration": duration,
        "money": money,
        "cents": cents,
        "visible": visible,
        "stamp": stamp,
        "iso": words.iso,
        "spans": words.spans,
        "count": count,
        "role": role,
        "marked": words.marked,
        "paragraphs": words.paragraphs,
    }
    templates.globals |= {"past": PAST, "recorded_answers": NOTICE}
    return templates
