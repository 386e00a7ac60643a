"""A person's request: made of a command's options, and carried out on the documents."""

from dataclasses import replace
from typing import Any

from phaseline.algorithms.names import TYPES
from phaseline.promotion.carry_out import Outcome, carry_out
from phaseline.promotion.request import Request, check_request
from scripts.cli import invocation
from scripts.cli.options import ALL
from scripts.services import Services


def requested(*, type_: str, **asked: Any) -> tuple[Request, ...]:
    """The requests of this invocation, one for each document; `asked` are `request_options`.

    Raises InputError for one that is malformed, before any is carried out.
    """
    requests = [
        Request(
            type=each,
            who="",
            at=invocation.now(),
            id=invocation.invocation_id(),
            run_url=invocation.run_url(),
            **asked,
        )
        for each in (TYPES if type_ == ALL else (type_,))
    ]
    for request in requests:
        check_request(request)
    who = invocation.who()
    return tuple(replace(request, who=who) for request in requests)


def update(
    services: Services, requests: tuple[Request, ...], *, dry_run: bool
) -> tuple[Outcome, ...]:
    """Carry out requests on an environment's documents; none of them where one is refused."""
    if len(requests) > 1 and not dry_run:
        update(services, requests, dry_run=True)
    return tuple(
        carry_out(request, documents=services.documents, sources=services.sources, dry_run=dry_run)
        for request in requests
    )
