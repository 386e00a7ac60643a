"""CloudWatch metrics: a Lambda's as log lines, in the embedded metric format, others by a call.

A metric costs a Lambda no call and no permission this way: CloudWatch reads it out of the log.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

NAMESPACE = "Phaseline"


def emit(name: str, value: float, *, environment: str, now: float, **properties: str) -> None:
    """Print one count of the metric `name` in our namespace.

    `now` is in seconds since the epoch. `properties` (which release, which repository) stand
    beside the metric in the log and are no dimensions, so they cost nothing.
    """
    line = {
        "_aws": {
            "Timestamp": int(now * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": NAMESPACE,
                    "Dimensions": [["Environment"]],
                    "Metrics": [{"Name": name, "Unit": "Count"}],
                }
            ],
        },
        "Environment": environment,
        name: value,
        **properties,
    }
    print(json.dumps(line))  # a Lambda's standard output is its log


def put(client: "CloudWatchClient", name: str, value: float, *, environment: str) -> None:
    """Send one count of the metric `name`, from where no log of a Lambda is read."""
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
