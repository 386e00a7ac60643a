"""The regions that a deploy accepts."""

import pytest

from phaseline.deploy.regions import SUPPORTED, check_region
from phaseline.errors import ConfigurationError


@pytest.mark.parametrize("region", sorted(SUPPORTED))
def test_supported_region_is_accepted(region: str) -> None:
    check_region(region)


@pytest.mark.parametrize(
    ("region", "reason"),
    [
        ("us-gov-west-1", "no CloudFront distributions"),
        ("cn-north-1", "no CodeConnections and no CloudFront functions"),
        ("af-south-1", "no CodeConnections, which the pipeline needs"),
        ("eu-nowhere-9", "no CodeConnections, which the pipeline needs"),
    ],
)
def test_other_region_is_refused_with_what_it_lacks(region: str, reason: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        check_region(region)
    assert region in refused.value.where
    assert reason in refused.value.found
    assert "eu-central-1" in refused.value.remedy
