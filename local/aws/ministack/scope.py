"""The one account and region of the local system, and threads that belong to them."""

import logging
import threading
from collections.abc import Callable

from ministack.core import responses

ACCOUNT = "000000000000"
REGION = "us-east-1"

log = logging.getLogger("phaseline.emulator")


def spawn(name: str, work: Callable[..., object], *args: object) -> threading.Thread:
    """Run work on a daemon thread of its own; what it raises is logged, never lost.

    ministack keys its stores by account and region, held in context variables that a new thread
    does not inherit.
    """

    def run() -> None:
        with responses.request_scope(ACCOUNT, REGION):
            try:
                work(*args)
            except Exception:
                log.exception("%s stopped by an error", name)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    return thread
