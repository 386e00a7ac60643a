"""The errors of Phaseline. Each kind has its own exit code.

A message has three parts: where the error occurred, the problem, and a remedy.
Scripts print the message on one line and exit with `exit_code`. Lambda functions log the message.
"""

LIMIT = 4_000
"""Characters of each part of a message. A part may quote an input of any size, and the message goes
to places with limits: an annotation, a log line, a pipeline's failure."""


class PhaselineError(Exception):
    """Base class of the errors that a person can act on.

    `where` names the place (a table and key, a bucket and object, a stack), `found` describes the
    problem (usually the expected and the actual value), and `remedy` says how to solve it.

    >>> print(PhaselineError("stack demo", "expected status ACTIVE, found FAILED", "Deploy it."))
    stack demo: expected status ACTIVE, found FAILED. Deploy it.
    """

    exit_code = 1

    def __init__(self, where: str, found: str, remedy: str) -> None:
        where, found, remedy = map(_short, (where, found, remedy))
        super().__init__(f"{where}: {found}. {remedy}")
        self.where = where
        self.found = found
        self.remedy = remedy


def _short(part: str) -> str:
    return part if len(part) <= LIMIT else f"{part[:LIMIT]} [cut]"


class RemoteCallError(PhaselineError):
    """A call to AWS, GitHub or Slack failed, and its limited number of retries did not help."""

    exit_code = 1


class InputError(PhaselineError):
    """An input (an event, a record or an argument) is malformed."""

    exit_code = 2


class ConfigurationError(PhaselineError):
    """A setting, a secret or a deployed resource is missing or malformed."""

    exit_code = 3


class DocumentError(ConfigurationError):
    """A metadata document is missing or corrupt, or has another schema.

    Phaseline never overwrites such a document.
    """


class DeploymentError(PhaselineError):
    """A pipeline execution or a stack operation failed."""

    exit_code = 4


class DriftError(PhaselineError):
    """The deployed state differs from the declared state."""

    exit_code = 5


class TimedOutError(PhaselineError):
    """A wait reached its time limit."""

    exit_code = 6


class RefusedError(PhaselineError):
    """A valid request is not carried out: its subject is held, frozen, unknown or superseded."""

    exit_code = 7
