"""Whom a verifier knows: names with the keys that were given for them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Self

from phasegate.core import InvalidInput
from phasegate.ledger.signing.keys import PublicKey


class Known(NamedTuple):
    """A key, and the person that it is known to be of."""

    key: PublicKey
    name: str = ""
    """Empty: nobody said whose it is, so it stands for itself, under one name and no other."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Parse `NAME=KEY`, where the key is base64 or a file that holds it.

        Raises:
            InvalidInput: there is no name, or no key.
        """
        name, _, key = text.partition("=")
        if not name.strip() or not key.strip():
            raise InvalidInput(f"'{text}' names no manager and key", fix="write --manager NAME=KEY")
        return cls(read_key(key), name.strip())


class People:
    """The keys that a verifier was given: one is of one person, and a person may have had several."""

    def __init__(self, known: Iterable[Known]) -> None:
        """Takes the keys.

        Raises:
            InvalidInput: one key was given for two people.
        """
        self._by_key: dict[str, Known] = {}
        for one in known:
            other = self._by_key.get(one.key.key_id)
            if other and other.name and one.name and other.name != one.name:
                wrong = f"'{other.name}' and '{one.name}' were given the same key, and a key is one person's"
                raise InvalidInput(wrong, fix="ask each of them for their own")
            if other is None or one.name:
                self._by_key[one.key.key_id] = one

    def of(self, key_id: str) -> Known | None:
        """The key of that id, or None."""
        return self._by_key.get(key_id)

    def keys_of(self, name: str) -> Sequence[PublicKey]:
        """The keys that are known to be that person's."""
        return [one.key for one in self._by_key.values() if name and one.name == name]


def read_key(text: str) -> PublicKey:
    """Reads a public key in base64, or from a file that holds it so.

    Raises:
        InvalidInput: it is neither.
    """
    try:
        return PublicKey.parse(text)
    except InvalidInput:
        file = Path(text)
        # Anything may stand here: a path that is too long or holds NUL would raise another error, and a large file is
        # no key.
        if not (len(text) < 256 and "\0" not in text and file.is_file() and file.stat().st_size < 4096):
            raise
    return PublicKey.parse(file.read_text(encoding="utf-8", errors="replace").strip())
