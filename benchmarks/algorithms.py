"""An environment of many algorithms, and a look at its releases."""

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from local.system import System
from phaseline.algorithms.names import TYPES
from phaseline.algorithms.schema import Schema
from phaseline.algorithms.table import AlgorithmsTable
from phaseline.aws import jitter
from phaseline.deploy.environment import PREFIX
from phaseline.documents.commit import Commits
from phaseline.documents.entry import Entry
from phaseline.documents.store import Documents
from phaseline.drift.releases import ReleaseCheck
from phaseline.pipeline.executions import Executions
from phaseline.releases.ledger import Ledger
from phaseline.site import manifests
from phaseline.site.bucket import Site

TYPE = "opt"
VERSIONS = 5
"""Tested versions of each algorithm."""
LOST = 100
"""Of so many algorithms one has a highest version that was never released."""
SINCE = "2026-11-24T20:00:00Z"
WRITERS = 8
BATCH = 25
"""Items of a BatchWriteItem.
https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
"""


def name(number: int) -> str:
    """What an algorithm is called."""
    return f"algorithm-{number}"


def active(number: int) -> str:
    """The version of it that the document and the website have."""
    return f"1.{VERSIONS - 2}" if number % LOST == 0 else f"1.{VERSIONS - 1}"


@dataclass(frozen=True)
class Algorithms:
    """The deployed registry and site of a system, reached through `session`."""

    system: System
    session: Any

    @property
    def table(self) -> str:
        """The table of versions."""
        return self.system.outputs["registry"]["AlgorithmsTableName"]

    @property
    def ledger(self) -> str:
        """The table of releases."""
        return self.system.outputs["registry"]["LedgerTableName"]

    @property
    def _documents(self) -> Documents:
        bucket = self.system.outputs["site"]["MetadataBucketName"]
        return Documents(self.session.client("s3"), bucket, PREFIX, jitter.pause)

    def grow(self, start: int, end: int) -> None:
        """Add the algorithms of these numbers, with the website that has them all."""
        client = self.session.client("dynamodb")
        items = (
            {
                "algorithm": {"S": name(number)},
                "version": {"S": f"1.{version}"},
                "type": {"S": TYPE},
                "phase": {"S": Schema().phase},
                "display": {"M": {"title": {"S": f"Algorithm {number}"}}},
            }
            for number in range(start, end)
            for version in range(VERSIONS)
        )
        with ThreadPoolExecutor(WRITERS) as pool:
            for _ in pool.map(lambda batch: self._write(client, batch), _batches(items)):
                pass
        entries = {
            name(number): Entry(active(number), {}, f"release-{number}", "", "1", SINCE)
            for number in range(end)
        }

        stored = self._documents.read(TYPE)
        self._documents.write(stored.document.revise(algorithms=entries), over=stored)
        self._publish()

    def _write(self, client: Any, items: list[dict[str, Any]]) -> None:
        client.batch_write_item(
            RequestItems={self.table: [{"PutRequest": {"Item": item}} for item in items]}
        )

    def _publish(self) -> None:
        """Put the manifest that a build of the newest documents has."""
        newest = {type_: self._documents.read(type_) for type_ in TYPES}
        documents = {
            type_: {
                "version_id": stored.version_id,
                "revision": stored.document.revision,
                "versions": stored.document.versions(),
            }
            for type_, stored in newest.items()
        }
        body = {"schema": 1, "commit": "0" * 40, "execution": "benchmark", "documents": documents}
        site, distributions = self.system.outputs["site"], self.session.client("cloudfront")
        self.session.client("s3").put_object(
            Bucket=site["SiteBucketName"], Key=manifests.NAME, Body=json.dumps(body).encode()
        )
        distributions.create_invalidation(
            DistributionId=site["DistributionId"],
            InvalidationBatch={
                "Paths": {"Quantity": 1, "Items": ["/*"]},
                "CallerReference": f"{newest[TYPE].document.revision}",
            },
        )

    def look(self) -> None:
        """The command's look at all releases; once, where the command looks twice.

        Raises RuntimeError where it does not come to what there is: the lost promotions.
        """
        session, site = self.session, self.system.outputs["site"]
        dynamodb, s3 = session.client("dynamodb"), session.client("s3")
        found = ReleaseCheck(
            environment="demo",
            promotes_from=None,
            commits=Commits(self._documents, Ledger(dynamodb, self.ledger)),
            registry=AlgorithmsTable(dynamodb, self.table, Schema()),
            site=Site(s3, site["SiteBucketName"], site["MetadataBucketName"]),
            site_url=self.system.edge_url,
            # Asked only where the website differs from the documents, which it does not.
            executions=Executions(
                session.client("codepipeline"), "none", clock=time.monotonic, sleep=time.sleep
            ),
            now=lambda: datetime.now(UTC),
        ).look()
        count = len(self._documents.read(TYPE).document.algorithms)
        lost = [one for one in found.findings if one.kind == "lost-promotion"]
        if found.failures or not len(lost) == len(found.findings) == -(-count // LOST):
            raise RuntimeError(
                f"{len(found.findings)} differences among {count} algorithms,"
                f" and not looked at: {found.failures}"
            )


def _batches(items: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    while batch := list(islice(items, BATCH)):
        yield batch
