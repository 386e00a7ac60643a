"""The result of a query of the history."""

from collections.abc import Iterable
from typing import Any

from scripts.cli.text import Line

Result = tuple[dict[str, Any], Iterable[Line]]
"""A result: as --json prints it, and as lines for people."""
