"""Documents and a ledger within moto, as an environment has them after its first deployment."""

import boto3

from phaseline.documents.store import Documents
from phaseline.releases.ledger import Ledger
from tests.unit.documents.test_store import BUCKET, never
from tests.unit.releases.test_ledger import make_table


def make_stores() -> tuple[Documents, Ledger]:
    """Empty documents, whose versions are kept, and an empty ledger."""
    s3, dynamodb = boto3.client("s3"), boto3.client("dynamodb")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    make_table(dynamodb, "ledger")
    documents = Documents(s3, BUCKET, "metadata/", never)
    documents.create_missing()
    return documents, Ledger(dynamodb, "ledger")
