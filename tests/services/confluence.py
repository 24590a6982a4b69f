"""A local Confluence Cloud: version 2 of the REST API, and of version 1 search and labels; state a test can change."""

import base64
import binascii
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from xml.etree import ElementTree

from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import Response

from services.faults import Faults
from services.query import QueryError, select
from services.shapes import Shapes

BOT = ("phasegate@example.com", "confluence-token")
BOT_ACCOUNT = "712020:phasegate"


class Refusal(Exception):
    """What Confluence answers when it does not do a thing."""

    def __init__(self, status: int, title: str) -> None:
        super().__init__(title)
        self.status, self.title = status, title


@dataclass(kw_only=True)
class Version:
    """A version of a page."""

    number: int
    title: str
    body: str
    author: str
    at: str
    message: str = ""


@dataclass(kw_only=True)
class Page:
    """A page with its versions, the newest last."""

    id: str
    space: str
    parent: str
    versions: list[Version]
    status: str = "current"
    labels: list[str] = field(default_factory=list)
    properties: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def now(self) -> Version:
        """The present version."""
        return self.versions[-1]


class ConfluenceService:
    """The service is below /wiki of its address; its credentials are BOT."""

    def __init__(self, spaces: tuple[str, ...] = ("OPS", "ADR")) -> None:
        self.spaces = {key: str(65_536 + number) for number, key in enumerate(spaces)}
        self.pages: dict[str, Page] = {}
        self.unindexed: set[str] = set()
        """Pages that search does not know yet."""
        self.faults = Faults()
        self.shapes = Shapes("confluence")
        self._ids, self._now = count(98_305), datetime(2026, 11, 23, 9, tzinfo=UTC)
        self.app = FastAPI(openapi_url=None)
        self.app.add_exception_handler(Refusal, self._refused)
        self.app.include_router(_routes(self), prefix="/wiki")

    def next_id(self) -> str:
        """An id that nothing has yet."""
        return str(next(self._ids))

    def write(self, space: str, title: str, body: str, *, by: str, parent: str = "") -> Page:
        """A new page."""
        self._unique(space, title, "")
        page = Page(id=self.next_id(), space=space, parent=parent, versions=[self._version(1, title, body, by, "")])
        self.pages[page.id] = page
        return page

    def edit(self, id: str, *, by: str, title: str = "", body: str = "", message: str = "") -> None:
        """A new version of a page."""
        page = self.pages[id]
        self._unique(page.space, title or page.now.title, id)
        number = page.now.number + 1
        page.versions.append(self._version(number, title or page.now.title, body or page.now.body, by, message))

    def find(self, id: str) -> Page:
        """The page of an id."""
        if id not in self.pages:
            raise Refusal(404, "Not Found")
        return self.pages[id]

    def signed(self, request: Request) -> str:
        """The account whose credentials a request shows."""
        scheme, _, shown = request.headers.get("authorization", "").partition(" ")
        try:
            given = base64.b64decode(shown).decode() if scheme == "Basic" else ""
        except (binascii.Error, UnicodeDecodeError):
            given = ""
        if given != ":".join(BOT) and (scheme, shown) != ("Bearer", BOT[1]):
            raise Refusal(401, "Unauthorized")
        return BOT_ACCOUNT

    def search(self, cql: str) -> list[Page]:
        """The pages that a query finds."""
        known = [page for page in self.pages.values() if page.id not in self.unindexed and page.status == "current"]
        try:
            return select(cql, known, _values)
        except QueryError as error:
            raise Refusal(400, f"Could not parse cql: {error}") from error

    def shown(self, page: Page, *, body: bool = False) -> dict[str, Any]:
        """A page as the API shows it."""
        now, first = page.now, page.versions[0]
        version = {
            "number": now.number,
            "message": now.message,
            "minorEdit": False,
            "authorId": now.author,
            "createdAt": now.at,
        }
        shown = {
            "id": page.id,
            "status": page.status,
            "title": now.title,
            "spaceId": self.spaces[page.space],
            "parentId": page.parent or None,
            "authorId": first.author,
            "createdAt": first.at,
            "version": version,
            "body": {"storage": {"representation": "storage", "value": now.body}} if body else {},
            "_links": {"webui": self.webui(page), "base": "http://confluence.test/wiki"},
        }
        self.shapes.check("page", shown)
        return shown

    def webui(self, page: Page) -> str:
        """Where people read a page."""
        return f"/spaces/{page.space}/pages/{page.id}"

    def _version(self, number: int, title: str, body: str, by: str, message: str) -> Version:
        self._now += timedelta(seconds=1)
        at = self._now.strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return Version(number=number, title=title, body=_saved(body), author=by, at=at, message=message)

    def _unique(self, space: str, title: str, id: str) -> None:
        if not 1 <= len(title) <= 255:
            raise Refusal(400, "The title cannot be longer than 255 characters.")
        for page in self.pages.values():
            taken = (page.space, page.now.title.casefold()) == (space, title.casefold())
            if page.status in ("current", "archived") and page.id != id and taken:
                raise Refusal(
                    400,
                    "A page with this title already exists: A page already exists with the same TITLE in this space",
                )

    async def _refused(self, request: Request, refusal: Exception) -> Response:
        assert isinstance(refusal, Refusal)
        if "/api/v2/" in request.url.path:
            error = {"status": refusal.status, "code": "REFUSED", "title": refusal.title, "detail": None}
            return self.shapes.answer("errors", {"errors": [error]}, refusal.status)
        return self.shapes.answer("error", {"statusCode": refusal.status, "message": refusal.title}, refusal.status)


_KNOWN = {"nbsp": 160, "ndash": 8211, "mdash": 8212, "hellip": 8230, "rarr": 8594, "eacute": 233}
_ENTITIES = "".join(f'<!ENTITY {name} "&#{code};">' for name, code in _KNOWN.items())
"""Named characters of HTML, which storage format takes."""


def _saved(body: str) -> str:
    """A body as Confluence saves it: well-formed, or refused; macros get a version and an id."""
    names = 'xmlns:ac="http://atlassian.com/content" xmlns:ri="http://atlassian.com/resource/identifier"'
    try:
        ElementTree.fromstring(f"<!DOCTYPE page [{_ENTITIES}]><page {names}>{body}</page>")
    except ElementTree.ParseError as error:
        raise Refusal(400, f"Error parsing xhtml: {error}") from error
    return re.sub(r"(<ac:structured-macro )(?!ac:schema)", r'\1ac:schema-version="1" ac:macro-id="4d1f" ', body)


def _values(page: Page, name: str) -> list[str] | None:
    known = {
        "type": ["page"],
        "id": [page.id],
        "space": [page.space],
        "title": [page.now.title],
        "text": [f"{page.now.title} {page.now.body}"],
        "label": page.labels,
    }
    return known.get(name)


def _routes(confluence: ConfluenceService) -> APIRouter:
    router = APIRouter()
    _pages(confluence, router)
    _lists(confluence, router)
    _labels(confluence, router)
    _properties(confluence, router)
    return router


def _pages(confluence: ConfluenceService, router: APIRouter) -> None:
    answer = confluence.shapes.answer

    @router.get("/api/v2/pages/{id}")
    async def read(request: Request, id: str) -> Response:
        confluence.signed(request)
        wanted = request.query_params.get("body-format") == "storage"
        return answer("page", confluence.shown(confluence.find(id), body=wanted))

    @router.post("/api/v2/pages")
    async def create(request: Request) -> Response:
        by, wanted = confluence.signed(request), await request.json()
        space = next((key for key, id in confluence.spaces.items() if id == wanted["spaceId"]), None)
        if space is None or (wanted.get("parentId") and not _stands(confluence, wanted["parentId"])):
            raise Refusal(404, "Space or parent page not found")
        parent = wanted.get("parentId", "")
        page = confluence.write(space, wanted["title"], _body(wanted), by=by, parent=parent)
        return answer("page", confluence.shown(page, body=True))

    @router.put("/api/v2/pages/{id}")
    async def update(request: Request, id: str) -> Response:
        by, wanted = confluence.signed(request), await request.json()
        page = confluence.find(id)
        if page.status != "current":
            raise Refusal(404, "Not Found")
        if (wanted["id"], wanted["version"]["number"]) != (id, page.now.number + 1):
            raise Refusal(409, "Version must be incremented on update. Current version is: " + str(page.now.number))
        message = wanted["version"].get("message", "")
        confluence.edit(id, by=by, title=wanted["title"], body=_body(wanted), message=message)
        page.parent = wanted.get("parentId", page.parent)
        return answer("page", confluence.shown(page, body=True))


def _stands(confluence: ConfluenceService, id: str) -> bool:
    return id in confluence.pages and confluence.pages[id].status == "current"


def _body(wanted: dict[str, Any]) -> str:
    if wanted["body"]["representation"] != "storage":
        raise Refusal(400, "Invalid representation")
    return str(wanted["body"]["value"])


def _lists(confluence: ConfluenceService, router: APIRouter) -> None:
    answer = confluence.shapes.answer

    @router.get("/api/v2/spaces")
    async def spaces(request: Request) -> Response:
        confluence.signed(request)
        keys = [key for given in request.query_params.getlist("keys") for key in given.split(",")]
        found = [
            {"id": id, "key": key, "name": key, "type": "global", "status": "current"}
            for key, id in confluence.spaces.items()
            if not keys or key in keys
        ]
        return answer("spaces", {"results": found, "_links": {"base": "http://confluence.test/wiki"}})

    @router.get("/api/v2/pages")
    async def pages(request: Request, title: str = "") -> Response:
        confluence.signed(request)
        spaces = request.query_params.getlist("space-id")
        found = [
            page
            for page in confluence.pages.values()
            if page.status == "current" and confluence.spaces[page.space] in spaces
        ]
        listed = [page for page in found if not title or page.now.title == title]
        return listing(request, listed, "/wiki/api/v2/pages")

    @router.get("/api/v2/spaces/{id}/pages")
    async def pages_in_space(request: Request, id: str) -> Response:
        confluence.signed(request)
        found = [
            page
            for page in confluence.pages.values()
            if confluence.spaces[page.space] == id and page.status == "current"
        ]
        return listing(request, found, f"/wiki/api/v2/spaces/{id}/pages")

    def listing(request: Request, found: list[Page], path: str) -> Response:
        start, size, links = _page(request, len(found), path)
        wanted = request.query_params.get("body-format") == "storage"
        listed = [confluence.shown(page, body=wanted) for page in found[start : start + size]]
        return answer("pages", {"results": listed, "_links": links})

    @router.get("/rest/api/search")
    async def search(request: Request, cql: str) -> Response:
        confluence.signed(request)
        found = confluence.search(cql)
        start, size, links = _page(request, len(found), "/rest/api/search")
        hits = [
            {
                "content": {"id": page.id, "type": "page", "status": "current", "title": page.now.title},
                "title": page.now.title,
                "excerpt": "",
                "url": confluence.webui(page),
                "entityType": "content",
                "lastModified": page.now.at,
            }
            for page in found[start : start + size]
        ]
        sizes = {"start": start, "limit": size, "size": len(hits), "totalSize": len(found), "cqlQuery": cql}
        return answer("hits", {"results": hits, **sizes, "_links": links})


def _page(request: Request, total: int, path: str) -> tuple[int, int, dict[str, str]]:
    """Where a page of a list starts, how long it is, and the links at its end."""
    cursor, size = request.query_params.get("cursor", ""), int(request.query_params.get("limit", 25))
    try:
        start = int(base64.urlsafe_b64decode(cursor).decode() or 0)
    except ValueError as error:
        raise Refusal(400, "Invalid cursor") from error
    links = {"base": "http://confluence.test/wiki"}
    if start + size < total:
        following = base64.urlsafe_b64encode(str(start + size).encode()).decode().replace("=", "%3D")
        links["next"] = f"{path}?limit={size}&cursor={following}"
    return start, size, links


def _labels(confluence: ConfluenceService, router: APIRouter) -> None:
    answer = confluence.shapes.answer

    @router.get("/api/v2/pages/{id}/labels")
    async def labels(request: Request, id: str) -> Response:
        confluence.signed(request)
        return answer("labels", _named(confluence.find(id).labels))

    @router.post("/rest/api/content/{id}/label")
    async def add_labels(request: Request, id: str) -> Response:
        confluence.signed(request)
        page = confluence.find(id)
        names = [label["name"].lower() for label in await request.json()]
        if any(" " in name for name in names):
            raise Refusal(400, "Labels must not contain spaces")
        page.labels += [name for name in names if name not in page.labels]
        return answer("labels", _named(page.labels))


def _named(labels: list[str]) -> dict[str, Any]:
    results = [{"id": str(number), "name": name, "prefix": "global"} for number, name in enumerate(labels, 1)]
    return {"results": results, "_links": {"base": "http://confluence.test/wiki"}}


def _properties(confluence: ConfluenceService, router: APIRouter) -> None:
    answer = confluence.shapes.answer

    @router.get("/api/v2/pages/{id}/properties")
    async def properties(request: Request, id: str, key: str = "") -> Response:
        confluence.signed(request)
        held = confluence.find(id).properties
        found = [value for name, value in held.items() if key in ("", name)]
        return answer("properties", {"results": found, "_links": {"base": "http://confluence.test/wiki"}})

    @router.post("/api/v2/pages/{id}/properties")
    async def add_property(request: Request, id: str) -> Response:
        confluence.signed(request)
        page, given = confluence.find(id), await request.json()
        if given["key"] in page.properties:
            raise Refusal(409, "A property with this key exists already")
        made = {"id": confluence.next_id(), "key": given["key"], "value": given["value"], "version": {"number": 1}}
        page.properties[given["key"]] = made
        return answer("property", made)

    @router.put("/api/v2/pages/{id}/properties/{property_id}")
    async def set_property(request: Request, id: str, property_id: str) -> Response:
        confluence.signed(request)
        page, given = confluence.find(id), await request.json()
        held = page.properties.get(given["key"])
        if held is None or held["id"] != property_id:
            raise Refusal(404, "Not Found")
        if given["version"]["number"] != held["version"]["number"] + 1:
            raise Refusal(409, "The version of the property must be incremented")
        page.properties[given["key"]] = {**held, "value": given["value"], "version": given["version"]}
        return answer("property", page.properties[given["key"]])
