"""Documents and a ledger within moto, as an environment has them after its first deployment."""

from collections.abc import Callable
from typing import Any

import boto3

from phaseline.documents.document import Document
from phaseline.documents.store import Documents, Stored
from phaseline.releases.ledger import Ledger

BUCKET = "metadata-bucket"
AT = "2026-11-24T20:00:00Z"


def never(longest: float) -> None:
    """A pause that takes no time."""


def make_table(client: Any, name: str) -> None:
    """The ledger table with the keys of infra/registry.yaml."""
    text = {"AttributeType": "S"}
    client.create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[
            {"AttributeName": n} | text for n in ("pk", "sk", "open", "type", "at")
        ],
        KeySchema=[
            {"AttributeName": "pk", "KeyType": "HASH"},
            {"AttributeName": "sk", "KeyType": "RANGE"},
        ],
        GlobalSecondaryIndexes=[
            {
                "IndexName": name,
                "KeySchema": [
                    {"AttributeName": attribute, "KeyType": "HASH"},
                    {"AttributeName": order, "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "ALL"},
            }
            for name, attribute, order in (("open", "open", "sk"), ("time", "type", "at"))
        ],
    )


def make_stores() -> tuple[Documents, Ledger]:
    """Empty documents, whose versions are kept, and an empty ledger."""
    s3, dynamodb = boto3.client("s3"), boto3.client("dynamodb")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    make_table(dynamodb, "ledger")
    documents = Documents(s3, BUCKET, "metadata/", never)
    documents.create_missing()
    return documents, Ledger(dynamodb, "ledger")


def rewrite(documents: Documents, type_: str, change: Callable[[Document], Document]) -> Stored:
    """Store what `change` makes of a document, tried again where other writers are faster."""
    for read in documents.attempts(type_):
        if stored := documents.write(change(read.document), over=read):
            return stored
    raise documents.contended(type_)
