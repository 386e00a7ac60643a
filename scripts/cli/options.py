"""Options and values that several commands take."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from phaseline import times
from phaseline.algorithms.names import NAME_PATTERN, TYPES
from phaseline.errors import InputError
from phaseline.promotion.request import ACTIONS

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


class Names(click.ParamType[tuple[str, ...]]):
    """Names of algorithms, separated by commas or blanks."""

    name = "names"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """The names, each once."""
        if isinstance(value, tuple):
            return value
        words = value.replace(",", " ").split()
        return tuple(dict.fromkeys(NAME.convert(word, param, ctx) for word in words))


class Moment(click.ParamType[str]):
    """A time with its zone."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The time as ISO 8601 in UTC, in whole seconds."""
        try:
            return times.second(times.parse(value, self.name))
        except InputError as error:
            self.fail(f"{error.found}. {error.remedy}", param, ctx)


ENVIRONMENT = Pattern(
    "name",
    r"[a-z][a-z0-9-]{0,9}",
    "1 to 10 lower-case letters, digits and hyphens, a letter first",
)
NAME = Pattern("name", NAME_PATTERN, "letters, digits, '.', '_' and '-'")
TYPE = click.Choice(TYPES)
ALL = "all"
MOMENT = Moment()
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


def request_options(*, required: bool) -> Decorator:
    """What is asked for: --action, what it is about, and why."""
    options = [
        click.option("--action", type=click.Choice(ACTIONS), required=required, help="What to do."),
        click.option(
            "--type",
            "type_",
            type=click.Choice([*TYPES, ALL]),
            required=True,
            help="The algorithms' type, which is also their document; all of them for a hold, its"
            " end, or a rollback to a time.",
        ),
        click.option(
            "--algorithm",
            "algorithms",
            type=Names(),
            default=(),
            help="Names, separated by commas; none means the whole type.",
        ),
        click.option(
            "--version",
            type=NAME,
            help="Which version; for a rollback: the last verified one unless given.",
        ),
        click.option("--as-of", type=MOMENT, help="Roll back to what was live at this time."),
        click.option("--until", type=MOMENT, help="When the hold ends by itself."),
        click.option(
            "--window",
            help="When the hold is in force, such as '0 18 * * 5 for 2d14h in Europe/Berlin'.",
        ),
        click.option(
            "--reason", required=required, help="Why, in a sentence; it is kept with the release."
        ),
    ]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


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
