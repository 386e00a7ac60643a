"""The AWS session of the commands, with bounded retries and time-outs."""

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
    """Return the one session, with the profile, Region and endpoint of the AWS environment
    variables and configuration files.

    Its credentials are read at once, so that an error in them is reported before any work. Raises
    ConfigurationError, or an error of botocore.
    """
    with aws_errors.settings():
        created = boto3.Session()
        if not created.region_name:
            raise NoRegionError
        credentials = created.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        credentials.get_frozen_credentials()
    return created


def client(service: Any) -> Any:
    """Return a client of the session for an AWS service, such as "s3". Raises as `session` does."""
    with aws_errors.settings():
        return session().client(service, config=CONFIG)
