"""The version of the program, which CHANGELOG.md states: that of its newest dated section.

A build of the package reads it here too (pyproject.toml), so an installed program knows it from its
own metadata.
"""

from importlib import metadata

from scripts.cli.checkout import ROOT
from scripts.github import changelog


def find() -> str:
    """Return the version of the checkout or, without one, of the installed program."""
    file = ROOT / changelog.FILE
    if file.is_file():
        return str(changelog.newest(file.read_text("utf-8")))
    return metadata.version("phaseline")


VERSION = find()
