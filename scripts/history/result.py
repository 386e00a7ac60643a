"""The result of a query of the history."""

from collections.abc import Iterable
from typing import Any

Result = tuple[dict[str, Any], Iterable[str]]
"""A result: as --json prints it, and as lines for people."""
