"""What commands use of one deployed environment, each thing made when it is first wanted."""

import os
import time
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from phaseline import times
from phaseline.algorithms.table import AlgorithmsTable
from phaseline.aws import jitter
from phaseline.aws.secret import Secret
from phaseline.deploy import environment
from phaseline.deploy.environment import PREFIX, Environment
from phaseline.documents.store import Documents
from phaseline.errors import ConfigurationError
from phaseline.pipeline.executions import Executions
from phaseline.pipeline.recorder import Recorder
from phaseline.promotion.eligibility import Sources
from phaseline.promotion.upstream import Upstream
from phaseline.releases.ledger import Ledger
from phaseline.site.bucket import Site
from phaseline.site.cdn import Cdn
from phaseline.site.live import Lives
from scripts.cli import aws

if TYPE_CHECKING:
    from mypy_boto3_codepipeline import CodePipelineClient
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True)
class Services:
    """An environment's documents, ledger, table, pipeline, website and distribution."""

    name: str

    @cached_property
    def environment(self) -> Environment:
        """The names of everything, read from the stacks' outputs."""
        return environment.read(client("cloudformation"), self.name)

    @cached_property
    def s3(self) -> "S3Client":
        s3: S3Client = client("s3")
        return s3

    @cached_property
    def codepipeline(self) -> "CodePipelineClient":
        codepipeline: CodePipelineClient = client("codepipeline")
        return codepipeline

    @cached_property
    def documents(self) -> Documents:
        return Documents(self.s3, self.environment.metadata_bucket, PREFIX, jitter.pause)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(client("dynamodb"), self.environment.ledger_table)

    @cached_property
    def registry(self) -> AlgorithmsTable:
        known = self.environment
        return AlgorithmsTable(client("dynamodb"), known.algorithms_table, known.schema)

    @cached_property
    def lives(self) -> Lives:
        return Lives(self.ledger.client, self.environment.ledger_table)

    @cached_property
    def recorder(self) -> Recorder:
        known = self.environment
        return Recorder(self.codepipeline, known.pipeline, self.ledger.client, known.ledger_table)

    @cached_property
    def upstream(self) -> Upstream | None:
        """The environment that versions come from, where there is such an order. Raises
        ConfigurationError where that is this very one."""
        if self.environment.promotes_from is None:
            return None
        if self.environment.promotes_from == self.name:
            raise ConfigurationError(
                f"stack phaseline-{self.name}-listener",
                "PromotesFrom is the environment itself",
                "Name the environment before it, or nothing, and deploy.",
            )
        before = Services(self.environment.promotes_from)
        soak = timedelta(minutes=self.environment.soak_minutes)
        return Upstream(before.name, before.documents, before.ledger, soak)

    @property
    def sources(self) -> Sources:
        """Where a request finds what it is about."""
        return Sources(self.ledger, self.registry.tested, self.lives, self.upstream)

    @cached_property
    def executions(self) -> Executions:
        return Executions(
            self.codepipeline, self.environment.pipeline, clock=time.monotonic, sleep=time.sleep
        )

    @cached_property
    def site(self) -> Site:
        known = self.environment
        return Site(self.s3, known.site_bucket, known.metadata_bucket)

    @cached_property
    def cdn(self) -> Cdn:
        return Cdn(client("cloudfront"), self.environment.distribution, jitter.pause, time.time)

    @cached_property
    def slack_token(self) -> Secret:
        return Secret(
            self.environment.slack_token_arn,
            secretsmanager=client("secretsmanager"),
            ssm=client("ssm"),
        )


def client(service: Any) -> Any:
    """A client of the commands' one session."""
    return aws.client(service)


def now() -> str:
    """The time as ISO 8601, UTC."""
    return times.second(datetime.now(UTC))


def who() -> str:
    """Who runs the command: the workflow's actor, or the identity that AWS sees."""
    return os.environ.get("GITHUB_ACTOR") or str(client("sts").get_caller_identity()["Arn"])


def invocation() -> str:
    """An id of this run, the same when a job of GitHub Actions is run again."""
    return os.environ.get("GITHUB_RUN_ID") or str(uuid.uuid4())


def run_url() -> str | None:
    """The page of the workflow run that this is a part of, if it is."""
    known = [os.environ.get(f"GITHUB_{name}") for name in ("SERVER_URL", "REPOSITORY", "RUN_ID")]
    return f"{known[0]}/{known[1]}/actions/runs/{known[2]}" if all(known) else None
