"""Pure: untrusted text, for readers that obey control characters."""

import re

OBEYED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # controls of terminals; tab and line feed are kept
    "\xad\u061c\u180e\u200b\u200e\u200f\u2060-\u206f\ufeff\ufff9-\ufffb"  # unseen, or reordering
    "\u2028-\u202e\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff\U000e0000-\U000e0fff]"
)
"""Characters that a reader obeys or hides instead of showing them: controls, separators of lines,
marks that reorder text, halves of characters and non-characters. The joiners in emoji and in
Persian words are not among them. https://www.unicode.org/reports/tr36/#Bidirectional_Text_Spoofing
"""


def visible(text: str) -> str:
    r"""Return text in which each character that a reader would obey is written as its escape.

    Line ends become line feeds.

    >>> print(visible("done\x1b[2J\r\nnext"))
    done\x1b[2J
    next
    """
    return OBEYED.sub(_escape, re.sub("\r\n?", "\n", text))


def line(text: str) -> str:
    r"""Return the same text on one line, with single spaces.

    >>> line("a\r\n b\u202ec")
    'a b\\u202ec'
    """
    return visible(" ".join(text.split()))


def is_token(text: str) -> bool:
    """Return whether text can be a token or key: printable ASCII without spaces.

    A library that is given another one may quote it in the error about its header.
    """
    return bool(text) and text.isascii() and text.isprintable() and " " not in text


def _escape(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode("ascii")
