"""Options and values that several commands take."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from phaseline.transition import NAME_PATTERN, TYPES

EXECUTION = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PipelineExecution.html"""
VERSION_ID = re.compile(r"[A-Za-z0-9._~+/=-]{1,1024}")


class Pattern(click.ParamType[str]):
    """A text of one form; `expected` says which in a few words."""

    def __init__(self, name: str, pattern: str | re.Pattern[str], expected: str) -> None:
        self.name = name
        self._pattern = re.compile(pattern)
        self._expected = expected

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The text, if it has the form."""
        if not self._pattern.fullmatch(str(value)):
            self.fail(f"expected {self._expected}, found {value!r}", param, ctx)
        return str(value)


class Assignment(click.ParamType[tuple[str, str]]):
    """A `Name=Value` of the command line."""

    name = "Name=Value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Name and value; the value may be empty and may hold further equals signs."""
        if isinstance(value, tuple):
            return value
        name, separator, text = value.partition("=")
        if not (name and separator):
            self.fail(f"expected Name=Value, found {value!r}", param, ctx)
        return name, text


ENVIRONMENT = Pattern(
    "name",
    r"[a-z][a-z0-9-]{0,9}",
    "1 to 10 lower-case letters, digits and hyphens, a letter first",
)
NAME = Pattern("name", NAME_PATTERN, "letters, digits, '.', '_' and '-'")
TYPE = click.Choice(TYPES)
ROLE_ARN = Pattern("arn", r"|arn:[a-z-]+:iam::[0-9]{12}:role/[\w+=,.@/-]+", "the ARN of a role")

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def environment_option(text: str = "Which one.") -> Decorator:
    """--environment, as the templates accept it."""
    return click.option("--environment", type=ENVIRONMENT, required=True, help=text)


def type_option(*, required: bool = False) -> Decorator:
    """--type of an algorithm, or of the document that holds it."""
    return click.option(
        "--type",
        "type_",
        type=TYPE,
        required=required,
        help="The algorithm's type, which is also its document.",
    )


def execution_option(*, required: bool = True) -> Decorator:
    """--execution of the pipeline."""
    return click.option(
        "--execution",
        type=Pattern("id", EXECUTION, "the id of a pipeline execution"),
        required=required,
        help="The pipeline execution's id.",
    )


def timeout_option(what: str, default: float) -> Decorator:
    """--timeout in seconds."""
    return click.option(
        "--timeout",
        type=click.FloatRange(min=1),
        default=default,
        show_default=True,
        help=f"Seconds to wait {what}.",
    )


document_version_option = click.option(
    "--document-version",
    type=Pattern("id", VERSION_ID, "the version id of an S3 object"),
    help="Which version of the type's document: its S3 object version id.",
)
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Show what would be done, and change nothing."
)
parameters_option = click.option(
    "--parameters",
    "parameters_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The parameters file; infra/parameters/<environment>.json unless told otherwise.",
)
parameter_option = click.option(
    "--parameter",
    "overrides",
    type=Assignment(),
    multiple=True,
    help="One value more; it goes to every template that declares it. May be repeated.",
)
