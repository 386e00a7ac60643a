"""The outputs, the summary and the annotations of a step of GitHub Actions.

https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions
"""

import secrets
from collections.abc import Mapping
from pathlib import Path

from phaseline.text import visible

LOST = "backslashreplace"
"""How characters are written that UTF-8 lacks: halves of characters."""
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
        _append(path, markdown.encode(errors=LOST)[: SUMMARY_LIMIT // 2].decode(errors="ignore"))


def annotation(title: str, message: str, level: str = "error", **place: str) -> str:
    """Return the workflow command for an annotation, escaped as in GitHub's toolkit.

    `level` is "error", "warning" or "notice"; `place` has a `file` and a `line`.
    """
    properties = ",".join(
        f"{name}={_escaped(value).replace(':', '%3A').replace(',', '%2C')}"
        for name, value in (place | {"title": title}).items()
    )
    return f"::{level} {properties}::{_escaped(message)}"


def _escaped(text: str) -> str:
    # The older form of a command is obeyed anywhere in a line.
    text = visible(text).replace("##[", "## [")
    return text.replace("%", "%25").replace("\n", "%0A")


def _append(path: str, text: str) -> None:
    with Path(path).open("a", encoding="utf-8", errors=LOST) as file:
        file.write(f"{text}\n")
