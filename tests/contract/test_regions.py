"""The list of supported regions agrees with the data of AWS."""

import json
from pathlib import Path

import boto3
import cfnlint  # type: ignore[import-untyped] # it has no types

from phaseline.deploy.plan import EVERY
from phaseline.deploy.regions import SUPPORTED
from tests.templates import load_stack

SCHEMAS = Path(cfnlint.__file__).parent / "data/schemas/providers"
SERVICES = ("codebuild", "codepipeline", "codestar-connections", "dynamodbstreams", "lambda")
"""Services with regional endpoints. botocore does not list those of CodeConnections, the new name
of CodeStar Connections."""
PARTITIONS = ("aws", "aws-cn", "aws-us-gov")
"""The partitions that cfn-lint has the resource types of."""


def regions(service: str) -> set[str]:
    """The regions in which botocore knows an endpoint of a service."""
    session = boto3.session.Session()
    return {
        region
        for partition in PARTITIONS
        for region in session.get_available_regions(service, partition)
    }


def test_supported_regions_have_every_resource_type() -> None:
    """cfn-lint has the resource types that CloudFormation lists in each region."""
    types = {
        resource["Type"] for stack in EVERY for resource in load_stack(stack)["Resources"].values()
    }
    known = regions("cloudformation")
    complete = {
        path.stem
        for path in SCHEMAS.glob("*.json")
        if path.stem in known and types <= json.loads(path.read_text("utf-8")).keys()
    }
    assert complete & regions("codestar-connections") == SUPPORTED
    assert not {one for one in complete - SUPPORTED if not one.startswith("us-iso")}


def test_supported_regions_have_every_service() -> None:
    for service in SERVICES:
        assert regions(service) >= SUPPORTED, service
