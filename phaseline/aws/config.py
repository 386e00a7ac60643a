"""How the Lambdas call AWS: bounded retries and time-outs, within a function's few seconds."""

from botocore.config import Config


def config(*, attempts: int = 5, connect: int = 3, read: int = 10, connections: int = 10) -> Config:
    """The settings of a function's clients.

    `attempts` counts the first call too; `connect` and `read` are seconds; `connections` is how
    many calls of one client may run at once.
    https://docs.aws.amazon.com/botocore/latest/reference/config.html
    """
    return Config(
        retries={"mode": "standard", "total_max_attempts": attempts},
        connect_timeout=connect,
        read_timeout=read,
        max_pool_connections=connections,
    )
