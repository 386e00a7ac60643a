"""The AWS session of the commands, with bounded retries and time-outs."""

from functools import cache
from typing import Any

import boto3
from botocore.config import Config

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
    variables and configuration files."""
    return boto3.Session()


def client(service: Any) -> Any:
    """Return a client of the session for an AWS service, such as "s3"."""
    return session().client(service, config=CONFIG)
