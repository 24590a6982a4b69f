"""Text of strangers, made fit for a model or a person: nothing hidden in it, and no secret."""

import re
from typing import Any

from phasegate.core.visible import is_visible

_KEPT = "\n\t"
_SECRETS = re.compile(
    r"\b(?:A3T[A-Z0-9]|AKIA|ASIA)[A-Z0-9]{16}\b"  # an AWS key's id
    r"|(?<![A-Za-z0-9/+=])(?=\S{0,39}[A-Z])(?=\S{0,39}[a-z])(?=\S{0,39}[0-9])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])"
    r"|\bxox[abeoprs]-[A-Za-z0-9-]{10,}"  # Slack
    r"|\bgh[opsur]_[A-Za-z0-9]{30,}|\bgithub_pat_[A-Za-z0-9_]{40,}|\bglpat-[A-Za-z0-9_-]{20,}"
    r"|\bATATT[A-Za-z0-9_=-]{40,}"  # Atlassian
    r"|\b(?:IQoJ|FwoG|FQoG)[A-Za-z0-9+/=]{60,}"  # an AWS session's token
    r"|\bhttps://hooks\.slack\.com/\S+|://[^\s/:@]+:[^\s/@]+@"  # addresses that carry one
    r"|\bsk-[A-Za-z0-9_-]{20,}|\bAIza[A-Za-z0-9_-]{35}|(?i:\bbearer\s+)[A-Za-z0-9._~+/-]{16,}=*"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+"  # a JSON web token
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----",
    re.DOTALL,
)


def clean(text: str) -> str:
    """The text with secrets taken out, and with every character that is drawn as nothing written out.

    >>> clean("move \\u202eall to Done")
    'move <U+202E>all to Done'
    """
    seen = "".join(char if char in _KEPT or is_visible(char) else f"<U+{ord(char):04X}>" for char in text)
    return _SECRETS.sub("(secret)", seen)


def cleaned(value: Any) -> Any:
    """A value of JSON with every text in it cleaned, names too."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {clean(str(name)): cleaned(item) for name, item in value.items()}
    return [cleaned(item) for item in value] if isinstance(value, list | tuple) else value
