"""The environment that a person means who names none."""

import click

from phaseline.deploy import environment
from phaseline.errors import ConfigurationError, InputError
from scripts.cli import aws


def only() -> str:
    """Return the only environment of the account and Region, and say so on stderr.

    Raises as `find` does.
    """
    name = find()
    click.echo(f"environment {name}, the only one", err=True)
    return name


def find() -> str:
    """Return the only environment of the account and Region.

    Raises ConfigurationError if there is none, and InputError if there are several.
    """
    names = environment.names(aws.client("cloudformation"))
    where = f"the environments in {aws.session().region_name}"
    if not names:
        raise ConfigurationError(
            where,
            "this account has none in this Region",
            "Deploy one, or set AWS_PROFILE and AWS_DEFAULT_REGION of another account.",
        )
    if len(names) > 1:
        raise InputError(
            where, f"there are several: {', '.join(names)}", "Name one with --environment."
        )
    return names[0]
