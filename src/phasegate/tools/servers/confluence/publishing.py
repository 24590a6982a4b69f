"""Publishing a page once for a key, and never over what somebody else wrote.

    label     phasegate-<16 hex of the key's SHA-256>: search finds the page by it
    anchor    the same, and the content's digest, in the body: a page is known even when its creation's answer was lost
    property  key, version and digest of our last publication: a page with another version was edited since
    message   of each version of ours, with the digest: an update is known whose answer was lost

The digest is of what we sent, since Confluence rewrites a body as it saves it.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Any

from phasegate.core import Refused, canonical
from phasegate.tools.servers.confluence.client import ConfluenceClient
from phasegate.tools.servers.confluence.results import ApiPage, Note, Published
from phasegate.tools.servers.confluence.storage import anchor, anchored, storage
from phasegate.tools.servers.http_calls import idempotency_label


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A page to publish."""

    key: str
    space: str
    title: str
    markdown: str
    parent: str = ""
    labels: tuple[str, ...] = ()

    @property
    def mark(self) -> str:
        """The label of the key."""
        return idempotency_label(self.key)

    @property
    def text(self) -> str:
        """The body without the anchor."""
        return storage(self.markdown)

    @property
    def content(self) -> str:
        """The digest of what a reader would see, and where."""
        return hashlib.sha256(canonical([self.title, self.text, self.parent])).hexdigest()[:16]

    def place(self) -> dict[str, str]:
        """Return the parent for the API, or nothing so that a page stays where people moved it."""
        return {"parentId": self.parent} if self.parent else {}

    def body(self) -> dict[str, Any]:
        """Return the body for the API."""
        return {"representation": "storage", "value": f"{anchor(self.mark, self.content)}\n{self.text}"}


class Publisher:
    """A publisher of drafts that remembers what it made, since search lags behind by some seconds."""

    def __init__(self, confluence: ConfluenceClient) -> None:
        self._confluence = confluence
        self._made: dict[str, str] = {}

    def publish(self, draft: Draft) -> Published:
        """Create the page of a key, or give it this content.

        Raises:
            Refused: Somebody edited the page since we published it, or has a page of this title (`conflict`).
        """
        space = self._confluence.space(draft.space)
        page = self._of_key(draft.mark) or self._confluence.titled(space, draft.title)
        if page is None:
            return self._settled(self._created(draft, space), draft, created=True, changed=True)
        last = self._last(page, draft.mark)
        if last.content == draft.content:
            return self._settled(page, draft, created=False, changed=False)
        return self._settled(self._updated(page, draft), draft, created=False, changed=True)

    def find(self, key: str) -> ApiPage | None:
        """Return the page of a key, or None."""
        return self._of_key(idempotency_label(key))

    def _of_key(self, mark: str) -> ApiPage | None:
        if mark in self._made:
            page = self._confluence.exists(self._made[mark])
            # A page in the trash is still there by its id.
            if page is not None and page.status == "current":
                return page
        for id in self._confluence.labelled(mark):
            held = self._confluence.property(id)
            # A label alone is not enough: whoever copies a page copies its labels, and its properties name the page
            # that they are of.
            if held is not None and held.note(mark, id) is not None:
                return self._confluence.exists(id)
        return None

    def _last(self, page: ApiPage, mark: str) -> Note:
        """Return our last publication of a page that nobody has edited since."""
        held = self._confluence.property(page.id)
        note, version = held.note(mark, page.id) if held else None, page.version
        if note is not None and note.version == version:
            return note
        said = _MESSAGE.fullmatch(page.message)
        if note is not None and note.version + 1 == version and said:
            return Note(key=mark, page=page.id, version=version, content=said[1])
        first = anchored(page.text, mark)
        if note is None and version == 1 and first:
            return Note(key=mark, page=page.id, version=1, content=first)
        raise _conflict(page, ours=note is not None)

    def _created(self, draft: Draft, space: str) -> ApiPage:
        wanted = {"spaceId": space, "status": "current", "title": draft.title, "body": draft.body()}

        def look() -> ApiPage | None:
            page = self._confluence.titled(space, draft.title)
            return page if page is not None and anchored(page.text, draft.mark) else None

        return self._confluence.create({**wanted, **draft.place()}, look)

    def _updated(self, page: ApiPage, draft: Draft) -> ApiPage:
        version = {"number": page.version + 1, "message": f"Phasegate {draft.content}"}
        wanted = {"id": page.id, "status": "current", "title": draft.title, "body": draft.body(), "version": version}

        def look() -> ApiPage | None:
            now = self._confluence.page(page.id)
            return now if (now.version, now.message) == (version["number"], version["message"]) else None

        return self._confluence.update(page.id, {**wanted, **draft.place()}, look)

    def _settled(self, page: ApiPage, draft: Draft, *, created: bool, changed: bool) -> Published:
        """Note what was published and add missing labels, also where a crash left that undone."""
        note = Note(key=draft.mark, page=page.id, version=page.version, content=draft.content)
        held = self._confluence.property(page.id)
        if held is None or held.note(draft.mark, page.id) != note:
            self._confluence.note(note)
        have = self._confluence.labels(page.id)
        missing = [label for label in (*draft.labels, draft.mark) if label not in have]
        if missing:
            self._confluence.add_labels(page.id, missing)
        self._made[draft.mark] = page.id
        shown = page.brief(self._confluence.site)
        return Published(page=shown, version=page.version, created=created, changed=changed)


_MESSAGE = re.compile(r"Phasegate ([0-9a-f]{16})")


def _conflict(page: ApiPage, *, ours: bool) -> Refused:
    who = f"version {page.version} by the account {page.author or '?'} at {page.at or '?'}"
    if ours:
        says = f"the page {page.title!r} ({page.id}) was edited since it was published: {who}; nothing was overwritten"
        fix = "read it with get_page, and ask its author or your manager whether the edit belongs into the source"
    else:
        says = f"there is a page {page.title!r} ({page.id}) in the space that was not published for this key: {who}"
        fix = "choose another title, or the key it was published with"
    return Refused(says, reason="conflict", fix=fix)
