"""Texts that somebody might store to do harm, and what each reader would obey of a text.

The readers are written from what the services document, not from the code under test.
"""

import re
import unicodedata
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from typing import Any

from markdown_it import MarkdownIt

TEXTS: Mapping[str, str] = {
    "quotes": 'it\'s "quoted" `too`',
    "shell": "$(touch /tmp/owned); `id` && rm -rf ~ | cat > x ${HOME} \\",
    "workflow command": "::add-mask::e",
    "indented workflow command": "\t \u00a0::set-env name=PATH::/tmp",
    "workflow command on the next line": "fine\n::stop-commands::x",
    "workflow command after a carriage return": "fine\r::error::forged",
    "workflow command after other line ends": "a\x0b::warning::x\x85::warning::x\u2028::debug::x",
    "workflow command in capitals": "::AdD-MaSk::e",
    "older workflow command": "fine ##[add-mask]e",
    "older workflow command in capitals": "fine ##[Set-Output name=outcome;]done",
    "broken older workflow command": "#\u200b#[add-mask]e ##\u00ad[add-mask]e ###[add-mask]e",
    "encoded workflow command": "fine%0A::add-mask::e%0d%0a##[add-mask]e",
    "annotation": "fine,file=x::forged::y",
    "heredoc": "fine\nEOF\noutcome=done\noutcome<<EOF\ndone\nEOF",
    "slack mention": "<!channel> <!here|here> <@U012AB3CD> <#C012AB3CD> <!subteam^S1>",
    "mention": "@everyone @channel @here @octocat @acme/owners",
    "slack link": "<https://evil.example|https://github.com/acme>",
    "slack markup": "*bold* _it_ ~gone~ `code` &lt;!channel&gt; &amp;",
    "html": "<script>alert('x')</script><img src=x onerror=alert(1)>\"'><b>",
    "html comment": "--><h1>forged</h1><!-- phaseline preview: production s -->",
    "markdown": "# a [open](javascript:alert(1)) ![x](https://e.example/x.png) **b** | c |\n\n> d",
    "markdown fence": "```\nout\n```\n~~~~\n    x",
    "markdown reference": "fixes #1, acme/x#2, GH-3, see www.evil.example https://evil.example/x",
    "formula": "$\\color{red}x$ and $$y$$",
    "terminal colour": "\x1b[31mred\x1b[0m \x1b[2J\x1b[1;1H",
    "terminal title": "\x1b]0;title\x07 \x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\",
    "terminal 8-bit": "\x9b31mred \x9d0;title\x9c \x90x\x9c",
    "terminal overprint": "denied\rallowed\x08\x08 \x7f",
    "bidi": "user\u202e\u2066 // admin\u2069 \u2066\u200f\u061c",
    "invisible": "a\u200bb\u00adc\u2060d\ufeffe\U000e0041",
    "nul": "before\x00after",
    "lone surrogate": "before\ud800after\udfff",
    "undecodable byte": "before\udcffafter",
    "non-character": "before\uffff\ufdd0after",
    "unicode": "Größe 路线 مسار 👩\u200d💻 e\u0301 \u202f",
    "path": "../../../etc/passwd",
    "template": "${AWS::AccountId} {{resolve:secretsmanager:x}} !Sub ${x}",
    "json": '"}, {"forged": true, "x": "',
    "long": "x" * 1_000_000,
    "long line ends": "\n" * 100_000 + "::add-mask::e",
    "long markup": "<&@#" * 25_000,
}
"""Each text by what it tries."""


def obeyed_by_runner(output: str) -> list[str]:
    """The workflow commands that GitHub's runner would find in the output of a step.

    https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs
    """
    lines = re.split(r"\r\n|\r|\n", output)
    found = [line for line in lines if line.lstrip().startswith("::")]
    return found + [line for line in lines if "##[" in line]


def obeyed_by_terminal(text: str) -> list[str]:
    """The characters that a terminal or a page obeys, or hides, instead of showing them."""
    joiners = {"\u200c", "\u200d"}
    kinds = {"Cc", "Cf", "Cs", "Zl", "Zp"}
    return sorted(
        {sign for sign in text if unicodedata.category(sign) in kinds} - joiners - {"\n", "\t"}
    )


def obeyed_by_slack(message: Any) -> list[str]:
    """The parts of a message by which Slack would notify or format more than was meant.

    https://docs.slack.dev/messaging/formatting-message-text
    """
    found: list[str] = []
    for part in _parts(message):
        text = part["text"] if isinstance(part["text"], str) else ""
        found += re.findall(r"<[!@#][^>]*>", text)
        found += [link for link in re.findall(r"<([^>|]*)", text) if not link.startswith("http")]
        found += obeyed_by_terminal(text)
        if part.get("type") == "mrkdwn" and part.get("verbatim") is not True:
            found.append(f"not verbatim: {text}")
    return found


def _parts(value: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(value, Mapping):
        if "text" in value:
            yield value
        for item in value.values():
            yield from _parts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _parts(item)


TAGS = {
    "blockquote", "br", "code", "details", "em", "h2", "h3", "li", "p", "pre", "strong", "summary",
    "table", "tbody", "td", "th", "thead", "tr", "ul", "a",
}  # fmt: skip
LINKED = re.compile(r"@[\w-]|#\d|\bGH-\d|https?://|www\.|\$\S", re.IGNORECASE)
"""What GitHub links or renders in text: mentions, references, addresses and formulas.
https://docs.github.com/en/get-started/writing-on-github
"""


class _Page(HTMLParser):
    """Collects what a page of GitHub obeys."""

    def __init__(self, links: set[str]) -> None:
        super().__init__(convert_charrefs=False)
        self.links, self._code, self._text = links, 0, ""
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._end_text()
        self._code += tag in {"code", "pre"}
        if tag not in TAGS or (tag == "a" and dict(attrs).get("href") not in self.links):
            self.found.append(f"<{tag} {attrs}>")

    def handle_endtag(self, tag: str) -> None:
        self._end_text()
        self._code -= tag in {"code", "pre"}

    def handle_comment(self, data: str) -> None:
        self._end_text()
        if data.strip() and not data.strip().startswith("phaseline"):
            self.found.append(f"<!--{data}-->")

    def handle_data(self, data: str) -> None:
        self._text += data

    def handle_entityref(self, name: str) -> None:
        self._text += {"amp": "&", "lt": "<", "gt": ">", "quot": '"'}.get(name, name)

    def close(self) -> None:
        super().close()
        self._end_text()

    def _end_text(self) -> None:
        if not self._code:
            self.found += LINKED.findall(self._text)
        self._text = ""


def obeyed_by_github(markdown: str, *links: str) -> list[str]:
    """What GitHub would show of Markdown that is more than text: tags, links, mentions and
    references. `links` are the addresses that are meant."""
    page = _Page({*links})
    page.feed(MarkdownIt("commonmark").enable(["table", "strikethrough"]).render(markdown))
    page.close()
    return page.found + obeyed_by_terminal(markdown)
