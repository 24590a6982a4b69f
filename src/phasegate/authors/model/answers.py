"""Shapes of what a role hands in, which a model's answer and an assistant's are both held to."""

import json
from collections.abc import Hashable, Sequence
from functools import cache
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from phasegate.core import Severity
from phasegate.models.chat import Reply, Stop, ToolSpec

HAND_IN = "hand_in"
MOST_FILES, MOST_CHARACTERS = 40, 400_000
_MOST_PROBLEMS = 12


def _unpacked(value: Any) -> Any:
    """Return the list that a model wrote as a string of JSON, which several do now and then."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        return value


class _Answer(BaseModel):
    # Built at the first use: lists of gates load these shapes and hold no answer to them.
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, defer_build=True)


class WrittenFile(_Answer):
    """A file of the draft."""

    path: str = Field(min_length=1, max_length=400)
    """From the top of the repository."""
    text: str = Field(max_length=MOST_CHARACTERS)
    """The whole text, with one line end at the end."""


class Response(_Answer):
    """Response to a comment or a finding."""

    to: str = Field(max_length=200)
    """The number of the manager's comment, or the rule of the finding."""
    text: str = Field(min_length=1, max_length=4000)
    """What was changed, or why nothing was."""


class DraftAnswer(_Answer):
    """A draft: files, responses, and questions that only a person can answer."""

    files: Annotated[tuple[WrittenFile, ...], BeforeValidator(_unpacked)] = Field(max_length=MOST_FILES)
    """Files that are new or changed; one that is left out stays as it is."""
    answers: Annotated[tuple[Response, ...], BeforeValidator(_unpacked)] = ()
    """One for each comment of the manager, and for each finding that you leave standing."""
    open_questions: Annotated[tuple[str, ...], BeforeValidator(_unpacked)] = Field(default=(), max_length=10)
    """Questions whose answers you need."""


class FoundFinding(_Answer):
    """A finding of a review."""

    rule: str = Field(pattern=r"^[a-z][a-z0-9-]{0,60}$")
    """A short name of the rule, in lower case with hyphens."""
    severity: Severity
    """`critical` and `high` block the gate."""
    path: str = Field(min_length=1, max_length=400)
    """Path of the artifact."""
    line: int = Field(default=0, ge=0, le=1_000_000)
    """First line that it touches; 0: the whole file."""
    requirement: str = Field(default="", max_length=40)
    """The id that it touches, such as FR-001; empty: none."""
    message: str = Field(min_length=1, max_length=2000)
    """What is wrong, with the thing by name."""
    fix: str = Field(default="", max_length=2000)
    """What the author is to do."""


class ReviewAnswer(_Answer):
    """A review: its findings."""

    findings: Annotated[tuple[FoundFinding, ...], BeforeValidator(_unpacked)] = Field(max_length=100)
    """The worst first; empty where there is nothing to report."""


A = TypeVar("A", bound=_Answer)


class Malformed(Exception):
    """An answer that does not hold, with what is wrong in words for whoever wrote it."""


def hand_in(shape: type[BaseModel]) -> ToolSpec:
    """Return the tool with which an answer of that shape is handed in."""
    return _hand_in(shape)


@cache
def _hand_in(shape: Hashable) -> ToolSpec:
    assert isinstance(shape, type)
    assert issubclass(shape, BaseModel)
    description = (shape.__doc__ or "").strip()
    return ToolSpec(name=HAND_IN, description=description, parameters=schema_of(shape))


def schema_of(shape: type[BaseModel]) -> dict[str, Any]:
    """Return the JSON Schema of a shape with definitions written in place, which some providers do not resolve."""
    schema = shape.model_json_schema()
    definitions = schema.pop("$defs", {})
    inlined: dict[str, Any] = _inlined(schema, definitions)
    return inlined


def read_reply(reply: Reply, shape: type[A]) -> A:
    """Return the answer of a reply: the arguments of its hand-in, else the JSON object in its text.

    Raises:
        Malformed: there is none, or it does not have the shape.
    """
    if reply.stop is Stop.length:
        raise Malformed("your answer was cut off at the limit of its length: hand in less text, or fewer files")
    if reply.stop is Stop.refused:
        raise Malformed(f"the answer was refused: {reply.text[:300] or 'no reason was given'}")
    use = next((use for use in reply.uses if use.name == HAND_IN), None)
    return read_answer(use.arguments if use else _object(reply), shape)


def read_answer(arguments: Any, shape: type[A]) -> A:
    """Return the answer that arguments are.

    Raises:
        Malformed: they do not have the shape.
    """
    try:
        return shape.model_validate(arguments)
    except ValidationError as error:
        raise Malformed(problems(error, "the answer does not have the shape that is asked for")) from error


def _object(reply: Reply) -> Any:
    if reply.uses:
        raise Malformed(f"you called '{reply.uses[0].name}', and an answer is handed in by '{HAND_IN}' alone")
    text = reply.text
    begin, end = text.find("{"), text.rfind("}")
    if begin < 0 or end < begin:
        raise Malformed(f"there is no answer: call '{HAND_IN}', or write one JSON object and nothing else")
    try:
        return json.loads(text[begin : end + 1])
    except json.JSONDecodeError as error:
        raise Malformed(f"the answer is not JSON: {error}") from error


def problems(error: ValidationError, what: str) -> str:
    """Return what is wrong with values in words for whoever wrote them, under a line that says `what`."""
    rows = [f"- {'.'.join(map(str, row['loc'])) or 'the whole'}: {row['msg']}" for row in error.errors()]
    more = [f"- and {len(rows) - _MOST_PROBLEMS} more"] if len(rows) > _MOST_PROBLEMS else []
    return f"{what}:\n" + "\n".join([*rows[:_MOST_PROBLEMS], *more])


def _inlined(value: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        if "$ref" in value:
            return _inlined(definitions[value["$ref"].rpartition("/")[2]], definitions)
        return {name: _inlined(each, definitions) for name, each in value.items() if name != "title" or _is_field(each)}
    return [_inlined(each, definitions) for each in value] if isinstance(value, list) else value


def _is_field(value: object) -> bool:
    """Return whether `title` names a property rather than the schema's own title."""
    return isinstance(value, dict)


def responses(answer: DraftAnswer, count: int) -> Sequence[str]:
    """Return the responses to the manager's comments by their order, empty where one was left out."""
    by_number = {
        response.to.strip().lstrip("#").removeprefix("comment ").strip(): response.text for response in answer.answers
    }
    return [by_number.get(str(number), "") for number in range(1, count + 1)]
