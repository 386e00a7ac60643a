"""One tree of errors, one exit code per kind.

A message has three parts: where it happened, what was expected and found, what to try.
Scripts print it on one line and exit with `exit_code`; Lambdas log it and answer with it.
"""


class PhaselineError(Exception):
    """Something a person can act on.

    `where` names the place (a table and key, a bucket and object, a stack), `found` says what
    was expected and what was there, `remedy` says what to try.
    """

    exit_code = 1

    def __init__(self, where: str, found: str, remedy: str) -> None:
        super().__init__(f"{where}: {found}. {remedy}")
        self.where = where
        self.found = found
        self.remedy = remedy


class RemoteCallError(PhaselineError):
    """A call to AWS, GitHub or Slack failed, and repeating it within bounds did not help."""

    exit_code = 1


class InputError(PhaselineError):
    """What was handed in (an event, a record, an argument) is not what was asked for."""

    exit_code = 2


class ConfigurationError(PhaselineError):
    """A setting, secret or deployed resource is missing or of the wrong shape."""

    exit_code = 3


class DocumentError(ConfigurationError):
    """A metadata document is missing, corrupt or of another shape. It is never overwritten."""


class DeploymentError(PhaselineError):
    """The pipeline or a stack ended in failure."""

    exit_code = 4


class DriftError(PhaselineError):
    """What is there is not what was declared."""

    exit_code = 5


class TimedOutError(PhaselineError):
    """The bound on a wait was reached before its end was seen."""

    exit_code = 6


class RefusedError(PhaselineError):
    """The request is understood and is not carried out: held, frozen, unknown or superseded."""

    exit_code = 7
