"""How commands reach AWS: one session, bounded retries and time-outs."""

from functools import cache

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
    """The session of the environment: profile, role, region and endpoint as set for it."""
    return boto3.Session()
