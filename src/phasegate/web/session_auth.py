"""Session of a page, and the form token that proves the page is ours."""

import hmac
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData
from starlette.responses import Response

from phasegate.core import Refused
from phasegate.identity import Session
from phasegate.web.context import Context, Served
from phasegate.web.problems import not_signed_in

FIELD, HEADER = "form_token", "x-form-token"
MAX_FIELDS = 3_000


async def session_of(request: Request, context: Context) -> Session | None:
    """Return the session of the request, or None."""
    secret = request.cookies.get(context.settings.cookie)
    return await context.sessions.find(secret) if secret else None


async def _signed_in(request: Request, context: Served) -> Session:
    session = await session_of(request, context)
    if session is None:
        raise not_signed_in()
    return session


Person = Annotated[Session, Depends(_signed_in)]
"""Somebody who is signed in; without one the route does not run."""


@dataclass(frozen=True, kw_only=True)
class CsrfForm:
    """A form of one of our pages, filled in by the person whose page it was."""

    session: Session
    fields: FormData

    def text(self, name: str) -> str:
        """Return the field's text without surrounding space, or an empty string."""
        return _text(self.fields.get(name)).strip()

    def secret(self, name: str) -> str:
        """The field's text as it was typed."""
        return _text(self.fields.get(name))

    def texts(self, name: str) -> list[str]:
        """Every value of the field."""
        return [_text(value).strip() for value in self.fields.getlist(name)]


async def read_form(request: Request) -> FormData:
    """Return the fields of a form, without files."""
    return await request.form(max_files=0, max_fields=MAX_FIELDS)


async def _filled(request: Request, session: Person) -> CsrfForm:
    fields = await read_form(request)
    given = request.headers.get(HEADER) or _text(fields.get(FIELD))
    # Beside the check of the origin: either alone stops a foreign page, and browsers have had gaps in both.
    if not hmac.compare_digest(given.encode(), session.form_token.encode()):
        raise Refused("this form is not of your session", reason="form_token", fix="load the page again")
    return CsrfForm(session=session, fields=fields)


Filled = Annotated[CsrfForm, Depends(_filled)]
"""A form with its session's token; the only way for a page's route to change anything."""


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def set_cookie(response: Response, context: Context, session: Session) -> None:
    """Set the session cookie, whose expiry the server keeps."""
    response.set_cookie(
        # Strict: a link from elsewhere opens the page signed out, and no request that another page causes carries the
        # session.
        context.settings.cookie,
        session.id,
        path="/",
        httponly=True,
        samesite="strict",
        secure=context.settings.secure,
    )


def clear_cookie(response: Response, context: Context) -> None:
    """Has the browser forget it."""
    response.delete_cookie(
        context.settings.cookie, path="/", httponly=True, samesite="strict", secure=context.settings.secure
    )


def address_of(request: Request) -> str:
    """Return the request's address."""
    return request.client.host if request.client else ""


def safe_redirect(target: str) -> str:
    """Return the target if it is a path on this server, else the inbox.

    >>> safe_redirect("/runs/abc"), safe_redirect("//evil.example"), safe_redirect("https://evil.example")
    ('/runs/abc', '/', '/')
    >>> safe_redirect("/\\\\evil.example")
    '/'
    """
    local = target.startswith("/") and target[1:2] not in ("/", "\\") and target.isprintable() and "\\" not in target
    return target if local else "/"
