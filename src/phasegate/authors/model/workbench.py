"""Files of a draft in the making, with the tools by which a model reads, searches and edits them and runs the tests.

The tree is held in memory: no path of a model's reaches this machine, and tests run in the sandbox alone.
"""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from phasegate.authors.author import Brief, Draft, matches, stray_paths
from phasegate.authors.model.answers import MOST_CHARACTERS, DraftAnswer, WrittenFile, problems, schema_of
from phasegate.authors.trial import Trial, told
from phasegate.core import InvalidInput, Missing
from phasegate.core.python_source import parse_python
from phasegate.models import ToolSpec, Use
from phasegate.models.chat import Result
from phasegate.team.templates import as_data

MOST_SHOWN = 20_000
"""Characters of one result of a tool."""
_MOST_ROWS = 200


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ListFiles(_Arguments):
    """List the files that you may read, with their sizes."""

    pattern: str = Field(default="*", max_length=400)
    """Such as `src/*.py`; `*` stands for any characters, `/` among them."""


class ReadFile(_Arguments):
    """Read a file, or lines of it."""

    path: str = Field(max_length=400)
    first: int = Field(default=1, ge=1)
    """First line."""
    last: int = Field(default=0, ge=0)
    """Last line; 0: the end."""


class Search(_Arguments):
    """Find lines that contain a text, as it stands."""

    text: str = Field(min_length=1, max_length=400)
    pattern: str = Field(default="*", max_length=400)
    """Files to look in, such as `tests/*`."""


class WriteFile(_Arguments):
    """Write a file whole: a new one, or in place of what stands there."""

    path: str = Field(max_length=400)
    text: str = Field(max_length=MOST_CHARACTERS)


class EditFile(_Arguments):
    """Replace a text that stands exactly once in a file."""

    path: str = Field(max_length=400)
    old: str = Field(min_length=1, max_length=MOST_CHARACTERS)
    """The text as it stands, with its line ends and indentation."""
    new: str = Field(max_length=MOST_CHARACTERS)


class DeleteFile(_Arguments):
    """Delete a file that you may write."""

    path: str = Field(max_length=400)


class RunTests(_Arguments):
    """Run all tests on your files as they are, without network, and read what failed."""


_Tool = Callable[..., Awaitable[str]]


class _Failed(Exception):
    """A call that cannot be done, in words for whoever made it."""


@dataclass(kw_only=True)
class Workbench:
    """Files of one author, of which it sees what the brief lets it read and write."""

    brief: Brief
    trial: Trial
    only: tuple[str, ...] = ()
    """Paths that may be written of the brief's outputs; empty: all of them."""
    changed: dict[str, bytes | None] = field(default_factory=dict)
    """Path to content of what was written; None: it was deleted."""

    @property
    def files(self) -> dict[str, bytes]:
        """The whole tree as it is now."""
        tree = {**self.brief.files, **self.changed}
        return {path: content for path, content in tree.items() if content is not None}

    def copy(self, only: Sequence[str]) -> Self:
        """Return a workbench of its own on the files as they are now, for some of the paths."""
        return replace(self, only=tuple(only), changed=dict(self.changed))

    def merge(self, other: "Workbench") -> None:
        """Take over what another workbench wrote of its own paths."""
        # What a copy holds besides is older than what the other copies made of it meanwhile.
        self.changed |= {path: content for path, content in other.changed.items() if path in other.only}

    def merged(self, answer: DraftAnswer) -> DraftAnswer:
        """Return an answer with the files that the tools wrote, unless it has them itself."""
        own = {file.path for file in answer.files}
        written = (
            WrittenFile.model_construct(path=path, text=content.decode(errors="replace"))
            for path, content in sorted(self.changed.items())
            if content is not None and path not in own
        )
        return answer.model_copy(update={"files": (*answer.files, *written)})

    def applied(self, draft: Draft) -> Draft:
        """Return a draft without the files that the tools deleted."""
        gone = {path: None for path, content in self.changed.items() if content is None and path in self.brief.files}
        kept = {path: content for path, content in draft.files.items() if self.changed.get(path, b"") is not None}
        return replace(draft, files={**kept, **gone})

    def take(self, answer: DraftAnswer) -> None:
        """Write the files of an answer that may be written, as the tools would have."""
        for file in answer.files:
            if not next(stray_paths(self.brief, [file.path]), None) and (not self.only or file.path in self.only):
                # Models end a file with no line feed or with several, and no difference should show that.
                self.changed[file.path] = (file.text.rstrip("\n") + "\n").encode()

    def broken(self) -> list[str]:
        """Return what is wrong with the files that were written, before any test runs."""
        return [problem for path, content in self.changed.items() if (problem := _unreadable(path, content))]

    async def specs(self) -> Sequence[ToolSpec]:
        """Return the tools as a model is offered them."""
        return [
            ToolSpec(name=_name(shape), description=(shape.__doc__ or "").strip(), parameters=schema_of(shape))
            for shape in self._tools
        ]

    async def call(self, use: Use) -> Result | None:
        """Return the result of a call, also of one that cannot be done."""
        shape = next((shape for shape in self._tools if _name(shape) == use.name), None)
        if shape is None:
            return None
        try:
            return Result(use=use.id, text=await self._tools[shape](shape.model_validate(use.arguments)))
        except ValidationError as error:
            return Result(use=use.id, text=problems(error, "the arguments do not have the shape"), failed=True)
        except (_Failed, Missing, InvalidInput) as error:
            return Result(use=use.id, text=getattr(error, "full_text", str(error)), failed=True)

    @property
    def _tools(self) -> Mapping[type[_Arguments], _Tool]:
        return {
            ListFiles: self._list,
            ReadFile: self._read,
            Search: self._search,
            WriteFile: self._write,
            EditFile: self._edit,
            DeleteFile: self._delete,
            RunTests: self._run,
        }

    @property
    def _seen(self) -> dict[str, bytes]:
        patterns = (*self.brief.facts.paths(self.brief.reads), *self.brief.outputs)
        return {path: content for path, content in self.files.items() if matches(path, patterns)}

    async def _list(self, asked: ListFiles) -> str:
        found = [path for path in sorted(self._seen) if fnmatchcase(path, asked.pattern)]
        rows = [f"{path} ({len(self._seen[path]):,} bytes)" for path in found[:_MOST_ROWS]]
        more = [f"and {len(found) - _MOST_ROWS} more"] if len(found) > _MOST_ROWS else []
        return "\n".join([*rows, *more]) or "no file matches"

    async def _read(self, asked: ReadFile) -> str:
        lines = self._text(asked.path).split("\n")
        part = lines[asked.first - 1 : asked.last or None]
        if not part:
            raise _Failed(f"'{asked.path}' has {len(lines)} lines")
        title = (
            asked.path
            if len(part) == len(lines)
            else f"{asked.path}, lines {asked.first} to {asked.last or len(lines)}"
        )
        return as_data(_cut("\n".join(part)), title)

    async def _search(self, asked: Search) -> str:
        rows = [
            f"{path}:{number}: {line.strip()[:300]}"
            for path, content in sorted(self._seen.items())
            if fnmatchcase(path, asked.pattern)
            for number, line in enumerate(content.decode(errors="replace").split("\n"), 1)
            if asked.text in line
        ]
        more = [f"and {len(rows) - _MOST_ROWS} more"] if len(rows) > _MOST_ROWS else []
        return as_data(_cut("\n".join([*rows[:_MOST_ROWS], *more])), "lines") if rows else "no line contains it"

    async def _write(self, asked: WriteFile) -> str:
        self._require_writable(asked.path)
        self.changed[asked.path] = (asked.text.rstrip("\n") + "\n").encode()
        return self._said(asked.path, "written")

    async def _edit(self, asked: EditFile) -> str:
        self._require_writable(asked.path)
        text = self._text(asked.path)
        count = text.count(asked.old)
        if count != 1:
            raise _Failed(f"the old text stands {count} times in '{asked.path}', and has to stand there once")
        self.changed[asked.path] = text.replace(asked.old, asked.new).encode()
        return self._said(asked.path, "edited")

    async def _delete(self, asked: DeleteFile) -> str:
        self._require_writable(asked.path)
        self._text(asked.path)
        self.changed[asked.path] = None
        return f"'{asked.path}' is deleted"

    async def _run(self, _: RunTests) -> str:
        return told(await self.trial.run(self.brief.kind, self.brief.facts, self.files))

    def _text(self, path: str) -> str:
        if path not in self._seen:
            raise _Failed(f"there is no file '{path}' among those that you may read: list_files shows them")
        return self._seen[path].decode(errors="replace")

    def _require_writable(self, path: str) -> None:
        stray = next(stray_paths(self.brief, [path]), None)
        if stray:
            raise _Failed(f"'{path}' is not yours to write; you may write {', '.join(self.brief.outputs)}")
        if self.only and path not in self.only:
            raise _Failed(f"'{path}' belongs to another task; yours are {', '.join(self.only)}")

    def _said(self, path: str, what: str) -> str:
        problem = _unreadable(path, self.changed[path])
        return f"'{path}' is {what}" + (f", but {problem}" if problem else "")


def _name(shape: type[_Arguments]) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", shape.__name__).lower()


def _unreadable(path: str, content: bytes | None) -> str:
    if content is None or not path.endswith(".py"):
        return ""
    try:
        parse_python(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return f"'{path}' is no Python: {error}"
    return ""


def _cut(text: str) -> str:
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}\n(and {len(text) - MOST_SHOWN:,} characters more)"
