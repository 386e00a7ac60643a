"""What a command tells the GitHub Actions job that it runs in: outputs and the job's summary.

https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
"""

import re
import secrets
from collections.abc import Mapping
from pathlib import Path

SUMMARY_LIMIT = 1024 * 1024
"""Bytes of a step's summary; GitHub drops a longer one altogether."""


def write_outputs(environ: Mapping[str, str], values: Mapping[str, str]) -> None:
    """Set the step's outputs, if this is a step. A value may hold any text, line breaks included:
    what ends it is chosen at random, so that no value can end itself and set another output."""
    if not (path := environ.get("GITHUB_OUTPUT")):
        return
    lines = []
    for name, value in values.items():
        end = f"end-{secrets.token_hex(16)}"
        lines += [f"{name}<<{end}", value, end]
    _append(path, "\n".join(lines))


def write_summary(environ: Mapping[str, str], markdown: str) -> None:
    """Add to the step's summary, if this is a step."""
    if path := environ.get("GITHUB_STEP_SUMMARY"):
        _append(path, markdown.encode()[: SUMMARY_LIMIT // 2].decode(errors="ignore"))


def escape(text: str) -> str:
    """`text` on one line and without a meaning to Markdown, HTML or a table."""
    return re.sub(r"([\\`*_\[\]<>&|#~@])", r"\\\1", " ".join(text.split()))


def link(label: str, url: str | None) -> str:
    """`label`, leading to `url` where that is an address."""
    if not url or not url.startswith(("https://", "http://")):
        return escape(label)
    safe = re.sub(r"[\s()<>\[\]|\\]", lambda found: f"%{ord(found[0]):02X}", url)
    return f"[{escape(label)}]({safe})"


def fenced(text: str, language: str) -> list[str]:
    """`text` as a block of code that nothing in it can end."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", *text.splitlines(), fence] if text else []


def _append(path: str, text: str) -> None:
    with Path(path).open("a", encoding="utf-8") as file:
        file.write(f"{text}\n")
