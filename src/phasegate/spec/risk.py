"""The risk that a spec declares: in its front matter, or in a section `## Risk`."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from phasegate.spec.blocks import FRONT_MATTER, Block
from phasegate.spec.model import Risk

_FIELD = re.compile(r"\**\s*([A-Za-z][A-Za-z _-]*?)\s*\**\s*:\s*\**\s*(.+)")
FIELDS = ("severity", "blast_radius", "data", "reversible")


def read_risk(text: str, all_blocks: Sequence[Block]) -> Risk | None:
    """The declared risk, the section before the front matter; None where neither says anything."""
    front = dict(_front_matter(text))
    section = [block for block in all_blocks if block.section[-1:] == ("risk",)]
    fields = {**front, **dict(_fields(section))}
    known = {key: value for key, value in fields.items() if key in FIELDS}
    return Risk(**known, line=section[0].line if section else 1) if known else None


def _fields(section: Sequence[Block]) -> Iterator[tuple[str, str]]:
    for block in section:
        if match := _FIELD.fullmatch(block.text):
            yield _key(match[1]), match[2].strip()


def _front_matter(text: str) -> Iterator[tuple[str, str]]:
    match = FRONT_MATTER.match(text)
    loaded = _loaded(match[1]) if match else None
    if isinstance(loaded, dict):
        inner = loaded.get("risk", loaded)
        yield from ((_key(str(key)), _said(value)) for key, value in inner.items()) if isinstance(inner, dict) else ()


def _loaded(text: str) -> Any:
    """The front matter, or None where it is not plain YAML; aliases are not expanded."""
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            return None
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def _said(value: Any) -> str:
    return {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)


def _key(title: str) -> str:
    return re.sub(r"[\s-]+", "_", title.strip().casefold())
