"""The services of one environment: its clients, stores and pipeline."""

import time
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from phaseline.algorithms.table import AlgorithmsTable
from phaseline.aws import jitter
from phaseline.aws.secret import Secret
from phaseline.deploy import environment
from phaseline.deploy.environment import PREFIX, Environment
from phaseline.documents.commit import Commits
from phaseline.documents.store import Documents
from phaseline.errors import ConfigurationError
from phaseline.pipeline.build_log import BuildLogs
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
    """The services of the environment `name`. Each is created when it is first used."""

    name: str

    @cached_property
    def environment(self) -> Environment:
        """The settings of the environment, read from the outputs of its stacks."""
        return environment.read(aws.client("cloudformation"), self.name)

    @cached_property
    def s3(self) -> "S3Client":
        s3: S3Client = aws.client("s3")
        return s3

    @cached_property
    def codepipeline(self) -> "CodePipelineClient":
        codepipeline: CodePipelineClient = aws.client("codepipeline")
        return codepipeline

    @cached_property
    def build_logs(self) -> BuildLogs:
        return BuildLogs(aws.client("codebuild"), aws.client("logs"))

    @cached_property
    def documents(self) -> Documents:
        return Documents(self.s3, self.environment.metadata_bucket, PREFIX, jitter.pause)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(aws.client("dynamodb"), self.environment.ledger_table)

    @property
    def commits(self) -> Commits:
        return Commits(self.documents, self.ledger)

    @cached_property
    def registry(self) -> AlgorithmsTable:
        settings = self.environment
        return AlgorithmsTable(aws.client("dynamodb"), settings.algorithms_table, settings.schema)

    @cached_property
    def lives(self) -> Lives:
        return Lives(self.ledger.client, self.environment.ledger_table)

    @cached_property
    def recorder(self) -> Recorder:
        settings = self.environment
        return Recorder(
            self.codepipeline, settings.pipeline, self.ledger.client, settings.ledger_table
        )

    @cached_property
    def upstream(self) -> Upstream | None:
        """The environment that this one promotes from, or None.

        Raises ConfigurationError if an environment promotes from itself.
        """
        if self.environment.promotes_from is None:
            return None
        if self.environment.promotes_from == self.name:
            raise ConfigurationError(
                f"stack phaseline-{self.name}-listener",
                "PromotesFrom names the environment itself",
                "Set PromotesFrom to another environment, or leave it empty, and deploy.",
            )
        upstream = Services(self.environment.promotes_from)
        soak = timedelta(minutes=self.environment.soak_minutes)
        return Upstream(upstream.name, upstream.documents, upstream.ledger, soak)

    @property
    def sources(self) -> Sources:
        """The sources from which a request is checked."""
        return Sources(self.ledger, self.registry.tested, self.lives, self.upstream)

    @cached_property
    def executions(self) -> Executions:
        return Executions(
            self.codepipeline, self.environment.pipeline, clock=time.monotonic, sleep=time.sleep
        )

    @cached_property
    def site(self) -> Site:
        settings = self.environment
        return Site(self.s3, settings.site_bucket, settings.metadata_bucket)

    @cached_property
    def cdn(self) -> Cdn:
        return Cdn(aws.client("cloudfront"), self.environment.distribution, jitter.pause, time.time)

    @cached_property
    def slack_token(self) -> Secret:
        return Secret(
            self.environment.slack_token_arn,
            secretsmanager=aws.client("secretsmanager"),
            ssm=aws.client("ssm"),
        )
