"""What a person asks for: promote, rollback, hold, resume, clear.

A request is about one algorithm, several, or the whole type. `eligibility` says which versions it
means and whether they may become active, `carry_out` carries it out.
"""

from dataclasses import dataclass
from datetime import datetime

from phaseline import times
from phaseline.algorithms.names import NAME_PATTERN, TYPES
from phaseline.documents import windows
from phaseline.errors import InputError

ACTIONS = ("promote", "rollback", "hold", "resume", "clear")
ALGORITHMS_LIMIT = 100
"""Algorithms that one request may name, or a rollback to a time may change: each costs a read of
the ledger, and each is told."""


@dataclass(frozen=True)
class Request:
    """One request. `at` is ISO 8601, UTC; `id` names the request, so that its repetition is known.

    `algorithms` are those it is about; none means the whole type, which a rollback `as_of` a time,
    a hold and a resumption may be about. `version` is what to promote or to clear, or where to roll
    back to: None for the last verified version. `as_of` rolls back to what was live at a time.
    `until` and `window` bound a hold. `run_url` is the workflow run by which it is asked.
    """

    action: str
    type: str
    algorithms: tuple[str, ...]
    reason: str
    who: str
    at: str
    id: str
    version: str | None = None
    as_of: str | None = None
    until: str | None = None
    window: str | None = None
    run_url: str | None = None

    @property
    def subject(self) -> str:
        """What it is about, in a word or a few."""
        return f"{self.type}/{', '.join(self.algorithms)}" if self.algorithms else self.type


def check(request: Request) -> None:
    """Raise InputError, naming the field, for a request that can't be meant."""
    for name, value in _wrong(request):
        raise InputError(
            f"the request to {request.action} {request.subject}",
            f"'{name}' can't be {value!r}",
            f"Actions are {', '.join(ACTIONS)}; types {', '.join(TYPES)}; names and versions have"
            " letters, digits, '.', '_' and '-'; times are such as 2026-11-24T20:00:00Z; a reason"
            " is required. promote and clear want a version; rollback wants algorithms or a time"
            f" to go back to; at most {ALGORITHMS_LIMIT} algorithms.",
        )
    if request.window is not None:
        windows.parse(request.window, f"the hold of {request.subject}")


def _wrong(request: Request) -> list[tuple[str, object]]:
    """The fields that are malformed or do not go together."""
    action, single = request.action, len(request.algorithms) == 1
    rules: list[tuple[str, object, bool]] = [
        ("action", action, action in ACTIONS),
        ("type", request.type, request.type in TYPES),
        ("reason", request.reason, bool(request.reason.strip())),
        *(("algorithm", name, bool(NAME_PATTERN.fullmatch(name))) for name in request.algorithms),
        ("algorithm", request.algorithms, len(request.algorithms) <= ALGORITHMS_LIMIT),
        ("version", request.version, _is_name(request.version)),
        ("as-of", request.as_of, _is_time(request.as_of)),
        ("until", request.until, _is_time(request.until)),
        (
            "algorithm",
            request.algorithms,
            bool(request.algorithms or action in {"hold", "resume"} or request.as_of),
        ),
        ("version", request.version, single or request.version is None),
        ("version", request.version, action != "clear" or request.version is not None),
        (
            "version",
            request.version,
            action in {"promote", "rollback", "clear"} or request.version is None,
        ),
        ("as-of", request.as_of, action == "rollback" or request.as_of is None),
        ("as-of", request.as_of, request.version is None or request.as_of is None),
        ("as-of", request.as_of, not request.as_of or not _is_later(request.as_of, request.at)),
        ("until", request.until, action == "hold" or request.until is None),
        ("until", request.until, _is_later(request.until, request.at)),
        ("window", request.window, action == "hold" or request.window is None),
    ]
    return [(name, value) for name, value, holds in rules if not holds]


def _is_name(value: str | None) -> bool:
    return value is None or bool(NAME_PATTERN.fullmatch(value))


def _is_time(value: str | None) -> bool:
    if value is None:
        return True
    try:
        return datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


def _is_later(value: str | None, at: str) -> bool:
    if value is None or not _is_time(value):
        return True
    return datetime.fromisoformat(value) > datetime.fromisoformat(at)


def utc(time: str | None) -> str | None:
    """A time in any zone as one in UTC, in whole seconds."""
    if time is None:
        return None
    return times.second(datetime.fromisoformat(time))
