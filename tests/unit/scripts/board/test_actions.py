"""The requests that forms of the board make, and the command of each."""

import shlex

import click
import pytest

from phaseline.errors import InputError
from phaseline.promotion.request import Request
from scripts.__main__ import main
from scripts.board.actions import command_of, request_of

FORM = {"action": "promote", "type": "opt", "name": "a", "version": " 2.0 ", "reason": " it's ok "}
NOW = "2026-11-25T10:00:00Z"


def asked(**changes: str) -> Request:
    """The request of a form."""
    return request_of({**FORM, **changes}, who="ana", at=NOW, id_="1")


def test_form_becomes_a_request_of_the_person() -> None:
    assert asked() == Request("promote", "opt", ("a",), "it's ok", "ana", NOW, "1", version="2.0")
    assert asked(action="hold", name="", version="").algorithms == ()


@pytest.mark.parametrize(
    "changes",
    [{"action": "delete"}, {"type": "x"}, {"name": "a b"}, {"reason": " "},
     {"until": "2026-12-01T08:00:00Z"}, {"action": "hold", "version": "", "until": "tomorrow"}],
)  # fmt: skip
def test_malformed_form_is_an_input_error(changes: dict[str, str]) -> None:
    with pytest.raises(InputError):
        asked(**changes)


@pytest.mark.parametrize(
    "changes",
    [{}, {"reason": "$(id) `id` \"x\" 'y' \\"},
     {"action": "hold", "version": "", "until": "2026-12-01T08:00:00Z"},
     {"action": "resume", "version": "", "name": ""}],
)  # fmt: skip
def test_command_is_accepted_and_means_the_same(changes: dict[str, str]) -> None:
    request = asked(**changes)
    program, verb, *words = shlex.split(command_of("production", request))
    assert (program, verb) == ("phaseline", request.action)
    command = main.get_command(click.Context(main), verb)
    assert command
    given = command.make_context(verb, words).params
    assert given["environment"] == "production"
    assert (request.type, request.algorithms) in given.values()
    assert request.reason == given["reason"]
    assert (given.get("version"), given.get("until")) == (request.version, request.until)
