"""Pure: the regions in which every resource of the stacks exists.

A resource type that a region lacks fails only after minutes, in the last stack. The list agrees
with the resource types that CloudFormation offers in each region, and with the endpoints of
CodeConnections (tests/contract/test_regions.py).
https://docs.aws.amazon.com/general/latest/gr/codestar_connections.html
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/resource-type-schemas.html
"""

from phaseline.errors import ConfigurationError

SUPPORTED = frozenset(
    {
        "ap-northeast-1",
        "ap-northeast-2",
        "ap-south-1",
        "ap-southeast-1",
        "ap-southeast-2",
        "ca-central-1",
        "eu-central-1",
        "eu-north-1",
        "eu-south-1",
        "eu-west-1",
        "eu-west-2",
        "eu-west-3",
        "sa-east-1",
        "us-east-1",
        "us-east-2",
        "us-west-1",
        "us-west-2",
    }
)
LACKING = {
    "us-gov-": "AWS GovCloud (US) has no CloudFront distributions",
    "cn-": "the China regions have no CodeConnections and no CloudFront functions",
}
"""Maps the beginnings of regions in other partitions to what they lack."""


def check_region(region: str) -> None:
    """Raise ConfigurationError if a resource of the stacks does not exist in the region.

    >>> check_region("eu-central-1")
    """
    if region in SUPPORTED:
        return
    reasons = (reason for start, reason in LACKING.items() if region.startswith(start))
    raise ConfigurationError(
        f"region {region}",
        next(reasons, "it has no CodeConnections, which the pipeline needs to read the frontend"),
        f"Set AWS_REGION to one of: {', '.join(sorted(SUPPORTED))}.",
    )
