"""Options that several commands have, and the types of their values."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from phaseline import times
from phaseline.algorithms.attributes import shown
from phaseline.algorithms.names import NAME_PATTERN, TYPES
from phaseline.errors import InputError
from phaseline.promotion.request import ACTIONS
from scripts.cli.nearest import aside

EXECUTION = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""https://docs.aws.amazon.com/codepipeline/latest/APIReference/API_PipelineExecution.html"""
AGO = re.compile(r"(?P<number>[0-9]{1,4})(?P<unit>min|h|d|w)")
UNITS = {"min": "minutes", "h": "hours", "d": "days", "w": "weeks"}
VERSION_ID = re.compile(r"[A-Za-z0-9._~+/=-]{1,1024}")


class Pattern(click.ParamType[str]):
    """A text that matches a pattern. `expected` describes the pattern in an error."""

    def __init__(self, name: str, pattern: str | re.Pattern[str], expected: str) -> None:
        self.name = name
        self._pattern = re.compile(pattern)
        self._expected = expected

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text if it matches."""
        if not self._pattern.fullmatch(str(value)):
            self.fail(f"expected {self._expected}, found {shown(value)}", param, ctx)
        return str(value)


class Assignment(click.ParamType[tuple[str, str]]):
    """A name and a value, given as `Name=Value`."""

    name = "Name=Value"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, str]:
        """Return name and value. The value may be empty, and may contain equals signs."""
        if isinstance(value, tuple):
            return value
        name, separator, text = value.partition("=")
        if not (name and separator):
            self.fail(f"expected Name=Value, found {shown(value)}", param, ctx)
        return name, text


class Names(click.ParamType[tuple[str, ...]]):
    """Names of algorithms, separated by commas or spaces."""

    name = "names"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, ...]:
        """Return each name once, in order."""
        if isinstance(value, tuple):
            return value
        words = value.replace(",", " ").split()
        return tuple(dict.fromkeys(NAME.convert(word, param, ctx) for word in words))


class AlgorithmPath(click.ParamType[tuple[str, tuple[str, ...]]]):
    """Algorithms of one type, such as `opt/route-planner` or `opt/route-planner,lane-change`.

    With `whole_types`, also a type alone, or `all`.
    """

    name = "type/algorithm"

    def __init__(self, *, whole_types: bool = False) -> None:
        self._whole_types = whole_types

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, tuple[str, ...]]:
        """Return the type and the names, which are empty for a whole type."""
        if isinstance(value, tuple):
            return value
        type_, separator, names = value.partition("/")
        types = (*TYPES, ALL) if self._whole_types and not separator else TYPES
        if type_ not in types:
            self.fail(f"no type is called {shown(type_)}{aside(type_, types)}", param, ctx)
        algorithms = Names().convert(names, param, ctx)
        if bool(algorithms) != bool(separator) or not (algorithms or self._whole_types):
            self.fail(f"expected TYPE/ALGORITHM, found {shown(value)}", param, ctx)
        return type_, algorithms


class Moment(click.ParamType[str]):
    """A time with a time zone or, if it is `past`, also the time since then, such as 2h."""

    name = "time"

    def __init__(self, *, past: bool = False) -> None:
        self._past = past

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the time in UTC (ISO 8601, whole seconds)."""
        ago = AGO.fullmatch(value) if self._past else None
        if ago:
            since = timedelta(**{UNITS[ago["unit"]]: int(ago["number"])})
            return times.second(datetime.now(UTC) - since)
        try:
            return times.second(times.parse(value, self.name))
        except InputError as error:
            self.fail(f"{error.found}. {error.remedy}", param, ctx)


ENVIRONMENT = Pattern(
    "name",
    r"[a-z][a-z0-9]{0,9}",
    "1 to 10 lower-case letters and digits, beginning with a letter",
)
NAME = Pattern("name", NAME_PATTERN, "letters, digits, '.', '_' and '-'")
TYPE = click.Choice(TYPES)
ALL = "all"
MOMENT, PAST = Moment(), Moment(past=True)
ALGORITHM = AlgorithmPath()
SCOPE = AlgorithmPath(whole_types=True)
ROLE_ARN = Pattern("arn", r"|arn:[a-z-]+:iam::[0-9]{12}:role/[\w+=,.@/-]+", "the ARN of a role")

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def environment_option(*, required: bool = False) -> Decorator:
    """Return --environment, whose value is a name that the templates accept.

    Unless it is `required`, its default is the only environment of the account and Region.
    """
    text = "Name of the environment."
    return click.option(
        "--environment",
        type=ENVIRONMENT,
        required=required,
        callback=_named_or_only,
        help=text if required else f"{text}  [default: the only one of the account and Region]",
    )


def _named_or_only(context: click.Context, _option: click.Parameter, name: str | None) -> str:
    if name or context.resilient_parsing:
        return name or ""
    from scripts.cli import environments  # it imports boto3

    return environments.only()


def type_option(*, required: bool = False) -> Decorator:
    """Return --type, the type of an algorithm and of its document."""
    return click.option(
        "--type",
        "type_",
        type=TYPE,
        required=required,
        help="Type of the algorithm and of its metadata document.",
    )


reviewers_option = click.option(
    "--reviewer",
    "reviewers",
    multiple=True,
    type=Pattern("reviewer", r"[\w-]+(/[\w-]+)?", "a login or a team such as acme/web"),
    help="Login, or team such as acme/web, that may approve deployments. May be repeated.",
)
hold_options: tuple[Decorator, ...] = (
    click.option("--replace", is_flag=True, help="Replace the hold of another person."),
    click.option("--force", is_flag=True, help="Hold an algorithm that is not known yet."),
)
"""The options of a hold that a person gives deliberately."""


def request_options(*, required: bool) -> Decorator:
    """Return the options of a request: --action, its subject and its --reason."""
    options: list[Decorator] = [
        click.option(
            "--action",
            type=click.Choice(ACTIONS),
            required=required,
            help="Make a version active (promote), return to an earlier one (rollback), keep the"
            " active one (hold), end a hold (resume), or remove a bad mark (clear).",
        ),
        click.option(
            "--type",
            "type_",
            type=click.Choice([*TYPES, ALL]),
            required=True,
            help="Type of the algorithms and of their metadata document. 'all' is for hold, resume,"
            " and rollback with --as-of.",
        ),
        click.option(
            "--algorithm",
            "algorithms",
            type=Names(),
            default=(),
            help="Names of the algorithms, separated by commas; without it, the whole type.",
        ),
        click.option(
            "--version",
            type=NAME,
            help="Version of the algorithm. The default of a rollback is the last version that was"
            " verified before the active one.",
        ),
        click.option(
            "--as-of", type=MOMENT, help="Roll back to the versions that were live at this time."
        ),
        click.option("--until", type=MOMENT, help="Time at which the hold ends."),
        click.option(
            "--window",
            help="Recurring times at which the hold is in force, such as"
            " '0 18 * * 5 for 2d14h in Europe/Berlin'.",
        ),
        *hold_options,
        click.option(
            "--reason", required=required, help="Reason in one sentence; the release records it."
        ),
    ]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def execution_option(*, required: bool = True) -> Decorator:
    """Return --execution, the ID of a pipeline execution."""
    return click.option(
        "--execution",
        type=Pattern("id", EXECUTION, "the ID of a pipeline execution"),
        required=required,
        help="ID of the pipeline execution.",
    )


def timeout_option(purpose: str, default: float) -> Decorator:
    """Return --timeout in seconds. `purpose` continues the sentence "Seconds to wait"."""
    return click.option(
        "--timeout",
        type=click.FloatRange(min=1),
        default=default,
        show_default=True,
        help=f"Seconds to wait {purpose}.",
    )


document_version_option = click.option(
    "--document-version",
    type=Pattern("id", VERSION_ID, "the version ID of an S3 object"),
    help="S3 version ID of the metadata document.",
)
urls_option = click.option(
    "--urls", is_flag=True, help="Print the addresses that are links on a terminal."
)
dry_run_option = click.option(
    "--dry-run", is_flag=True, help="Show the changes without making them."
)
parameters_option = click.option(
    "--parameters",
    "parameters_file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Parameters file.  [default: infra/parameters/<environment>.json]",
)
parameter_option = click.option(
    "--parameter",
    "overrides",
    type=Assignment(),
    multiple=True,
    help="Value of a parameter, which overrides the parameters file in every template that"
    " declares it. May be repeated.",
)
