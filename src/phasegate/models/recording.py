"""Recordings of what chat models replied, and the double that replies from one."""

import json
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, StringConstraints, ValidationError

from phasegate.core import InvalidInput, digest, one_line
from phasegate.core.files import open_owned
from phasegate.core.secrets import take_out
from phasegate.models.chat import Call, ChatModel, ModelFailed, Progress, Reply

_SHOWN = 80
_ANEW = "record the run anew with '--record FILE'"


class _Row(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


R = TypeVar("R", bound=_Row)


class Heading(_Row):
    """First line of a recording."""

    started_at: AwareDatetime
    """When the recorded run began; its day stands in prompts and artifacts."""


class Recorded(_Row):
    """A further line of a recording: one reply, without secrets."""

    digest: Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]
    """Of the call, without secrets: a reply that held one is part of later calls."""
    model: str
    prompt: str
    """First line of the instructions, by which people know the role."""
    place: str = ""
    """Place of the call in its run, `PHASE/ATTEMPT/ROUND/NAME/NUMBER`."""
    reply: Reply
    call: dict[str, Any] | None = None
    """The whole call, where it was asked for."""


class Kept(_Row):
    """A further line of a recording: something else that the run was told, without secrets."""

    kept: str
    """Name by which it is found, such as role, place, tool and digest of the arguments."""
    value: Any


class Recording:
    """Replies in a file of JSON Lines, found by model and call."""

    def __init__(
        self, path: Path, started_at: datetime, rows: "Iterable[Recorded | Kept]" = (), *, whole: bool = False
    ) -> None:
        """Hold a file that exists.

        Args:
            path: of the file.
            started_at: when the recorded run began.
            rows: the replies in it.
            whole: whether calls are written out beside their replies.
        """
        self.path, self.started_at = path, started_at
        self._whole = whole
        self._replies: dict[tuple[str, str], list[Reply]] = defaultdict(list)
        self._placed: dict[str, Reply] = {}
        self._kept: dict[str, list[Any]] = defaultdict(list)
        for row in rows:
            if isinstance(row, Kept):
                self._kept[row.kept].append(row.value)
            else:
                self._replies[row.model, row.digest].append(row.reply)
                self._placed[row.place] = row.reply

    @classmethod
    def begin(cls, path: Path, started_at: datetime, *, whole: bool = False) -> Self:
        """Make a new file, which its owner alone can read.

        Args:
            path: of the file.
            started_at: when the run that is recorded began.
            whole: whether calls are written out beside their replies.

        Raises:
            InvalidInput: there is one that is not empty, or none can be made there.
        """
        try:
            if path.exists() and path.stat().st_size:
                raise InvalidInput(f"'{path}' holds something already", fix="name another file, or delete it")
            with open_owned(path, "w") as file:
                file.write(Heading(started_at=started_at).model_dump_json() + "\n")
        except OSError as error:
            raise InvalidInput(f"'{path}' cannot be made: {error.strerror}", fix="name another file") from None
        return cls(path, started_at, whole=whole)

    @classmethod
    def read(cls, path: Path, *, whole: bool = False) -> Self:
        """Read a file.

        Raises:
            InvalidInput: it cannot be read, is cut off, or is no recording.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            fix = "name the file that '--record FILE' wrote"
            raise InvalidInput(f"recording '{path}' cannot be read: {error.strerror}", fix=fix) from None
        except UnicodeDecodeError:
            raise InvalidInput(f"'{path}' is no recording: it is not UTF-8", fix=_ANEW) from None
        lines = text.split("\n")
        if lines.pop():
            where = f"recording '{path}' is cut off in line {len(lines) + 1}"
            raise InvalidInput(where, fix=f"delete that line, or {_ANEW}")
        if not lines:
            raise InvalidInput(f"recording '{path}' is empty", fix=_ANEW)
        heading = _row(Heading, path, 1, lines[0])
        rows = [_row(_shape(line), path, number, line) for number, line in enumerate(lines[1:], 2)]
        return cls(path, heading.started_at, rows, whole=whole)

    def add(self, model: str, call: Call, reply: Reply) -> None:
        """Write a reply at the end of the file, without secrets.

        Raises:
            ModelFailed: the file cannot be written, and a run that went on would not be recorded.
        """
        document = take_out(call.model_dump(mode="json"))
        row = {"digest": digest(document), "model": model, "prompt": _first_line(document)}
        row["place"] = call.place
        row["reply"] = take_out(reply.model_dump(mode="json"))
        if self._whole:
            row["call"] = document
        self._append(row, f"a reply of '{model}'")

    def keep(self, name: str, value: Any) -> None:
        """Write something else that the run was told at the end of the file, without secrets.

        Raises:
            ModelFailed: the file cannot be written.
        """
        self._append({"kept": name, "value": take_out(value)}, f"what '{name}' told")

    def kept(self, name: str, *default: Any) -> Any:
        """Return the next thing that was kept under a name, or the default where one is given.

        Raises:
            ModelFailed: none is left, and there is no default.
        """
        found = self._kept[name]
        if found:
            return found.pop(0)
        if default:
            return default[0]
        raise ModelFailed(
            f"recording '{self.path}' has nothing left of '{name}'; nothing was called",
            fix=f"replay with the spec, cards, prompts and tools it was recorded with, or {_ANEW}",
        )

    def _append(self, row: dict[str, Any], what: str) -> None:
        try:
            with open_owned(self.path, "a") as file:
                file.write(json.dumps(row, ensure_ascii=False) + "\n")
        except OSError as error:
            message = f"{what} cannot be written to '{self.path}': {error.strerror}"
            raise ModelFailed(message, fix="make room for the file, then 'phasegate run --resume RUN'") from None

    def next(self, model: str, call: Call) -> Reply:
        """Return the next reply to a call: each once, in the order in which they were recorded.

        Raises:
            ModelFailed: none is left.
        """
        document = take_out(call.model_dump(mode="json"))
        found = self._replies[model, digest(document)]
        if not found:
            raise ModelFailed(
                f"recording '{self.path}' has no reply of '{model}' left for this call of '{_first_line(document)}'; "
                "no provider was called",
                fix=f"replay with the spec, cards, prompts and models it was recorded with, or {_ANEW}",
            )
        return found.pop(0)

    def placed(self, call: Call) -> Reply:
        """Return the reply that was recorded at the place of a call, whatever the call says.

        Raises:
            ModelFailed: none was.
        """
        reply = self._placed.get(call.place)
        if reply is None or not call.place:
            raise ModelFailed(
                f"recording '{self.path.name}' has no answer at '{call.place}'; no provider was called",
                fix="approve or reject where it has answers to no comments, or have another model work",
            )
        return reply


class RecordingModel:
    """Chat model whose replies are kept in a recording."""

    def __init__(self, inner: ChatModel, recording: Recording) -> None:
        self.name = inner.name
        self._inner, self._recording = inner, recording

    async def complete(self, call: Call, progress: Progress) -> Reply:
        """Return the inner model's reply once it is in the file.

        Raises:
            ModelFailed: the provider did not answer, or the file cannot be written.
        """
        reply = await self._inner.complete(call, progress)
        self._recording.add(self.name, call, reply)
        return reply


class ReplayModel:
    """Double that replies from a recording, and never calls a provider."""

    def __init__(self, recording: Recording, name: str) -> None:
        """Take a recording.

        Args:
            recording: may be shared by models.
            name: of the model that was recorded.
        """
        self.name = name
        self._recording = recording

    async def complete(self, call: Call, progress: Progress) -> Reply:
        """Return what the model replied to that call.

        Raises:
            ModelFailed: the recording has no reply to it.
        """
        reply = self._recording.next(self.name, call)
        progress(len(reply.text))
        return reply


class RecordedModel:
    """Chat model that answers from a recording by the place of a call in its run, whatever its prompt says."""

    def __init__(self, recording: Recording, name: str) -> None:
        self.name = name
        self._recording = recording

    async def complete(self, call: Call, progress: Progress) -> Reply:
        """Return what was recorded at that place.

        Raises:
            ModelFailed: nothing was.
        """
        reply = self._recording.placed(call)
        progress(len(reply.text))
        return reply


def _row(shape: type[R], path: Path, number: int, line: str) -> R:
    try:
        return shape.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        what = f"{where}: {first['msg']}" if where else first["msg"]
        raise InvalidInput(f"line {number} of '{path}' is not of a recording: {what}", fix=_ANEW) from None


def _shape(line: str) -> type[Recorded | Kept]:
    return Kept if line.startswith('{"kept"') else Recorded


def _first_line(document: dict[str, Any]) -> str:
    messages = document["messages"]
    text = str(messages[0].get("text", "")).strip() if messages else ""
    return one_line(text.partition("\n")[0])[:_SHOWN]
