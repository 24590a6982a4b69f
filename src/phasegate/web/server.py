"""The application: guard, routes, and errors as people and programs meet them."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from phasegate.core import PhasegateError
from phasegate.web import api, pages, static
from phasegate.web.context import Context
from phasegate.web.middleware import Guard
from phasegate.web.pages.signin import ask
from phasegate.web.problems import Problem, problem_of, problem_response
from phasegate.web.session_auth import session_of
from phasegate.web.slack import http
from phasegate.web.slack.handler import desk_of

API = "/api/v1"


def build(context: Context) -> FastAPI:
    """Build the application over a context."""
    web = FastAPI(
        title="Phasegate",
        version="1",
        description="Runs, gates and decisions of one target repository.",
        openapi_url=f"{API}/openapi.json",
        # FastAPI's own pages load scripts from another host, which our policy of content forbids.
        docs_url=None,
        redoc_url=None,
    )
    web.state.context = context
    web.state.desk = desk_of(context)
    web.include_router(static.router, include_in_schema=False)
    web.include_router(pages.router(), include_in_schema=False)
    web.include_router(http.router, include_in_schema=False)
    web.include_router(api.router(), prefix=API)
    web.add_exception_handler(PhasegateError, _ours)
    web.add_exception_handler(HTTPException, _http)
    web.add_exception_handler(RequestValidationError, _invalid)
    web.add_middleware(Guard, settings=context.settings)
    return web


# What the router's own refusals mean, where its phrase would only repeat the status.
_UNROUTED = {404: "there is no page '{path}'", 405: "'{path}' does not answer {method}"}


async def _ours(request: Request, error: Exception) -> Response:
    assert isinstance(error, PhasegateError)
    return await _answer(request, problem_of(error))


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    reason = {404: "unknown", 405: "method_not_allowed"}.get(error.status_code, "not_understood")
    detail = _UNROUTED.get(error.status_code, str(error.detail)).format(path=request.url.path, method=request.method)
    answer = await _answer(request, Problem(status=error.status_code, reason=reason, detail=detail))
    answer.headers.update(error.headers or {})
    return answer


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return await _answer(request, Problem(status=422, reason="invalid_request", detail=f"{where}: {first['msg']}"))


async def _answer(request: Request, problem: Problem) -> Response:
    """Answer a program with problem+json and a person with a page, which is the sign-in form where that is missing."""
    if request.url.path.startswith("/api/"):
        return problem_response(problem)
    context: Context = request.app.state.context
    if problem.reason == "not_signed_in":
        # After the sign-in the address is opened by GET, which a form's address does not answer.
        to = request.url.path if request.method == "GET" else "/"
        return ask(context, 401, to=to)
    return context.page("problem.html", await session_of(request, context), problem.status, problem=problem)
