"""Renders the pages of the board with Jinja, which escapes every text."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from phaseline.text import visible
from scripts.board import plots, waterfall, words
from scripts.board.links import Links
from scripts.board.pages import Page

FOLDER = Path(__file__).parent
SECTIONS = {
    "overview": "Overview",
    "releases": "Releases",
    "executions": "Executions",
    "delivery": "Delivery",
    "compare": "Compare",
    "drift": "Drift",
}
"""The pages of the navigation with their names."""
SCHEMES = ("https://", "http://")


@cache
def environment() -> Environment:
    """Return the templates, in which a missing value is an error."""
    templates = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_shown,
    )
    templates.filters |= {
        "span": words.span,
        "short": words.short,
        "state": words.state,
        "person": words.person,
        "clock": words.clock,
        "minute": words.minute,
        "is_address": _is_address,
    }
    templates.globals |= {"plots": plots, "waterfall": waterfall, "sections": SECTIONS}
    return templates


def page(shown: Page, links: Links, frame: Mapping[str, Any]) -> str:
    """Return a page as HTML. `frame` has the values that every page shows."""
    template = environment().get_template(shown.template)
    return template.render(shown.model, shown=shown, href=links, **frame)


def _shown(value: Any) -> Any:
    """Return a value as it is shown: without characters that a reader obeys or does not see."""
    return visible(value) if type(value) is str else value


def _is_address(text: str | None) -> bool:
    """Return whether a link of the ledger is an address of the web, and not only an id."""
    return bool(text) and str(text).startswith(SCHEMES)
