"""The risk that a spec declares: in its front matter, or in a section `## Risk`."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from phasegate.core import InvalidInput
from phasegate.core.plain_yaml import read
from phasegate.spec.blocks import FRONT_MATTER, Block
from phasegate.spec.model import Risk

_FIELD = re.compile(r"\**\s*([A-Za-z][A-Za-z _-]*?)\s*\**\s*:\s*\**\s*(.+)")
FIELDS = ("severity", "blast_radius", "data", "reversible")


def read_risk(text: str, all_blocks: Sequence[Block]) -> Risk | None:
    """Return the declared risk, from its section before the front matter, or None where neither says anything."""
    front = dict(_front_matter(text))
    section = [block for block in all_blocks if block.section[-1:] == ("risk",)]
    fields = {**front, **dict(_fields(section))}
    known = {key: value for key, value in fields.items() if key in FIELDS}
    return Risk(**known, line=section[0].line if section else 1) if known else None


def read_front_matter(text: str, path: str) -> Any:
    """Parse the front matter of a spec, or return None where there is none.

    Raises:
        InvalidInput: it is not plain YAML; the finding names the line.
    """
    match = FRONT_MATTER.match(text)
    return read(match[1], path, check="spec-lint", first_line=2).value if match else None


def _fields(section: Sequence[Block]) -> Iterator[tuple[str, str]]:
    for block in section:
        if match := _FIELD.fullmatch(block.text):
            yield _key(match[1]), match[2].strip()


def _front_matter(text: str) -> Iterator[tuple[str, str]]:
    loaded = _loaded(text)
    if isinstance(loaded, dict):
        # Under a key of its own, or at the top beside other keys.
        inner = loaded.get("risk", loaded)
        yield from ((_key(str(key)), _said(value)) for key, value in inner.items()) if isinstance(inner, dict) else ()


def _loaded(text: str) -> Any:
    """The front matter, or None where there is none or it is refused: `read_front_matter` says why."""
    try:
        return read_front_matter(text, "spec.md")
    except InvalidInput:
        return None


def _said(value: Any) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _key(title: str) -> str:
    return re.sub(r"[\s-]+", "_", title.strip().casefold())
