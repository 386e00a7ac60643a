"""The environment of a command that names none."""

from collections.abc import Sequence

import click
import pytest
from click.testing import CliRunner, Result

from phaseline.deploy import environment
from phaseline.errors import ConfigurationError, InputError
from scripts.__main__ import main
from scripts.cli.options import environment_option


@click.command()
@environment_option()
def shown(environment: str) -> None:
    """A command that prints its environment."""
    click.echo(environment)


class Run:
    """Runs the command where the account has some environments."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self._patch = patch

    def __call__(self, names: Sequence[str], *arguments: str) -> Result:
        self._patch.setattr(environment, "names", lambda client: list(names))
        return CliRunner().invoke(shown, arguments)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Run:
    return Run(monkeypatch)


def test_only_environment_is_taken_and_named(run: Run) -> None:
    """It is named on stderr, so that the result stays alone on stdout."""
    ended = run(["demo"])
    assert (ended.stdout, ended.stderr) == ("demo\n", "environment demo, the only one\n")


@pytest.mark.parametrize(
    ("names", "error", "found"),
    [
        ([], ConfigurationError, "this account has none in this Region"),
        (["demo", "live"], InputError, "there are several: demo, live"),
    ],
)
def test_other_numbers_of_environments_are_an_error(
    run: Run, names: list[str], error: type[Exception], found: str
) -> None:
    ended = run(names)
    assert isinstance(ended.exception, error)
    assert found in str(ended.exception)


def test_named_environment_needs_no_search(run: Run) -> None:
    ended = run(["live"], "--environment", "demo")
    assert (ended.stdout, ended.stderr) == ("demo\n", "")


@pytest.mark.parametrize("command", ["deploy", "preview"])
def test_what_is_deployed_is_named(command: str) -> None:
    """A person must not deploy to an environment that they did not think of."""
    ended = CliRunner().invoke(main, [command])
    assert ended.exit_code == 2
    assert "Missing option '--environment'" in ended.output
