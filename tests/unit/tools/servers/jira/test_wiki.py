"""Our Markdown as Jira's wiki markup."""

import pytest

from phasegate.tools.servers.jira.wiki import wiki


@pytest.mark.parametrize(
    ("markdown", "written"),
    [
        ("# Plan\n\nOne *two* **three** ~~four~~ `five`", "h1. Plan\n\nOne _two_ *three* -four- {{five}}"),
        ("- a\n- b\n  1. c\n\nend", "* a\n* b\n*# c\n\nend"),
        ("1. a\n2. b", "# a\n# b"),
        ("[text](https://example.com/a?b=c)", "[text|https://example.com/a?b=c]"),
        ("> said", "{quote}\nsaid\n\n{quote}"),
        ("a\nb  \nc", "a b\nc"),
        ("---", "----"),
        ("```python\nx = {1}\n```", "{code:python}\nx = {1}\n{code}"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "||a||b||\n|1|2|"),
    ],
)
def test_markdown_becomes_markup(markdown: str, written: str) -> None:
    assert wiki(markdown) == written


@pytest.mark.parametrize(
    ("markdown", "written"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),  # text there, and Jira escapes it as it shows it
        ("{html}x{html}", r"\{html\}x\{html\}"),
        ("`{{x}} {html}`", r"{{\{\{x\}\} \{html\}}}"),
        ("[~admin] and [x|http://evil]", r"\[\~admin\] and \[x\|http://evil\]"),
        ("!http://evil/pixel.png!", r"\!http://evil/pixel.png\!"),
        ("![alt](http://evil/pixel.png)", "alt (http://evil/pixel.png)"),
        ("[x](javascript:alert(1))", r"\[x\](javascript:alert(1))"),  # not a link for markdown-it
        ("[x](ftp://host/a)", "x"),
        ("[x](<https://a/b|c]{d}>)", "[x|https://a/b%7Cc%5D%7Bd%7D]"),
        (r"C:\\temp", "C:&#92;temp"),
        (r"&amp;lt; R&D", r"&amp;lt; R&D"),
        ("a-b 2026-11-23 -struck-", r"a-b 2026-11-23 \-struck\-"),
        ("```\n{code}{html}\n```", "{noformat}\n{code}{html}\n{noformat}"),
        ("```\n{code}{noformat}\n```", r"\{code\}\{noformat\}"),
    ],
)
def test_what_is_not_markdown_stays_text(markdown: str, written: str) -> None:
    assert wiki(markdown) == written
