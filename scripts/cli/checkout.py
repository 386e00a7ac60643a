"""The checkout that the commands run from: templates, parameters files and functions' code.

An installed program has none of them, because a deployment must declare what a repository
reviewed: the templates, the parameters and the code belong to one commit.
"""

from pathlib import Path

from phaseline.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
"""The folder of the packages: the checkout, or the `site-packages` of an installed program."""
TEMPLATE = Path("infra/site.yaml")
PACKAGES = Path("build/lambdas")
"""The folder for the packages of the functions, in the checkout."""


def root() -> Path:
    """Return the checkout's folder. Raises ConfigurationError in an installed program."""
    if (ROOT / TEMPLATE).is_file():
        return ROOT
    raise ConfigurationError(
        "the installed program",
        "it has no templates, no parameters files and no code of functions, which this needs",
        "Run `make setup` in a checkout of Phaseline, and then its .venv/bin/phaseline.",
    )
