"""A person's request: created from the options of a command, and applied to the documents."""

from dataclasses import replace
from typing import Any

from phaseline.algorithms.names import TYPES
from phaseline.promotion.carry_out import Outcome, carry_out
from phaseline.promotion.request import Request, check_request
from scripts.cli import invocation
from scripts.cli.options import ALL
from scripts.release.known import check_algorithm
from scripts.services import Services


def requests_of(
    services: Services, *, type_: str, force: bool = False, **options: Any
) -> tuple[Request, ...]:
    """Return the requests of a command, one for each document, from its `request_options`.

    Raises InputError, before any is applied, for a malformed request, and for a hold of an unknown
    algorithm without `force`: a typing error would hold nothing.
    """
    requests = [
        Request(
            type=name,
            who="",
            at=invocation.now(),
            id=invocation.invocation_id(),
            run_url=invocation.run_url(),
            **options,
        )
        for name in (TYPES if type_ == ALL else (type_,))
    ]
    for request in requests:
        check_request(request)
    for name in options["algorithms"] if options["action"] == "hold" and not force else ():
        check_algorithm(services, [type_], name)
    who = invocation.who()
    return tuple(replace(request, who=who) for request in requests)


def update(
    services: Services, requests: tuple[Request, ...], *, dry_run: bool
) -> tuple[Outcome, ...]:
    """Apply requests to the documents of an environment: all of them, or none if one is refused."""
    if len(requests) > 1 and not dry_run:
        update(services, requests, dry_run=True)
    return tuple(
        carry_out(request, commits=services.commits, sources=services.sources, dry_run=dry_run)
        for request in requests
    )
