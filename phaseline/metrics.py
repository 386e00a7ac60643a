"""CloudWatch metrics as log lines, in the embedded metric format.

A metric costs a Lambda no call and no permission this way: CloudWatch reads it out of the log.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json


def emit(name: str, value: float, *, environment: str, now: float, **properties: str) -> None:
    """Print one count of the metric `name` in the namespace `Phaseline`.

    `now` is in seconds since the epoch. `properties` (which release, which repository) stand
    beside the metric in the log and are no dimensions, so they cost nothing.
    """
    line = {
        "_aws": {
            "Timestamp": int(now * 1000),
            "CloudWatchMetrics": [
                {
                    "Namespace": "Phaseline",
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
