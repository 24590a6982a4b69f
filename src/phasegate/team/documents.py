"""YAML and front matter as people write them: strict, and with the line of every value for the error message."""

import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from phasegate.core import Finding, InvalidInput, Severity, plain_yaml

Location = plain_yaml.Place
Model = TypeVar("Model", bound=BaseModel)

_FENCE = re.compile(r"\A---\n(.*?\n)---[ \t]*(?:\n|\Z)", re.DOTALL)


@dataclass(frozen=True, kw_only=True)
class Document:
    """A parsed YAML file that remembers where each value stands, and who asks."""

    source: plain_yaml.Source
    check: str
    """The check in whose name its findings are given, such as `flow-lint`."""

    @property
    def path(self) -> str:
        """Its name in messages."""
        return self.source.path

    @property
    def value(self) -> Any:
        """The document's value."""
        return self.source.value

    def line(self, location: Location) -> int:
        """Line of a value, or of the nearest parent that has one."""
        return self.source.line(*location)

    def finding(self, rule: str, location: Location, message: str, fix: str) -> Finding:
        """A blocking finding about one value of the file."""
        return Finding(
            check=self.check,
            rule=rule,
            severity=Severity.high,
            path=self.path,
            line=self.line(location),
            message=message,
            fix=fix,
        )


def read_yaml(text: str, path: str, *, check: str, first_line: int = 1) -> Document:
    """Parses YAML without aliases, duplicate keys, or tags that make objects.

    Args:
        text: the YAML.
        path: its name in messages.
        check: the check in whose name findings are given.
        first_line: where the text begins in its file, for front matter.

    Raises:
        InvalidInput: with one finding, where the text does not parse.
    """
    return Document(source=plain_yaml.read(text, path, check=check, first_line=first_line), check=check)


def front_matter(text: str, path: str, *, check: str) -> tuple[Document, str]:
    """Splits Markdown into its front matter and its body.

    Raises:
        InvalidInput: where the file does not begin with front matter between two lines of `---`.
    """
    # Git on Windows checks files out with CRLF.
    match = _FENCE.match(text.replace("\r\n", "\n"))
    if match is None:
        finding = Finding(
            check=check,
            rule="unreadable",
            severity=Severity.critical,
            path=path,
            line=1,
            message="the file does not begin with front matter",
            fix="begin it with a line of ---, then keys and values, then another line of ---",
        )
        raise refused(path, [finding])
    body = text.replace("\r\n", "\n")[match.end() :]
    return read_yaml(match[1], path, check=check, first_line=2), body.strip() + "\n"


def validated(document: Document, model: type[Model]) -> Model:
    """The document as a model.

    Raises:
        InvalidInput: with a finding, line and fix for each value that does not hold.
    """
    try:
        return model.model_validate(document.value)
    except ValidationError as error:
        findings = [_finding(document, detail, model) for detail in error.errors(include_url=False)]
        raise refused(document.path, findings) from None


def refused(path: str, findings: Sequence[Finding]) -> InvalidInput:
    """Return the error for a file with findings, with the first of them as message."""
    first = findings[0]
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return InvalidInput(f"{first.where}: {first.message}{more}", fix=first.fix, findings=findings)


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """A fix for an unknown name: the nearest known one, else all of them."""
    near = difflib.get_close_matches(word, known, n=1)
    return f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(sorted(known)) or 'none'}."


def _finding(document: Document, detail: ErrorDetails, model: type[BaseModel]) -> Finding:
    location = detail["loc"]
    name = ".".join(str(part) for part in location) or "the file"
    # Pydantic says that a key is forbidden, which tells nobody that it is misspelt.
    if detail["type"] == "extra_forbidden":
        return document.finding("unknown-key", location, f"unknown key {name!r}", _known_keys(model, location))
    if detail["type"] == "missing":
        return document.finding("missing-key", location, f"{name!r} is missing", f"Add {location[-1]!r} here.")
    message = detail["msg"].removeprefix("Value error, ")
    return document.finding("invalid-value", location, f"{name}: {message}", f"Change {name!r}: {message}.")


def _known_keys(model: type[BaseModel], location: Location) -> str:
    """Follows the location into the schema, so that a key of a nested map is compared with its own neighbours."""
    schema = model.model_json_schema()
    here = schema
    for part in location[:-1]:
        here = here.get("items", {}) if isinstance(part, int) else here.get("properties", {}).get(part, {})
        here = schema["$defs"][here["$ref"].rsplit("/", 1)[1]] if "$ref" in here else here
    return did_you_mean(str(location[-1]), list(here.get("properties", {})))
