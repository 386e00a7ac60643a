"""The context object of an invocation, as far as handlers use it."""

from typing import Protocol


class LambdaContext(Protocol):
    """The context object that Lambda passes to a handler.

    https://docs.aws.amazon.com/lambda/latest/dg/python-context.html
    """

    def get_remaining_time_in_millis(self) -> int:
        """Return the number of milliseconds before the invocation times out."""
        ...
