"""Python source as a syntax tree."""

import ast
from collections.abc import Callable

_TRIES = 20


def parse_python(source: str | bytes, parse: Callable[[str | bytes], ast.Module] = ast.parse) -> ast.Module:
    """Parse Python source, whatever other threads parse at the same time.

    Raises:
        SyntaxError: The source is no Python. Other errors of `ast.parse` pass through as well.
    """
    # Some CPythons, 3.11.7 among them, count the recursion of all threads in one place: a parse in one thread now and
    # then fails in another with SystemError, and the next try passes.
    for _ in range(_TRIES - 1):
        try:
            return parse(source)
        except SystemError:
            continue
    return parse(source)
