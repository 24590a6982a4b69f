"""Everything that we ask of a Confluence Cloud, by atlassian-python-api.

Version 2 of the REST API, and of version 1 what has no successor: search and adding labels. The library's own methods
turn a torn answer into None, and some of them repeat a write, so that its requests are used and not those.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from atlassian.confluence_base import ConfluenceBase
from requests import Response

from phasegate.core import UsageError
from phasegate.tools.confluence import wire
from phasegate.tools.errors import Absent
from phasegate.tools.service import BadAnswer, Calls, Patience, quoted

T = TypeVar("T", bound=wire.Wire)
R = TypeVar("R")

PROPERTY = "phasegate"
"""The property that holds our note."""


class ConfluenceClient:
    """One Confluence, as one account."""

    def __init__(self, url: str, token: str, email: str = "", patience: Patience | None = None) -> None:
        patience = patience or Patience()
        credentials = "CONFLUENCE_TOKEN and CONFLUENCE_EMAIL"
        self.calls = Calls(service="Confluence", credentials=credentials, patience=patience)
        signs = {"username": email, "password": token} if email else {"token": token}
        self._api = ConfluenceBase(url.rstrip("/"), api_version=2, cloud=True, retry_with_header=False, **signs)
        self._api.timeout = patience.answer_s  # type: ignore[assignment] # the constructor cuts it to whole seconds
        self.site = str(self._api.url)
        self._spaces: dict[str, str] = {}

    def reach(self) -> None:
        """Asks for one space, whichever it is: the credentials are accepted where this raises nothing."""
        self._get("list spaces", wire.Spaces, "api/v2/spaces", {"limit": 1})

    def space(self, key: str) -> str:
        """The id of a space.

        Raises:
            UsageError: there is none with this key, or the account may not see it.
        """
        if key not in self._spaces:
            found = self._get(f"find the space {key}", wire.Spaces, "api/v2/spaces", {"keys": key}).results
            if not found:
                raise UsageError(f"there is no space {key}", fix="check the key; the account may not see the space")
            self._spaces[key] = found[0].id
        return self._spaces[key]

    def page(self, id: str) -> wire.Page:
        """A page with its body."""
        return self._get(f"read the page {id}", wire.Page, f"api/v2/pages/{id}", {"body-format": "storage"})

    def titled(self, space_id: str, title: str) -> wire.Page | None:
        """The page of a title; there is at most one in a space."""
        asked = {"space-id": space_id, "title": title, "status": "current", "body-format": "storage", "limit": 1}
        found = self._get("look for the title", wire.Pages, "api/v2/pages", asked).results
        return found[0] if found else None

    def pages(self, space: str, limit: int, cursor: str) -> wire.Pages:
        """Some pages of a space."""
        asked = {"limit": limit, "status": "current", **({"cursor": cursor} if cursor else {})}
        return self._get(f"list the pages of {space}", wire.Pages, f"api/v2/spaces/{self.space(space)}/pages", asked)

    def search(self, cql: str, limit: int, cursor: str = "") -> wire.Hits:
        """What a query finds."""
        asked = {"cql": cql, "limit": limit, "excerpt": "none", **({"cursor": cursor} if cursor else {})}
        return self._get("search pages", wire.Hits, "rest/api/search", asked)

    def labelled(self, label: str) -> list[str]:
        """The ids of the pages with a label, as far as the search knows them."""
        return [hit.content.id for hit in self.search(f"type = page AND label = {quoted(label)}", 25).results]

    def labels(self, page: str) -> list[str]:
        """A page's labels."""
        found = self._get(f"read the labels of {page}", wire.Labels, f"api/v2/pages/{page}/labels", {"limit": 200})
        return [label.name for label in found.results]

    def add_labels(self, page: str, labels: list[str]) -> None:
        """Adds labels; asked again it changes nothing, so this write may be repeated like a read."""
        body = [{"prefix": "global", "name": label} for label in labels]
        self.calls.read(
            f"label the page {page}", lambda: self._request("POST", f"rest/api/content/{page}/label", data=body)
        )

    def create(self, wanted: dict[str, Any], look: Callable[[], wire.Page | None]) -> wire.Page:
        """A new page, or the one that `look` finds when the answer was lost."""
        return self.calls.write("create the page", lambda: self._page("POST", "api/v2/pages", wanted), look)

    def update(self, id: str, wanted: dict[str, Any], look: Callable[[], wire.Page | None]) -> wire.Page:
        """A new version of a page, or the one that `look` finds when the answer was lost."""
        return self.calls.write(f"update the page {id}", lambda: self._page("PUT", f"api/v2/pages/{id}", wanted), look)

    def property(self, page: str) -> wire.Property | None:
        """Our property of a page."""
        asked = {"key": PROPERTY}
        path = f"api/v2/pages/{page}/properties"
        found = self._get(f"read a property of {page}", wire.Properties, path, asked).results
        return found[0] if found else None

    def note(self, note: wire.Note) -> None:
        """Sets our property of a page."""
        held = self.property(note.page)
        path, value = f"api/v2/pages/{note.page}/properties", {"key": PROPERTY, "value": note.model_dump()}

        def send() -> bool:
            if held is None:
                self._request("POST", path, data=value)
            else:
                version = {"number": held.version.number + 1}
                self._request("PUT", f"{path}/{held.id}", data={**value, "version": version})
            return True

        def look() -> bool | None:
            now = self.property(note.page)
            return (now is not None and now.value == note.model_dump()) or None

        self.calls.write(f"note what was published on {note.page}", send, look)

    def exists(self, id: str) -> wire.Page | None:
        """A page, unless it is gone."""
        try:
            return self.page(id)
        except Absent:
            return None

    def _page(self, method: str, path: str, wanted: dict[str, Any]) -> wire.Page:
        return wire.Page.model_validate(self._request(method, path, data=wanted).json())

    def _get(self, what: str, kind: type[T], path: str, params: dict[str, Any]) -> T:
        return self.calls.read(what, lambda: kind.model_validate(self._request("GET", path, params=params).json()))

    def _request(self, method: str, path: str, *, params: dict[str, Any] | None = None, data: Any = None) -> Response:
        answer = self._api.request(method, path, params=params, data=data, advanced_mode=True)
        if not answer.ok:
            raise BadAnswer(answer.status_code, answer.headers, _message(answer))
        return answer


def _message(answer: Response) -> str:
    """What Confluence says is wrong; version 1 has a message, version 2 a list of errors."""
    try:
        said = answer.json()
    except ValueError:
        return answer.text
    if not isinstance(said, Mapping):
        return ""
    errors = [error for error in said.get("errors") or [] if isinstance(error, Mapping)]
    told = [f"{error.get('title') or ''} {error.get('detail') or ''}".strip() for error in errors]
    return "; ".join(told) or str(said.get("message") or "")
