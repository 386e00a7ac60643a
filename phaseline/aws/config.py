"""Settings of the AWS clients of Lambda functions, which have only seconds for all their calls."""

from botocore.config import Config


def config(*, attempts: int = 5, connect: int = 3, read: int = 10, connections: int = 10) -> Config:
    """Return the settings of a function's clients.

    `attempts` includes the first call. `connect` and `read` are time limits in seconds.
    `connections` is the number of calls that one client can make at the same time.
    https://docs.aws.amazon.com/botocore/latest/reference/config.html
    """
    return Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=connect,
        read_timeout=read,
        max_pool_connections=connections,
    )
