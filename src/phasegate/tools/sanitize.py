"""Text of strangers, made fit for a model or a person: nothing hidden in it, and no secret."""

from typing import Any

from phasegate.core.secrets import TAKEN_OUT, is_secret_field, without_secrets
from phasegate.core.visible import is_visible

_KEPT = "\n\t"


def clean(text: str) -> str:
    """Return the text with secrets taken out, and with every character that is drawn as nothing written out.

    >>> clean("move \\u202eall to Done")
    'move <U+202E>all to Done'
    """
    shown = without_secrets(text)
    if shown.isascii() and shown.isprintable():
        return shown
    return "".join(char if char in _KEPT or is_visible(char) else f"<U+{ord(char):04X}>" for char in shown)


def cleaned(value: Any) -> Any:
    """Return a value of JSON with every text in it cleaned, names too."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(str(name)): _field(str(name), item) for name, item in value.items()}
    return [cleaned(item) for item in value] if isinstance(value, list | tuple) else value


def _field(name: str, item: Any) -> Any:
    return TAKEN_OUT if isinstance(item, str) and is_secret_field(name, item) else cleaned(item)
