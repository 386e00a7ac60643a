"""Events as public sources show them, written again as small data with the same forms.

Sources: https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html and with-ddb-filtering.html;
events/testdata of github.com/aws/aws-lambda-go; tests/events of
github.com/aws-powertools/powertools-lambda-python; `sam local generate-event dynamodb update`.
"""

from typing import Any

TYPES = ("B", "BOOL", "BS", "L", "M", "N", "NS", "NULL", "S", "SS")
ARN = "arn:aws:dynamodb:eu-west-1:111122223333:table/{}/stream/2015-06-27T00:48:05.899"

TEXT = {
    "Text": {"S": "Hello"},
    "Integer": {"N": "123"},
    "Float": {"N": "123.45"},
    "Boolean": {"BOOL": True},
    "Nothing": {"NULL": True},
    "List": {"L": [{"S": "Cookies"}, {"S": "Coffee"}, {"N": "3.14159"}]},
    "Map": {"M": {"Name": {"S": "Joe"}, "Age": {"N": "35"}}},
    "Strings": {"SS": ["Zebra", "Giraffe"]},
    "Numbers": {"NS": ["1234", "567.8"]},
    "NoStrings": {"SS": []},
}
"""An attribute of each type that JSON has."""
TEXT_AS_JSON = {
    "Text": "Hello",
    "Integer": 123,
    "Float": 123.45,
    "Boolean": True,
    "Nothing": None,
    "List": ["Cookies", "Coffee", 3.14159],
    "Map": {"Name": "Joe", "Age": 35},
    "Strings": ["Giraffe", "Zebra"],
    "Numbers": [567.8, 1234],
    "NoStrings": [],
}
BINARY = {"Binary": {"B": "AAEqQQ=="}, "Binaries": {"BS": ["AAEqQQ==", "QSoBAA=="]}}
"""An attribute of each other type: Lambda delivers binary values as Base64 text."""


def padded(value: Any) -> Any:
    """An attribute value as aws-lambda-go's samples have it: null for each other type."""
    ((name, content),) = value.items()
    if name == "L":
        content = [padded(each) for each in content]
    if name == "M":
        content = {key: padded(each) for key, each in content.items()}
    return dict.fromkeys(TYPES) | {name: content}


def generated(table: str = "ExampleTableWithStream") -> dict[str, Any]:
    """An item that is inserted, modified and removed, as SAM generates it."""
    keys = {"Id": {"N": "101"}}
    first, second = ({"Message": {"S": text}} | keys for text in ("New item!", "It has changed"))
    changes: tuple[dict[str, Any], ...] = (
        {"NewImage": first},
        {"NewImage": second, "OldImage": first},
        {"OldImage": second},
    )
    return {
        "Records": [
            {
                "eventID": f"c4ca4238a0b923820dcc509a6f75849{number}",
                "eventName": name,
                "eventVersion": "1.1",
                "eventSource": "aws:dynamodb",
                "awsRegion": "eu-west-1",
                "dynamodb": {
                    "Keys": keys,
                    **change,
                    "ApproximateCreationDateTime": 1428537600,
                    "SequenceNumber": f"442158450000000001745043909{number}",
                    "SizeBytes": 26,
                    "StreamViewType": "NEW_AND_OLD_IMAGES",
                },
                "eventSourceARN": ARN.format(table),
            }
            for number, (name, change) in enumerate(
                zip(("INSERT", "MODIFY", "REMOVE"), changes, strict=True)
            )
        ]
    }


S3 = {
    "Records": [
        {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": "bucket"}, "object": {"key": "metadata/opt.zip"}},
        }
    ]
}
SNS = {
    "Records": [
        {"EventVersion": "1.0", "EventSource": "aws:sns", "Sns": {"Type": "Notification"}},
    ]
}
SQS = {"Records": [{"messageId": "1", "body": "{}", "eventSource": "aws:sqs"}]}
KINESIS = {
    "Records": [
        {
            "eventSource": "aws:kinesis",
            "eventName": "aws:kinesis:record",
            "kinesis": {
                "sequenceNumber": "49590338271490256608559692538361571095921575989136588898"
            },
        }
    ]
}
EVENTBRIDGE = {
    "version": "0",
    "source": "aws.codepipeline",
    "detail-type": "CodePipeline Pipeline Execution State Change",
    "detail": {"pipeline": "delivery"},
}
FAILED_BATCH = {
    "version": "1.0",
    "requestContext": {"condition": "RetryAttemptsExhausted", "approximateInvokeCount": 1},
    "DDBStreamBatchInfo": {"batchSize": 1, "streamArn": ARN.format("mytable")},
}
"""What Lambda stores about a batch that it gave up."""
SCHEDULE = {
    "version": "0",
    "id": "53dc4d37-cffa-4f76-80c9-8b7d4a4d2eaa",
    "detail-type": "Scheduled Event",
    "source": "aws.events",
    "account": "111122223333",
    "time": "2026-11-24T21:00:00Z",
    "region": "eu-west-1",
    "resources": ["arn:aws:events:eu-west-1:111122223333:rule/ResendRule"],
    "detail": {},
}
"""What ResendRule in infra/listener.yaml sends: a rule without an input of its own."""
OF_OTHERS: dict[str, Any] = {
    "S3": S3,
    "SNS": SNS,
    "SQS": SQS,
    "Kinesis": KINESIS,
    "EventBridge": EVENTBRIDGE,
    "a failed batch": FAILED_BATCH,
    "nothing": {},
    "null": None,
    "a list": [],
    "a text": "Records",
    "records as an object": {"Records": {"0": {}}},
    "records as null": {"Records": None},
    "a record that is a text": {"Records": ["record"]},
    "a record that is empty": {"Records": [{}]},
    "a record without number": {"Records": [{"eventSource": "aws:dynamodb", "dynamodb": {}}]},
}
"""Events that other services, or people, may send to the function by mistake."""
