"""A person's request on the board: previewed first, and carried out exactly as it was shown."""

import shlex
import threading
import uuid
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from phaseline.documents import diff
from phaseline.documents.store import Stored
from phaseline.errors import RefusedError
from phaseline.promotion.carry_out import Outcome, carry_out
from phaseline.promotion.request import Request, check_request
from scripts.release.known import check_algorithm
from scripts.services import Services

T = TypeVar("T")
KEPT = 100
"""The newest previews and outcomes that are kept."""


@dataclass(frozen=True)
class ActionPreview:
    """A request with the changes that it would make.

    `before` is the version of the document on which it is based. `differences` are sentences, and
    `text` is a unified diff of the document; both are empty if nothing would change.
    """

    request: Request
    before: Stored
    note: str
    changed: bool
    differences: tuple[str, ...]
    text: str
    command: str


def request_of(form: Mapping[str, str], *, who: str, at: str, id_: str) -> Request:
    """Return the request of a form. Raises InputError for a malformed one."""
    name = form.get("name", "")
    request = Request(
        action=form.get("action", ""),
        type=form.get("type", ""),
        algorithms=(name,) if name else (),
        reason=form.get("reason", "").strip(),
        who=who,
        at=at,
        id=id_,
        version=form.get("version", "").strip() or None,
        until=form.get("until", "").strip() or None,
    )
    check_request(request)
    return request


def command_of(environment: str, request: Request) -> str:
    """Return the command that does the same, for a shell.

    >>> at, id_ = "2026-11-25T10:00:00Z", "1"
    >>> asked = Request("clear", "opt", ("a",), "it's fine", "ana", at, id_, version="2.0")
    >>> print(command_of("production", asked))
    phaseline clear --environment production opt/a 2.0 --reason 'it'"'"'s fine'
    """
    subject = "/".join((request.type, *request.algorithms))
    words = ["phaseline", request.action, "--environment", environment, subject]
    words += [request.version] if request.version else []
    words += ["--until", request.until] if request.until else []
    return shlex.join([*words, "--reason", request.reason])


class Actions:
    """The requests of `who` to an environment. `now` returns the time (ISO 8601, UTC)."""

    def __init__(self, services: Services, who: str, now: Callable[[], str]) -> None:
        self._services, self._who, self._now = services, who, now
        self._lock = threading.Lock()
        self._previews: OrderedDict[str, ActionPreview] = OrderedDict()
        self._outcomes: OrderedDict[str, Outcome] = OrderedDict()

    def preview(self, form: Mapping[str, str]) -> ActionPreview:
        """Return what the request of a form would change, and remember it.

        Raises InputError or RefusedError, as `carry_out` does.
        """
        request = request_of(form, who=self._who, at=self._now(), id_=str(uuid.uuid4()))
        for name in request.algorithms if request.action == "hold" else ():
            check_algorithm(self._services, [request.type], name)
        outcome = carry_out(
            request, commits=self._services.commits, sources=self._services.sources, dry_run=True
        )
        before, after = outcome.before.document, outcome.document.document
        made = ActionPreview(
            request=request,
            before=outcome.before,
            note=outcome.note,
            changed=outcome.changed,
            differences=tuple(map(str, diff.compare_documents(before, after))),
            text=diff.unified_diff(before, after),
            command=command_of(self._services.name, request),
        )
        self._remember(self._previews, request.id, made)
        return made

    def carry_out(self, id_: str) -> Outcome:
        """Carry out the request of a preview. To repeat it changes nothing.

        Raises RefusedError if there is no such preview, or if somebody has changed the document
        since, so that the preview does not show what would happen.
        """
        previewed = self._previews.get(id_)
        if previewed is None:
            raise RefusedError("this request", "its preview is gone", "Begin again.")
        services, type_ = self._services, previewed.request.type
        present = services.documents.read(type_)
        if id_ not in self._outcomes and present.version_id != previewed.before.version_id:
            raise RefusedError(
                f"document '{type_}'",
                "somebody has changed it since the preview was made",
                "Begin again, and look at the new preview.",
            )
        outcome = carry_out(
            previewed.request,
            commits=services.commits,
            sources=services.sources,
            seen=previewed.before.document,
        )
        self._remember(self._outcomes, id_, outcome)
        return outcome

    def outcome(self, id_: str) -> tuple[ActionPreview, Outcome] | None:
        """Return the preview and the outcome of a request that was carried out, or None."""
        previewed, outcome = self._previews.get(id_), self._outcomes.get(id_)
        return (previewed, outcome) if previewed and outcome else None

    def _remember(self, kept: "OrderedDict[str, T]", id_: str, value: T) -> None:
        with self._lock:
            kept[id_] = value
            while len(kept) > KEPT:
                kept.popitem(last=False)
