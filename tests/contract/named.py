"""The files and tests that a text names."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDERS = "benchmarks|docs|examples|infra|lambdas|local|phaseline|requirements|scripts|tests"
NAMED = re.compile(rf"(?<![\w./-])((?:{FOLDERS})/[\w./-]*\.(?:py|md|ya?ml|json|txt|in|sh))\b")
TEST = re.compile(r"\b(tests/[\w./-]*\.py)::(test_\w+)")
MADE_BY_READERS = {
    "infra/parameters/demo.json",
    "infra/parameters/production.json",
    "infra/parameters/staging.json",
}
"""Parameters files: each environment has its own, and a caller keeps them where it wants."""


def missing(text: str) -> set[str]:
    """Return the files and tests that a text names and that do not exist."""
    files = {path for path in NAMED.findall(text) if not (ROOT / path).exists()}
    tests = {
        f"{path}::{name}"
        for path, name in TEST.findall(text)
        if path not in files and f"def {name}(" not in (ROOT / path).read_text("utf-8")
    }
    return (files | tests) - MADE_BY_READERS
