import ast

import pytest

from phasegate.core.python_source import parse_python


def test_a_parse_that_another_thread_disturbed_is_repeated() -> None:
    failures = [SystemError("AST constructor recursion depth mismatch (before=177, after=33)")] * 3

    def parse(source: str | bytes) -> ast.Module:
        if failures:
            raise failures.pop()
        return ast.parse(source)

    assert ast.unparse(parse_python("a = 1", parse)) == "a = 1"


def test_a_parse_that_fails_each_time_fails() -> None:
    def parse(source: str | bytes) -> ast.Module:
        raise SystemError("broken")

    with pytest.raises(SystemError, match="broken"):
        parse_python("a = 1", parse)


def test_what_is_no_python_is_refused() -> None:
    with pytest.raises(SyntaxError):
        parse_python("def broken(:")
