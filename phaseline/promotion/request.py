"""Pure: the requests of people: promote, rollback, hold, resume and clear.

A request names one algorithm, several algorithms or a whole type. `eligibility` finds its versions
and checks whether they may become active, and `carry_out` carries the request out.
"""

import hashlib
import json
from dataclasses import dataclass

from phaseline import times
from phaseline.algorithms.attributes import shown
from phaseline.algorithms.names import NAME_PATTERN, TYPES
from phaseline.documents import windows
from phaseline.errors import InputError
from phaseline.releases.release import RequestRecord
from phaseline.text import visible

ACTIONS = ("promote", "rollback", "hold", "resume", "clear")
ALGORITHMS_LIMIT = 100
"""The number of algorithms that a request may name, and that a rollback to a time may change. Each
algorithm costs a read of the ledger, and the report lists each one."""

REASON_LIMIT = 1_000
"""The number of characters of a reason, which the ledger and the document repeat per release."""


@dataclass(frozen=True)
class Request:
    """A request of `who`, at the time `at` (ISO 8601, UTC).

    `id` identifies the request, so that a repetition is recognized. Without `algorithms`, the
    request applies to the whole type; this is possible for a hold, a resumption and a rollback
    `as_of` a time. `version` is the version to promote, to clear or to roll back to; a rollback
    without `version` returns to the last verified version. A rollback `as_of` a time returns to the
    versions that were live at that time (ISO 8601), and one to a `publication` to those of the
    publication with this number. `until` and `window` limit a hold, which may take the
    place of another person's only to `replace` it. `run_url` is the URL of the workflow run that
    carries the request.
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
    publication: int | None = None
    until: str | None = None
    window: str | None = None
    run_url: str | None = None
    replace: bool = False

    @property
    def subject(self) -> str:
        """The type, or the type and algorithms, of the request: "opt/route-planner"."""
        return f"{self.type}/{', '.join(self.algorithms)}" if self.algorithms else self.type

    @property
    def record(self) -> RequestRecord:
        """The record of the request, once it is carried out."""
        asked = (
            self.id, self.action, self.type, *self.algorithms, self.version, self.as_of,
            self.publication, self.until, self.window,
        )  # fmt: skip
        return RequestRecord(
            key=hashlib.sha256(json.dumps(asked).encode()).hexdigest()[:32],
            action=self.action,
            algorithms=self.algorithms,
            who=self.who,
            reason=self.reason,
            at=self.at,
        )


def check_request(request: Request) -> None:
    """Raise InputError, which names the field, if it is malformed or not part of the action."""
    for name, value in _malformed_fields(request):
        raise InputError(
            f"the request to {request.action} {request.subject}",
            f"'{name}' can't be {shown(value)}",
            f"Actions are {', '.join(ACTIONS)}; types are {', '.join(TYPES)}. Names and versions"
            " consist of letters, digits, '.', '_' and '-'. Write times like 2026-11-24T20:00:00Z."
            f" A reason is required: up to {REASON_LIMIT} characters, without control characters."
            " promote and clear require a version; rollback requires"
            f" algorithms or a time to return to. Name {ALGORITHMS_LIMIT} algorithms at most.",
        )
    if request.window is not None:
        windows.parse(request.window, f"the hold of {request.subject}")


def _malformed_fields(request: Request) -> list[tuple[str, object]]:
    """Return the names and values of the fields that are malformed or do not fit together."""
    action, single = request.action, len(request.algorithms) == 1
    rules: list[tuple[str, object, bool]] = [
        ("action", action, action in ACTIONS),
        ("type", request.type, request.type in TYPES),
        ("reason", request.reason, _is_reason(request.reason)),
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
    return [(name, value) for name, value, is_met in rules if not is_met]


def _is_reason(text: str) -> bool:
    return bool(text.strip()) and len(text) <= REASON_LIMIT and visible(text) == text


def _is_name(value: str | None) -> bool:
    return value is None or bool(NAME_PATTERN.fullmatch(value))


def _is_time(value: str | None) -> bool:
    if value is None:
        return True
    try:
        times.parse(value, "a request")
    except InputError:
        return False
    return True


def _is_later(value: str | None, at: str) -> bool:
    if value is None or not _is_time(value):
        return True
    return times.parse(value, "a request") > times.parse(at, "the time of a request")


def in_utc(time: str | None) -> str | None:
    """Convert a time (ISO 8601, with any offset) to UTC, in whole seconds.

    Raises InputError if it is malformed or lies outside the years 1 to 9999.

    >>> in_utc("2026-11-25T08:00:00+01:00")
    '2026-11-25T07:00:00Z'
    """
    if time is None:
        return None
    return times.second(times.parse(time, "a request"))
