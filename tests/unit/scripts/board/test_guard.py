"""Which requests the board answers."""

from dataclasses import replace

import pytest

from scripts.board.guard import Guard, Visit

GUARD = Guard(8080, opening="opening", session="session", token="token")
HOST = "127.0.0.1:8080"
LOOK = Visit("GET", HOST, "session")
ACT = Visit("POST", HOST, "session", f"http://{HOST}", "same-origin", "token")


@pytest.mark.parametrize(
    "visit",
    [
        LOOK,
        replace(LOOK, host="localhost:8080"),
        replace(LOOK, site="none"),
        replace(LOOK, site="same-origin", origin=f"http://{HOST}"),
        ACT,
        replace(ACT, site=None),
    ],
)
def test_request_of_the_boards_own_page_is_answered(visit: Visit) -> None:
    assert GUARD.refusal(visit) is None


@pytest.mark.parametrize(
    "visit",
    [
        replace(LOOK, session=None),
        replace(LOOK, session=""),
        replace(LOOK, session="opening"),
        replace(LOOK, session="sessiön"),
        replace(LOOK, host="evil.example:8080"),
        replace(LOOK, host="127.0.0.1"),
        replace(LOOK, host="127.0.0.1:80801"),
        replace(LOOK, host="127.0.0.1:8080.evil.example"),
        replace(LOOK, site="cross-site"),
        replace(LOOK, site="same-site"),
        replace(LOOK, origin="https://evil.example"),
        replace(LOOK, origin="null"),
        replace(ACT, token=None),
        replace(ACT, token="session"),
        replace(ACT, origin=None),
        replace(ACT, origin="http://127.0.0.1:8081"),
        replace(ACT, origin="null"),
        replace(ACT, session=None),
        replace(ACT, method="PUT", token=None),
    ],
)
def test_every_other_request_is_refused(visit: Visit) -> None:
    assert GUARD.refusal(visit)


def test_only_its_address_opens_the_board() -> None:
    assert GUARD.opens(HOST, "opening")
    assert not GUARD.opens(HOST, "session")
    assert not GUARD.opens("evil.example", "opening")
    assert GUARD.address == f"http://{HOST}/open/opening"


def test_secrets_are_new_for_each_board_and_not_shown() -> None:
    first, second = Guard(1), Guard(1)
    secrets = {first.opening, first.session, first.token, second.opening, second.session}
    assert len(secrets) == 5
    assert min(map(len, secrets)) >= 40
    assert not any(secret in repr(first) for secret in secrets)
