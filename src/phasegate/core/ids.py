"""Names that we give: short, readable aloud, safe in a file name and a Git ref."""

import keyword
import re
import secrets

_ALPHABET = "abcdefghjkmnpqrstvwxyz23456789"


def new_id(length: int = 6) -> str:
    """A random id without letters that are mistaken for each other."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))


def identifier(name: str) -> str:
    """A Python module name for a title or a folder name.

    >>> identifier("001-unattached EBS volumes")
    'unattached_ebs_volumes'
    """
    words = re.findall(r"[a-z0-9]+", re.sub(r"^\d+-", "", name.lower()))
    joined = "_".join(words) or "runbook"
    return joined if joined[0].isalpha() and not keyword.iskeyword(joined) else f"runbook_{joined}"
