"""Calls to a Confluence Cloud.

Version 2 of the REST API, and of version 1 what has no successor: search and adding labels.
"""

import weakref
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
from pydantic import BaseModel

from phasegate.core import UsageError
from phasegate.tools.errors import Absent
from phasegate.tools.servers.confluence.results import ApiPage, Hit, Label, Listed, Note, Property, Space
from phasegate.tools.servers.http_calls import BadAnswer, Calls, RetryPolicy, quoted

T = TypeVar("T", bound=BaseModel)

PROPERTY = "phasegate"
"""The property that holds our note."""


class ConfluenceClient:
    """A Confluence, as one account."""

    def __init__(self, url: str, token: str, email: str = "", patience: RetryPolicy | None = None) -> None:
        patience = patience or RetryPolicy()
        credentials = "CONFLUENCE_TOKEN and CONFLUENCE_EMAIL"
        self.calls = Calls(service="Confluence", credentials=credentials, patience=patience)
        self.site = _site(url)
        self._http = httpx.Client(
            base_url=self.site,
            auth=(email, token) if email else None,
            headers={} if email else {"Authorization": f"Bearer {token}"},
            timeout=patience.answer_s,
            # httpx shows the credentials to no other host that a redirect may name.
            follow_redirects=True,
        )
        # The client has no end of its own, and a connection that is left open is a warning.
        weakref.finalize(self, self._http.close)
        self._spaces: dict[str, str] = {}

    def reach(self) -> None:
        """Ask for any space, which fails where the credentials are not accepted."""
        self._get("list spaces", Listed[Space], "api/v2/spaces", {"limit": 1})

    def space(self, key: str) -> str:
        """Return the id of a space.

        Raises:
            UsageError: There is none with this key, or the account may not see it.
        """
        if key not in self._spaces:
            found = self._get(f"find the space {key}", Listed[Space], "api/v2/spaces", {"keys": key}).results
            if not found:
                raise UsageError(f"there is no space {key}", fix="check the key; the account may not see the space")
            self._spaces[key] = found[0].id
        return self._spaces[key]

    def page(self, id: str) -> ApiPage:
        """Return a page with its body."""
        return self._get(f"read the page {id}", ApiPage, f"api/v2/pages/{id}", {"body-format": "storage"})

    def titled(self, space_id: str, title: str) -> ApiPage | None:
        """Return the page of a title, which is unique in a space."""
        asked = {"space-id": space_id, "title": title, "status": "current", "body-format": "storage", "limit": 1}
        found = self._get("look for the title", Listed[ApiPage], "api/v2/pages", asked).results
        return found[0] if found else None

    def pages(self, space: str, limit: int, cursor: str) -> Listed[ApiPage]:
        """Return some pages of a space."""
        asked = {"limit": limit, "status": "current", **({"cursor": cursor} if cursor else {})}
        path = f"api/v2/spaces/{self.space(space)}/pages"
        return self._get(f"list the pages of {space}", Listed[ApiPage], path, asked)

    def search(self, cql: str, limit: int, cursor: str = "") -> Listed[Hit]:
        """Return a page of what a query finds."""
        asked = {"cql": cql, "limit": limit, "excerpt": "none", **({"cursor": cursor} if cursor else {})}
        return self._get("search pages", Listed[Hit], "rest/api/search", asked)

    def labelled(self, label: str) -> list[str]:
        """Return the ids of the pages with a label, as far as the search knows them."""
        return [hit.id for hit in self.search(f"type = page AND label = {quoted(label)}", 25).results]

    def labels(self, page: str) -> list[str]:
        """Return a page's labels."""
        asked = {"limit": 200}
        found = self._get(f"read the labels of {page}", Listed[Label], f"api/v2/pages/{page}/labels", asked)
        return [label.name for label in found.results]

    def add_labels(self, page: str, labels: list[str]) -> None:
        """Add labels to a page."""
        body = [{"prefix": "global", "name": label} for label in labels]
        # Labelling again changes nothing, so this write may be repeated like a read.
        self.calls.read(f"label the page {page}", lambda: self._request("POST", f"rest/api/content/{page}/label", body))

    def create(self, wanted: dict[str, Any], look: Callable[[], ApiPage | None]) -> ApiPage:
        """Return a new page, or the one that `look` finds when the answer was lost."""
        return self.calls.write("create the page", lambda: self._page("POST", "api/v2/pages", wanted), look)

    def update(self, id: str, wanted: dict[str, Any], look: Callable[[], ApiPage | None]) -> ApiPage:
        """Return a new version of a page, or the one that `look` finds when the answer was lost."""
        return self.calls.write(f"update the page {id}", lambda: self._page("PUT", f"api/v2/pages/{id}", wanted), look)

    def property(self, page: str) -> Property | None:
        """Return our property of a page."""
        path, asked = f"api/v2/pages/{page}/properties", {"key": PROPERTY}
        found = self._get(f"read a property of {page}", Listed[Property], path, asked).results
        return found[0] if found else None

    def note(self, note: Note) -> None:
        """Set our property of a page."""
        held = self.property(note.page)
        path, value = f"api/v2/pages/{note.page}/properties", {"key": PROPERTY, "value": note.model_dump()}

        def send() -> bool:
            if held is None:
                self._request("POST", path, value)
            else:
                self._request("PUT", f"{path}/{held.id}", {**value, "version": {"number": held.version + 1}})
            return True

        def look() -> bool | None:
            now = self.property(note.page)
            return (now is not None and now.value == note.model_dump()) or None

        self.calls.write(f"note what was published on {note.page}", send, look)

    def exists(self, id: str) -> ApiPage | None:
        """Return a page, unless it is gone."""
        try:
            return self.page(id)
        except Absent:
            return None

    def _page(self, method: str, path: str, wanted: dict[str, Any]) -> ApiPage:
        return ApiPage.model_validate(self._request(method, path, wanted).json())

    def _get(self, what: str, kind: type[T], path: str, params: dict[str, Any]) -> T:
        return self.calls.read(what, lambda: kind.model_validate(self._request("GET", path, params=params).json()))

    def _request(self, method: str, path: str, body: Any = None, params: Any = None) -> httpx.Response:
        answer = self._http.request(method, path, params=params, json=body)
        if not answer.is_success:
            raise BadAnswer(answer.status_code, answer.headers, _message(answer))
        return answer


def _site(url: str) -> str:
    """Return the address of a Confluence, on the Cloud with the `/wiki` that people leave out."""
    url = url.rstrip("/")
    on_cloud = (urlsplit(url).hostname or "").endswith((".atlassian.net", ".jira.com"))
    return f"{url}/wiki" if on_cloud and "/wiki" not in url else url


def _message(answer: httpx.Response) -> str:
    """Return Confluence's error text, a message in version 1 and a list in version 2."""
    try:
        said = answer.json()
    except ValueError:
        return answer.text
    if not isinstance(said, Mapping):
        return ""
    errors = [error for error in said.get("errors") or [] if isinstance(error, Mapping)]
    told = [f"{error.get('title') or ''} {error.get('detail') or ''}".strip() for error in errors]
    return "; ".join(told) or str(said.get("message") or "")
