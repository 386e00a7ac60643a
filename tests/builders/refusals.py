"""Answers of AWS that refuse a call, as the library raises them."""

from botocore.exceptions import ClientError


def refusal(code: str, message: str = "No.", status: int = 400) -> ClientError:
    """What a call raises whose answer has this code, message and HTTP status."""
    answer = {"Error": {"Code": code, "Message": message}}
    return ClientError(
        {**answer, "ResponseMetadata": {"HTTPStatusCode": status}},  # type: ignore[typeddict-item]
        "DescribeStacks",
    )
