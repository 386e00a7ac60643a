"""A running local system: its addresses, clients and names.

It runs the same templates, Lambda functions and scripts as AWS does. Only the addresses and the
credentials differ. The modules of this folder start a system, attach to it, deploy to it
and use it.
"""

import os
import socket
import subprocess
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from time import sleep
from typing import Any
from urllib.parse import urlsplit

import boto3

from local.parts import PartError
from local.waiting import PATIENCE
from phaseline.deploy.environment import PREFIX
from phaseline.documents.document import Document
from phaseline.documents.store import Documents
from phaseline.errors import ConfigurationError
from phaseline.releases.ledger import Ledger

ROOT = Path(__file__).parents[2]
ENVIRONMENT = "demo"
FRONTEND = "acme/storefront"
AUTOMATION = "acme/automation"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_REGION": "us-east-1",
}
EMULATOR_PART = "the AWS emulator"
EMULATOR_LOG, STANDINS_LOG = "emulator.log", "standins.log"


@dataclass
class System:
    """A running system: its addresses, and the outputs of its stacks.

    `folder` contains its logs and git repositories. `outputs` contains the outputs by the short
    name of the stack. `emulator` is the process of the emulator, or None if another process started
    the system.
    """

    folder: Path
    endpoint: str
    github_url: str
    slack_url: str
    edge_url: str
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    emulator: subprocess.Popen[bytes] | None = None

    def check(self) -> None:
        """Check that every part accepts a connection. Raises PartError for one that does not."""
        parts = {
            EMULATOR_PART: (self.endpoint, EMULATOR_LOG),
            "GitHub": (self.github_url, STANDINS_LOG),
            "Slack": (self.slack_url, STANDINS_LOG),
            "the edge": (self.edge_url, STANDINS_LOG),
        }
        for part, (url, log) in parts.items():
            if not listens(url):
                raise PartError(part, f"nothing answers at {url}", self.folder / log)

    def client(self, service: str) -> Any:
        """Return a client of an AWS service, with an administrator's permissions."""
        return client(self.endpoint, service)

    @property
    def environ(self) -> dict[str, str]:
        """The environment variables with which the commands reach this system."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("AWS_")
        }
        return inherited | CREDENTIALS | {"AWS_ENDPOINT_URL": self.endpoint}

    @property
    def pipeline(self) -> str:
        """The name of the pipeline."""
        return self.output("pipeline", "PipelineName")

    @property
    def ledger(self) -> Ledger:
        """The releases ledger."""
        return Ledger(self.client("dynamodb"), self.output("registry", "LedgerTableName"))

    @property
    def table(self) -> str:
        """The name of the algorithms table."""
        return self.output("registry", "AlgorithmsTableName")

    def document(self, type_: str) -> Document:
        """Return the newest metadata document of a type."""
        bucket = self.output("site", "MetadataBucketName")
        return Documents(self.client("s3"), bucket, PREFIX, sleep).read(type_).document

    def output(self, stack: str, name: str) -> str:
        """Return an output of a stack. Raises ConfigurationError if the stack is not deployed."""
        try:
            return self.outputs[stack][name]
        except KeyError as error:
            raise ConfigurationError(
                f"the stack {stack}",
                "it is not deployed yet",
                "Try again when `demo` has deployed it.",
            ) from error

    def function(self, resource: str) -> str:
        """Return the name of a function from its logical ID, such as StreamListener."""
        name = f"{resource}FunctionName"
        stack = next((stack for stack, known in self.outputs.items() if name in known), "listener")
        return self.output(stack, name)


@cache
def client(endpoint: str, service: str) -> Any:
    """Return a client of an AWS service at the address of an emulator."""
    session: Any = boto3.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=CREDENTIALS["AWS_REGION"],
    )
    return session.client(service, endpoint_url=endpoint)


def listens(url: str) -> bool:
    """Return whether a server accepts connections at an address."""
    parts = urlsplit(url)
    try:
        socket.create_connection((str(parts.hostname), int(parts.port or 0)), PATIENCE).close()
    except OSError:
        return False
    return True
