"""Sends CloudWatch metrics: from a Lambda function as log lines, and from elsewhere by a call.

The log lines have the embedded metric format. CloudWatch reads them from the log, so a function
needs no call and no permission.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

NAMESPACE = "Phaseline"
PROPERTY_LIMIT = 10_000
"""Characters of a property. Lambda cuts a log line at 256 KB, and a cut line is no metric.
https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html
"""


def emit(
    name: str,
    value: float,
    *,
    environment: str,
    now: float,
    unit: str = "Count",
    **properties: str,
) -> None:
    """Print a log line with a value of the metric `name`, in a `unit` of CloudWatch.

    `now` is in seconds since the epoch. `properties`, such as a release ID, are in the log line but
    are no dimensions, so they cost nothing.
    """
    line = {
        "_aws": {
            "Timestamp": int(now * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": NAMESPACE,
                    "Dimensions": [["Environment"]],
                    "Metrics": [{"Name": name, "Unit": unit}],
                }
            ],
        },
        "Environment": environment,
        name: value,
        **{key: text[:PROPERTY_LIMIT] for key, text in properties.items()},
    }
    print(json.dumps(line))  # Lambda writes standard output to the log


def put(client: "CloudWatchClient", name: str, value: float, *, environment: str) -> None:
    """Send a value of the metric `name` with a call of CloudWatch."""
    client.put_metric_data(
        Namespace=NAMESPACE,
        MetricData=[
            {
                "MetricName": name,
                "Dimensions": [{"Name": "Environment", "Value": environment}],
                "Unit": "Count",
                "Value": value,
            }
        ],
    )
