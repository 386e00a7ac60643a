"""Pure: untrusted text in GitHub's Markdown, for comments, issues and summaries.

GitHub looks for mentions and references in the text that it shows, so a backslash does not stop
them; a comment between their characters does.
https://docs.github.com/en/get-started/writing-on-github
"""

import re

from phaseline import text as plain

MARKUP = re.compile(r"[\\`*_\[\]<>&|#~@$]")
LINKED = re.compile(r"@|#|\$|\bGH(?=-\d)|www(?=\.)|(?:https?|ftp):(?=//)", re.IGNORECASE)
"""The beginnings of mentions, of references to issues, of formulas and of addresses, with which
GitHub does more than to show them."""
BREAK = "<!-- -->"


def escape(text: str) -> str:
    r"""Return text on one line that GitHub shows as it is, also in a cell of a table.

    >>> print(escape("<b> of @ana"))
    \<b\> of \@<!-- -->ana
    """
    parts = (MARKUP.sub(r"\\\g<0>", part) for part in _parts(plain.line(text)))
    return BREAK.join(parts)


def code(text: str) -> str:
    """Return text on one line as code, in which GitHub sees no markup, mention or reference.

    >>> code("infra/site.yaml:12")
    '`infra/site.yaml:12`'
    """
    text = plain.line(text).replace("|", r"\|")  # or a cell of a table would end
    fence = _fence(text, 1)
    return f"{fence}{text}{fence}" if fence == "`" else f"{fence} {text} {fence}"


def link(label: str, url: str | None) -> str:
    """Return a link, or only the label if the URL is not a web address."""
    if not url or not url.startswith(("https://", "http://")):
        return escape(label)
    safe = re.sub(r"[\s()<>\[\]|\\]", lambda match: f"%{ord(match[0]):02X}", plain.visible(url))
    return f"[{escape(label)}]({safe})"


def fenced(text: str, language: str) -> list[str]:
    """Return the lines of a code block whose fence does not occur in the text."""
    text = plain.visible(text)
    fence = _fence(text, 3)
    return [f"{fence}{language}", *text.splitlines(), fence] if text else []


def indented(text: str) -> list[str]:
    """Return the lines of a code block. A line before it must be empty."""
    return [f"    {line}" for line in plain.visible(text).splitlines()]


def _fence(text: str, least: int) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    return "`" * max(least, longest + 1)


def _parts(text: str) -> list[str]:
    """Return the text in parts that end after each beginning of a link."""
    ends = [found.end() for found in LINKED.finditer(text)]
    starts = [0, *ends]
    return [text[start:end] for start, end in zip(starts, [*ends, len(text)], strict=True)]
