"""A detector of secrets for every text that leaves, enters or is kept.

What it knows: the values of this process's own variables that are secrets, in every usual spelling, and the kinds of
`secret_kinds`. What it reads: the text as it stands, without characters that nobody sees, unescaped, decoded, joined
over line breaks, and what runs of Base64 and hexadecimal digits stand for.
"""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from typing import Any
from urllib.parse import quote, quote_plus

from phasegate.core.secret_kinds import compiled, decoded, is_one, is_random
from phasegate.core.shadow import Reading, readings

TAKEN_OUT = "(secret)"
_NAMED_SO = re.compile(
    r"(?i)(TOKEN|SECRET|PASSW|PASSPHRASE|API_?KEY|ACCESS_?KEY$|PRIVATE_?KEY|CREDENTIAL|WEBHOOK|SIGNING|AUTH(?!OR(?!IZATION))|_KEY$|_PAT$"
    r"|DATABASE_URL|CONNECTION_STRING|DSN$|COOKIE)"
)
_NO_SECRET = re.compile(
    r"(?i)(_FILE|_PATH|_URI|_DIR|_SOCK|_ID|_NAME|_USER|_HOST|_PORT|_TYPE|_MODE|_METHOD)$|^SSH_AUTH_SOCK$"
)
_FIELD = re.compile(
    r"(?i)(password|passwd|passphrase|pwd|secret|clientsecret|apikey|secretaccesskey|privatekey|accesstoken|refreshtoken"
    r"|sessiontoken|authtoken|idtoken|bottoken|authorization|connectionstring|signingsecret)$"
)
_RUN = re.compile(r"[A-Za-z0-9+/_-]{11,}={0,2}")
_DEPTH = 2
_SHORTEST = 8
"""Characters of the shortest secret that is known, by value or by form."""


@dataclass(frozen=True, order=True)
class Secret:
    """A secret in a text."""

    start: int
    end: int
    kind: str


_named: set[str] = set()
_surely: set[str] = set()
"""Names of variables of this one process: texts are cleaned in many places, none of which knows the team's files."""


def also_secret(given: Iterable[str], held: Iterable[str] = ()) -> None:
    """Have the values of further variables of this process be known.

    Args:
        given: names of variables that servers are given; their values count where they look drawn.
        held: names of variables that hold tokens and nothing else.
    """
    _named.update(given)
    _surely.update(held)


def find_secrets(text: str) -> list[Secret]:
    """Return the secrets of a text, in order, each once."""
    return _secrets_in(text, _own_spellings())


def _secrets_in(text: str, own: tuple[str, ...]) -> list[Secret]:
    if len(text) < _SHORTEST:
        return []
    found = sorted(_found(text, 0, own))
    merged: list[Secret] = []
    for secret in found:
        if merged and secret.start < merged[-1].end:
            last = merged.pop()
            # Two kinds may match parts of one secret: cut out one after the other, the second cut would miss its place.
            secret = Secret(last.start, max(last.end, secret.end), last.kind)
        merged.append(secret)
    return merged


def holds_secret(word: str, name: str = "") -> bool:
    """Return whether a word of a command, or the value of a variable, holds a secret.

    The names of a path are looked at one by one: forty of its characters, slashes included, have the form of an AWS
    key.

    >>> holds_secret("/tmp/tmp.5l9V8Zislg/project/tests/services/faulty_server.py")
    False
    """
    option, equals, value = word.partition("=")
    text = value if equals and option.startswith("-") else word
    parts = text.split("/") if text.startswith(("/", "./", "../", "~/")) else [word]
    return any(find_secrets(f"{name}={part}" if name else part) for part in parts)


def without_secrets(text: str) -> str:
    """Return the text with each secret taken out.

    >>> without_secrets("the key AKIAIOSFODNN7EXAMPLE is gone")
    'the key (secret) is gone'
    """
    return _cleaned(text, _own_spellings())


def _cleaned(text: str, own: tuple[str, ...]) -> str:
    out, last = [], 0
    for secret in _secrets_in(text, own):
        out += [text[last : secret.start], TAKEN_OUT]
        last = secret.end
    return "".join([*out, text[last:]])


def take_out(value: Any) -> Any:
    """Return a value of JSON with the secrets taken out of every text, and nothing else changed."""
    return _taken_out(value, _own_spellings())


def _taken_out(value: Any, own: tuple[str, ...]) -> Any:
    if isinstance(value, str):
        return _cleaned(value, own)
    if isinstance(value, Mapping):
        return {name: _taken_out(item, own) for name, item in value.items()}
    return [_taken_out(item, own) for item in value] if isinstance(value, list | tuple) else value


def is_secret_field(name: str, value: str) -> bool:
    """Return whether a field of a document holds a secret by its name, and by its value is more than a word."""
    plain = re.sub(r"[^A-Za-z]", "", name)
    return bool(_FIELD.search(plain)) and len(value) >= _SHORTEST and (is_random(value) or _is_password(plain, value))


def _is_password(plain: str, value: str) -> bool:
    return bool(re.search(r"(?i)(password|passwd|passphrase|pwd)$", plain)) and bool(
        re.search(r"[0-9!@#$%^&*+~?]", value)
    )


def _own_spellings() -> tuple[str, ...]:
    return spellings(_own_values(os.environ))


def _found(text: str, depth: int, own: tuple[str, ...]) -> Iterator[Secret]:
    for reading in readings(text):
        yield from _own(reading, own)
        yield from _kinds(reading)
        if depth < _DEPTH:
            yield from _encoded(reading, depth, own)


def _own(reading: Reading, own: tuple[str, ...]) -> Iterator[Secret]:
    for spelling in own:
        start = reading.text.find(spelling)
        while start >= 0:
            yield Secret(*reading.span(start, start + len(spelling)), "a value of this process")
            start = reading.text.find(spelling, start + len(spelling))


def _kinds(reading: Reading) -> Iterator[Secret]:
    small = reading.text.lower()
    for kind, pattern in compiled():
        # Most texts hold none of these words, and to look for words is far quicker than to try each pattern.
        if not any(each in small for each in kind.needs):
            continue
        for match in pattern.finditer(reading.text):
            group = 1 if match.re.groups else 0
            start, end = match.span(group)
            if is_one(kind, reading.text[match.start() - 12 if match.start() > 12 else 0 : start], match[group]):
                yield Secret(*reading.span(start, end), kind.name)


def _encoded(reading: Reading, depth: int, own: tuple[str, ...]) -> Iterator[Secret]:
    for match in _RUN.finditer(reading.text):
        inner = decoded(match[0])
        if inner and next(_found(inner, depth + 1, own), None):
            yield Secret(*reading.span(*match.span()), "encoded secret")


def _own_values(environ: Mapping[str, str]) -> frozenset[str]:
    """Return values of variables that are secrets by their name, or are given to a server and look drawn."""
    named = {environ.get(name, "").strip() for name in environ if is_secret_name(name)}
    given = {environ.get(name, "").strip() for name in _named}
    held = {environ.get(name, "").strip() for name in _surely}
    return frozenset(
        # A variable named like a secret may hold a word such as `none`, which would be cut out of every sentence.
        {value for value in named if _is_more_than_a_word(value)}
        | {value for value in given if "://" not in value and is_random(value)}
        | {value for value in held if len(value) >= _SHORTEST}
    )


@lru_cache(maxsize=1024)
def is_secret_name(name: str) -> bool:
    """Return whether a variable of this name holds a secret.

    >>> is_secret_name("SLACK_BOT_TOKEN"), is_secret_name("SLACK_TOKEN_FILE"), is_secret_name("AWS_REGION")
    (True, False, False)
    """
    return bool(_NAMED_SO.search(name)) and not _NO_SECRET.search(name)


def _is_more_than_a_word(value: str) -> bool:
    """Return whether a value is long enough to be told from words, and no place."""
    if value.startswith(("/", "~")) or re.fullmatch(r"https?://[\w.:-]+/?", value):
        return False
    return len(value) >= 12 or (len(value) >= _SHORTEST and not re.fullmatch(r"[a-z]+", value))


@lru_cache(maxsize=16)
def spellings(values: frozenset[str]) -> tuple[str, ...]:
    """Return each value as it may be written: as it is, in JSON, in an address, and as hexadecimal digits.

    Base64 is read by decoding it, wherever in it the value stands.
    """
    written = chain.from_iterable(
        (v, json.dumps(v)[1:-1], quote(v, safe=""), quote(v), quote_plus(v), v.encode().hex(), v.encode().hex().upper())
        for v in values
    )
    # The longest first: a spelling that holds another one is found whole.
    return tuple(sorted(set(written), key=len, reverse=True))
