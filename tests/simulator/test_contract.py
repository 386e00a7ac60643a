"""The stores in memory answer like moto: the same random calls get the same answers and errors."""

import random
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from tests.builders.stores import BUCKET, make_table
from tests.simulator.dynamodb import DynamoDB
from tests.simulator.remote import Pages
from tests.simulator.s3 import S3

Call = tuple[str, dict[str, Any]]


def asked(client: Any, operation: str, parameters: dict[str, Any]) -> Any:
    """Return the answer to a call, or the code of its error."""
    try:
        if operation == "query":
            pages = client.get_paginator("query").paginate(TableName="ledger", **parameters)
            return [item for page in pages for item in page["Items"]]
        answer = getattr(client, operation)(**parameters)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return {name: answer.get(name) for name in ("Item", "Attributes") if answer.get(name)}


class Paged(DynamoDB):
    """The table in memory with the paginator that `Remote` has otherwise."""

    def get_paginator(self, _: str) -> Pages:
        return Pages(self.query)


def calls_of_the_ledger(rng: random.Random) -> Iterator[Call]:
    """Yield calls with each expression that the product uses, on few keys, so that they meet."""
    while True:
        number = rng.randrange(4)
        key = {
            "pk": {"S": f"algorithm#opt#{rng.randrange(2)}"},
            "sk": {"S": f"release#{number:012}#id" if rng.random() < 0.8 else "withdrawn#1.0"},
        }
        at = {"S": f"2026-11-24T20:00:0{number}Z"}
        item = key | {"type": {"S": "opt"}, "at": at, "revision": {"N": str(number)}}
        if rng.random() < 0.5:
            item |= {"open": {"S": "opt"}}
        revision = {":revision": {"N": str(rng.randrange(5))}}
        calls: list[Call] = [
            ("get_item", {"Key": key, "ConsistentRead": True}),
            ("put_item", {"Item": item}),
            (
                "put_item",
                {"Item": item, "ConditionExpression": "attribute_not_exists(pk)"},
            ),
            (
                "put_item",
                {
                    "Item": item,
                    "ConditionExpression": "attribute_not_exists(pk) OR revision < :revision",
                    "ExpressionAttributeValues": revision,
                },
            ),
            (
                "update_item",
                {
                    "Key": key,
                    "UpdateExpression": "SET #step = :at, #state = :state REMOVE #open",
                    "ConditionExpression": "attribute_exists(pk) AND"
                    " attribute_not_exists(#step) AND attribute_exists(#open)",
                    "ExpressionAttributeNames": {
                        "#step": "step_verified",
                        "#state": "state",
                        "#open": "open",
                    },
                    "ExpressionAttributeValues": {":at": at, ":state": {"S": "verified"}},
                },
            ),
            (
                "update_item",
                {
                    "Key": key,
                    "UpdateExpression": "SET #settled = :settled, #sent = :sent",
                    "ConditionExpression": "attribute_not_exists(#settled) OR #settled < :settled",
                    "ExpressionAttributeNames": {"#settled": "settled", "#sent": "sent"},
                    "ExpressionAttributeValues": {
                        ":settled": {"N": str(number)},
                        ":sent": {"BOOL": rng.random() < 0.5},
                    },
                },
            ),
            (
                "update_item",
                {
                    "Key": key,
                    "UpdateExpression": "SET first_seen = if_not_exists(first_seen, :at)",
                    "ExpressionAttributeValues": {":at": at},
                    "ReturnValues": "ALL_NEW",
                },
            ),
            (
                "update_item",
                {
                    "Key": key,
                    "UpdateExpression": "SET #sent = :sent",
                    "ConditionExpression": "#revision = :revision",
                    "ExpressionAttributeNames": {"#sent": "sent", "#revision": "revision"},
                    "ExpressionAttributeValues": revision | {":sent": {"BOOL": True}},
                },
            ),
            ("delete_item", {"Key": key}),
            (
                "query",
                {
                    "KeyConditionExpression": "pk = :pk AND sk > :before",
                    "ExpressionAttributeValues": {
                        ":pk": key["pk"],
                        ":before": {"S": "release#"},
                    },
                    "ScanIndexForward": rng.random() < 0.5,
                    "ConsistentRead": True,
                    "PaginationConfig": {"PageSize": 2},
                },
            ),
            (
                "query",
                {
                    "KeyConditionExpression": "pk = :pk AND sk BETWEEN :first AND :last",
                    "ExpressionAttributeValues": {
                        ":pk": key["pk"],
                        ":first": {"S": "release#000000000001"},
                        ":last": {"S": "release#000000000002~"},
                    },
                },
            ),
        ]
        yield rng.choice(calls)


@pytest.mark.parametrize("seed", range(2))
def test_table_answers_like_moto(seed: int) -> None:
    calls, mine = calls_of_the_ledger(random.Random(seed)), Paged()
    with mock_aws():
        theirs = boto3.client("dynamodb")
        make_table(theirs, "ledger")
        for number in range(150):
            operation, parameters = next(calls)
            named = {} if operation == "query" else {"TableName": "ledger"}
            expected = asked(theirs, operation, parameters | named)
            assert asked(mine, operation, parameters | named) == expected, (number, parameters)
        for index, name, sort in (("open", "open", "sk"), ("time", "type", "at")):
            query = {
                "IndexName": index,
                "KeyConditionExpression": "#key = :key",
                "ExpressionAttributeNames": {"#key": name},
                "ExpressionAttributeValues": {":key": {"S": "opt"}},
            }
            found, expected = asked(mine, "query", query), asked(theirs, "query", query)
            # Items with an equal sort key have no order in an index.
            assert [item[sort] for item in found] == [item[sort] for item in expected]
            assert sorted(map(str, map(sorted_item, found))) == sorted(
                map(str, map(sorted_item, expected))
            )


def sorted_item(item: dict[str, Any]) -> list[Any]:
    return sorted(item.items(), key=lambda each: each[0])


@pytest.mark.parametrize("seed", range(2))
def test_bucket_answers_like_moto(seed: int) -> None:
    rng, mine = random.Random(seed), S3()
    ids: list[tuple[str, str]] = []
    etags = ['"0"']
    with mock_aws():
        theirs = boto3.client("s3")
        theirs.create_bucket(Bucket=BUCKET)
        theirs.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
        for _ in range(80):
            key, body = rng.choice(("in.zip", "opt.zip")), str(rng.randrange(3)).encode()
            if rng.random() < 0.5:
                condition: dict[str, str] = rng.choice(
                    [{"IfMatch": rng.choice(etags)}, {"IfNoneMatch": "*"}, {}]
                )
                parameters = {"Bucket": BUCKET, "Key": key, "Body": body, "Metadata": {"a": "b"}}
                answers = [put(client, parameters | condition) for client in (mine, theirs)]
                assert answers[0][0] == answers[1][0]
                etags.append(answers[0][0])
                ids += [(answers[0][1], answers[1][1])] if answers[0][1] else []
            elif ids and rng.random() < 0.5:
                pair = rng.choice(ids)
                found = [got(mine, key, pair[0]), got(theirs, key, pair[1])]
                assert found[0] == found[1] or {found[0], found[1]} <= {
                    "NoSuchKey", "NoSuchVersion"
                }  # fmt: skip
            else:
                assert got(mine, key) == got(theirs, key)
        named = {theirs_id: mine_id for mine_id, theirs_id in ids}
        for mine_id, theirs_id in [("", ""), *ids]:
            if not mine_id.startswith("in.zip"):
                found = [named[each] for each in listed(theirs, theirs_id)]
                assert listed(mine, mine_id) == found


def put(client: Any, parameters: dict[str, Any]) -> tuple[str, str]:
    """Return the ETag and the version id of a new version, or the code of the error."""
    try:
        answer = client.put_object(**parameters)
    except ClientError as error:
        return error.response["Error"]["Code"], ""
    return answer["ETag"], answer["VersionId"]


def got(client: Any, key: str, version: str | None = None) -> Any:
    """Return what an object contains, or the code of the error."""
    named = {"VersionId": version} if version else {}
    try:
        answer = client.get_object(Bucket=BUCKET, Key=key, **named)
    except client.exceptions.NoSuchKey:
        return "NoSuchKey"
    except ClientError as error:
        return error.response["Error"]["Code"]
    return answer["Body"].read(), answer["ETag"], str(answer["Metadata"])


def listed(client: Any, before: str) -> list[str]:
    """Return the ids of the versions of an object, the newest first."""
    markers = {"KeyMarker": "opt.zip", "VersionIdMarker": before} if before else {}
    page = client.list_object_versions(Bucket=BUCKET, Prefix="opt.zip", MaxKeys=50, **markers)
    return [each["VersionId"] for each in page.get("Versions", [])]
