"""The account and Region of the local system, and threads that use them."""

import logging
import threading
from collections.abc import Callable

from ministack.core import responses

ACCOUNT = "000000000000"
REGION = "us-east-1"

log = logging.getLogger("phaseline.emulator")


def spawn(name: str, work: Callable[..., object], *args: object) -> threading.Thread:
    """Run a function in a daemon thread of its own, and log its errors.

    ministack keeps its state by account and Region, which it holds in context variables. A new
    thread does not inherit them.
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
