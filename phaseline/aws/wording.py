"""The words of errors of the AWS library, without parts of the request, which has credentials."""

from collections.abc import Iterator
from contextlib import contextmanager

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

from phaseline.aws.refusals import SIGNED
from phaseline.errors import RemoteCallError


def wording(error: BaseException) -> str:
    """Return what an error says.

    Of an error of the connection, which may quote a header or the password of a proxy, only its
    type and the endpoint are returned.
    """
    if isinstance(error, HTTPClientError | ConnectionError):
        endpoint = str(error.kwargs.get("endpoint_url", "")).partition("?")[0]
        return f"{type(error).__name__} {endpoint}".rstrip()
    return str(error).partition(SIGNED)[0].rstrip()


@contextmanager
def worded() -> Iterator[None]:
    """Raise errors of the AWS library as RemoteCallError, with their traceback and their wording.

    Lambda logs the errors that a handler raises.
    """
    try:
        yield
    except (ClientError, BotoCoreError) as error:
        trace = error.__traceback__
        worded_ = RemoteCallError("a call to AWS", wording(error), "Lambda tries again.")
    else:
        return
    raise worded_.with_traceback(trace) from None
