"""What Confluence answers, as far as we read it; whatever does not fit is an unreadable answer."""

from typing import Any
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from phasegate.tools.confluence import results

LONGEST = 50_000


class Wire(BaseModel):
    """A part of an answer."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Links(Wire):
    """Where to go from here."""

    webui: str = ""
    next: str = ""

    def cursor(self) -> str:
        """Where the next page of a list starts, or nothing."""
        return parse_qs(urlsplit(self.next).query).get("cursor", [""])[0]


class Version(Wire):
    """The version of a page or property."""

    number: int
    message: str = ""
    author: str = Field(alias="authorId", default="")
    at: str = Field(alias="createdAt", default="")


class Storage(Wire):
    """A text in storage format."""

    value: str = ""


class Body(Wire):
    """The texts of a page."""

    storage: Storage = Storage()


class Page(Wire):
    """A page of version 2 of the API."""

    id: str
    title: str
    status: str = "current"
    version: Version
    body: Body = Body()
    links: Links = Field(alias="_links", default=Links())

    @property
    def text(self) -> str:
        """What is on it, in storage format."""
        return self.body.storage.value

    def brief(self, site: str) -> results.Brief:
        """As lists show it."""
        return results.Brief(id=self.id, title=self.title, url=f"{site}{self.links.webui}")


class Pages(Wire):
    """A list of pages."""

    results: list[Page]
    links: Links = Field(alias="_links", default=Links())


class Space(Wire):
    """A space."""

    id: str
    key: str


class Spaces(Wire):
    """A list of spaces."""

    results: list[Space]


class Content(Wire):
    """What a search found."""

    id: str
    title: str


class Hit(Wire):
    """A result of a search."""

    content: Content
    url: str = ""

    def brief(self, site: str) -> results.Brief:
        """As lists show it."""
        return results.Brief(id=self.content.id, title=self.content.title, url=f"{site}{self.url}")


class Hits(Wire):
    """A page of a search."""

    results: list[Hit]
    links: Links = Field(alias="_links", default=Links())


class Label(Wire):
    """A label."""

    name: str


class Labels(Wire):
    """A page's labels."""

    results: list[Label]


class Note(Wire):
    """What we note in a property of a page about our last publication."""

    key: str
    page: str
    version: int
    content: str


class Property(Wire):
    """A property of a page."""

    id: str
    value: Any
    version: Version

    def note(self, mark: str, page: str) -> Note | None:
        """Our note, if it is of this key and page; a copied page brings the note of its original along."""
        try:
            note = Note.model_validate(self.value)
        except ValidationError:
            return None
        return note if (note.key, note.page) == (mark, page) else None


class Properties(Wire):
    """Properties of a page."""

    results: list[Property]
