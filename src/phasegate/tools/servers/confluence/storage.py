"""Our Markdown as Confluence's storage format, which is XHTML with macros.

Nothing in the Markdown becomes markup by itself: HTML and macros stay text, only web and mail addresses become links,
and a picture becomes a link to it, since an embedded one would be fetched by whoever reads the page. The only macro is
Confluence's own for code.
"""

import re
from collections.abc import Sequence
from html import escape

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def storage(markdown: str) -> str:
    """The text in storage format."""
    options = {"html": False, "xhtmlOut": True}
    made = MarkdownIt("commonmark", options, renderer_cls=_Renderer).enable(["table", "strikethrough"])
    return str(made.render(_NOT_XML.sub("\ufffd", markdown))).strip()


def anchor(mark: str, content: str) -> str:
    """An invisible mark in a page, by which it is known even when the answer to its creation was lost."""
    named = f'<ac:parameter ac:name="">{escape(mark)}-{escape(content)}</ac:parameter>'
    return f'<ac:structured-macro ac:name="anchor">{named}</ac:structured-macro>'


def anchored(body: str, mark: str) -> str | None:
    """Return the content named by an anchor with this mark in a page's body, or None."""
    found = re.search(rf"{re.escape(mark)}-([0-9a-f]{{16}})", body)
    return found[1] if found else None


class _Renderer(RendererHTML):
    """markdown-it's own, but for code, pictures and links."""

    def fence(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        language = re.match(r"[A-Za-z0-9+#-]{1,20}", tokens[idx].info.strip())
        return _code(tokens[idx].content, language[0] if language else "")

    def code_block(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return _code(tokens[idx].content, "")

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        source, text = str(tokens[idx].attrs.get("src", "")), escape(tokens[idx].content or "picture")
        return f'<a href="{escape(source)}">{text}</a>' if _leads_out(source) else text

    def link_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        target = str(tokens[idx].attrs.get("href", ""))
        return f'<a href="{escape(target)}">' if _leads_out(target) else "<span>"

    def link_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        depth = 0
        for token in reversed(tokens[:idx]):
            depth += {"link_close": 1, "link_open": -1}.get(token.type, 0)
            if depth < 0:
                return "</a>" if _leads_out(str(token.attrs.get("href", ""))) else "</span>"
        return ""


def _leads_out(address: str) -> bool:
    return re.match(r"(https?://|mailto:)", address, re.IGNORECASE) is not None


def _code(text: str, language: str) -> str:
    named = f'<ac:parameter ac:name="language">{escape(language)}</ac:parameter>' if language else ""
    inside = text.replace("]]>", "]]]]><![CDATA[>")
    body = f"<ac:plain-text-body><![CDATA[{inside}]]></ac:plain-text-body>"
    return f'<ac:structured-macro ac:name="code">{named}{body}</ac:structured-macro>\n'
