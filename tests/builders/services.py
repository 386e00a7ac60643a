"""The services of an environment within moto, as commands get them."""

from collections.abc import Iterator
from contextlib import contextmanager

from moto import mock_aws

from phaseline.deploy.environment import Environment
from scripts.services import Services
from tests.builders.environments import DEMO
from tests.builders.site import METADATA, make_buckets
from tests.builders.stores import make_table


@contextmanager
def empty(environment: Environment = DEMO) -> Iterator[Services]:
    """An environment with its first, empty documents and an empty ledger."""
    with mock_aws():
        services = Services(environment.name)
        vars(services)["environment"] = environment
        make_buckets(services.s3)
        services.s3.put_bucket_versioning(
            Bucket=METADATA, VersioningConfiguration={"Status": "Enabled"}
        )
        services.documents.create_missing()
        make_table(services.ledger.client, "ledger")
        yield services
