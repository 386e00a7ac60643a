"""CloudFront distributions within moto."""

import uuid
from typing import Any

ORIGIN = "site.s3.eu-west-1.amazonaws.com"


def distribution(client: Any, origin: str, *, enabled: bool = True) -> str:
    """A distribution with one origin; its id."""
    answer = client.create_distribution(
        DistributionConfig={
            "CallerReference": str(uuid.uuid4()),
            "Origins": {
                "Quantity": 1,
                "Items": [
                    {
                        "Id": "site",
                        "DomainName": origin,
                        "S3OriginConfig": {"OriginAccessIdentity": ""},
                    }
                ],
            },
            "DefaultCacheBehavior": {
                "TargetOriginId": "site",
                "ViewerProtocolPolicy": "redirect-to-https",
            },
            "Comment": "",
            "Enabled": enabled,
        }
    )
    return str(answer["Distribution"]["Id"])
