"""Regular expressions from files of others, matched by an engine that takes time in proportion to the text."""

from functools import lru_cache

from pydantic_core import SchemaError, SchemaValidator, core_schema

LONGEST = 1_000
"""Characters of a pattern."""


def fault(pattern: str) -> str:
    """Return why a pattern cannot be matched, or an empty string.

    >>> fault("ec2:(Describe|List).*"), fault("(a+)+$")
    ('', '')
    >>> fault("(?=a)")
    'look-around, including look-ahead and look-behind, is not supported'
    """
    if len(pattern) > LONGEST:
        return f"a pattern has at most {LONGEST:,} characters"
    try:
        _engine(pattern)  # alone, too: 'a)|(b' would get out of the group around it
        _engine(_whole(pattern))
    except SchemaError as error:
        return str(error).strip().splitlines()[-1].strip().removeprefix("error: ").removeprefix("SchemaError: ")
    return ""


def matches_whole(pattern: str, text: str) -> bool:
    """Return whether a sound pattern matches the whole of a text.

    >>> matches_whole("ec2:Describe.*", "ec2:DescribeVolumes"), matches_whole("ec2", "ec2:DescribeVolumes")
    (True, False)
    """
    return _engine(_whole(pattern)).isinstance_python(text)


def _whole(pattern: str) -> str:
    return rf"\A(?:{pattern})\z"


@lru_cache(maxsize=256)
def _engine(pattern: str) -> SchemaValidator:
    """Return pydantic's matcher, which is Rust's: it has no look-around and no backreferences."""
    return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex", strict=True))
