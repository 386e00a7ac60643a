"""Repeats calls that AWS throttles, for longer than botocore's own retries.

botocore has a retry budget for each client, which limits the calls of a service that is down. Many
throttled calls in a row use up this budget, and then each throttled call fails at once.
https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
"""

from collections.abc import Callable
from itertools import chain, repeat
from typing import TypeVar

from botocore.exceptions import ClientError

from phaseline.aws.refusals import Meaning, meaning

PAUSES = (1.0, 2.0, 5.0, 10.0)
"""Pauses between two calls in seconds. The last one is repeated."""

T = TypeVar("T")


def wait_out(
    call: Callable[[], T],
    *,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    deadline: float,
) -> T:
    """Return the result of `call`. Repeat it while AWS throttles it, until `clock` is at
    `deadline`.

    Raises the other errors of `call`, and the throttling error after the deadline.
    """
    pauses = chain(PAUSES, repeat(PAUSES[-1]))
    while True:
        try:
            return call()
        except ClientError as error:
            if meaning(error) is not Meaning.THROTTLED or clock() >= deadline:
                raise
        sleep(next(pauses))
