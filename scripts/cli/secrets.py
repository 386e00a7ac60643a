"""The environment variables with tokens and keys."""

from collections.abc import Mapping

from phaseline.errors import ConfigurationError
from phaseline.text import is_token

NAMES = (
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "GITHUB_TOKEN",
    "SLACK_BOT_TOKEN",
)


def check(environ: Mapping[str, str]) -> None:
    """Raise ConfigurationError, which does not quote it, if a token or key is malformed.

    An HTTP library would refuse such a header, with an error that quotes it.
    """
    for name in NAMES:
        if environ.get(name) and not is_token(environ[name]):
            raise ConfigurationError(
                "the AWS settings" if name.startswith("AWS_") else "the environment variables",
                f"{name}: expected plain text on one line, found a space or a control character",
                "Set the credentials without line breaks, quotes and spaces.",
            )
