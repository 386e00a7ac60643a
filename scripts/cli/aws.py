"""How commands reach AWS: one session, bounded retries and time-outs."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import NoCredentialsError, NoRegionError

from scripts.cli import aws_errors

CONFIG = Config(
    retries={"mode": "standard", "total_max_attempts": 6},
    connect_timeout=5,
    read_timeout=60,
    max_pool_connections=16,
    user_agent_extra="phaseline",
)


@cache
def session() -> boto3.Session:
    """The session of the environment: profile, role, region and endpoint as set for it.

    Its credentials are taken at once, so that what is wrong with them is told before any work.
    Raises ConfigurationError, or what the AWS library raises, where they can't be had.
    """
    with aws_errors.settings():
        made = boto3.Session()
        if not made.region_name:
            raise NoRegionError
        credentials = made.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        credentials.get_frozen_credentials()
    return made


def client(service: Any) -> Any:
    """A client of the one session. Raises as `session` does."""
    with aws_errors.settings():
        return session().client(service, config=CONFIG)
