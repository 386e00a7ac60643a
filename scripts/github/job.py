"""The outputs and the summary of a step of GitHub Actions.

https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
"""

import re
import secrets
from collections.abc import Mapping
from pathlib import Path

SUMMARY_LIMIT = 1024 * 1024
"""Bytes of a step's summary. GitHub drops a longer summary entirely."""


def write_outputs(environ: Mapping[str, str], values: Mapping[str, str]) -> None:
    """Set the outputs of the step; outside GitHub Actions, do nothing.

    A value may contain any text. Its delimiter is random, so that no value can contain it and set
    another output.
    """
    if not (path := environ.get("GITHUB_OUTPUT")):
        return
    lines = []
    for name, value in values.items():
        end = f"end-{secrets.token_hex(16)}"
        lines += [f"{name}<<{end}", value, end]
    _append(path, "\n".join(lines))


def write_summary(environ: Mapping[str, str], markdown: str) -> None:
    """Append to the summary of the step; outside GitHub Actions, do nothing."""
    if path := environ.get("GITHUB_STEP_SUMMARY"):
        _append(path, markdown.encode()[: SUMMARY_LIMIT // 2].decode(errors="ignore"))


def escape(text: str) -> str:
    """Return text on one line, escaped for Markdown, HTML and tables."""
    return re.sub(r"([\\`*_\[\]<>&|#~@])", r"\\\1", " ".join(text.split()))


def link(label: str, url: str | None) -> str:
    """Return a Markdown link, or only the label if the URL is not a web address."""
    if not url or not url.startswith(("https://", "http://")):
        return escape(label)
    safe = re.sub(r"[\s()<>\[\]|\\]", lambda match: f"%{ord(match[0]):02X}", url)
    return f"[{escape(label)}]({safe})"


def fenced(text: str, language: str) -> list[str]:
    """Return the lines of a code block whose fence does not occur in the text."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *text.splitlines(), fence] if text else []


def _append(path: str, text: str) -> None:
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(f"{text}\n")
