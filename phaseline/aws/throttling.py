"""Waits for AWS's rate limits, beyond what botocore's own retries do.

Those have a budget for each client, so that a service which is down is not asked for ever. Many
calls that are throttled one after the other use it up, and then each such call fails at once.
https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
"""

from collections.abc import Callable
from itertools import chain, repeat
from typing import TypeVar

from botocore.exceptions import ClientError

from phaseline.aws.refusals import Meaning, meaning

PAUSES = (1.0, 2.0, 5.0, 10.0)
"""Seconds between two calls, the last for good."""

T = TypeVar("T")


def wait_out(
    call: Callable[[], T],
    *,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    deadline: float,
) -> T:
    """What `call` gives; made again while AWS throttles it, until `deadline` by `clock`.

    Raises what `call` raises otherwise, and its throttling once the deadline has passed.
    """
    pauses = chain(PAUSES, repeat(PAUSES[-1]))
    while True:
        try:
            return call()
        except ClientError as error:
            if meaning(error) is not Meaning.THROTTLED or clock() >= deadline:
                raise
        sleep(next(pauses))
