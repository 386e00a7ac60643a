"""The deployed environment of which tests of commands know."""

from phaseline.algorithms.schema import Schema
from phaseline.deploy.environment import Environment
from tests.builders.site import METADATA, SITE

DEMO = Environment(
    name="demo",
    algorithms_table="algorithms",
    ledger_table="ledger",
    site_bucket=SITE,
    metadata_bucket=METADATA,
    distribution="D1",
    site_url="https://x",
    pipeline="phaseline-demo",
    schema=Schema(),
    slack_channel="C1",
    slack_api_url="https://slack",
    slack_token_arn="arn",
    promotes_from=None,
    soak_minutes=0,
)
