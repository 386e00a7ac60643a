"""The whole system on one machine: start it, deploy to it, use it, stop it.

It runs the same templates, Lambdas and scripts as AWS does. Only addresses and credentials differ.
"""

import fcntl
import json
import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from time import sleep
from typing import Any
from urllib.parse import urlsplit

import boto3
import urllib3

from local import standins
from local.github import repositories
from local.parts import PartError, end
from local.waiting import PATIENCE, until
from local.workflows.runner import Settings
from phaseline.deploy.environment import PREFIX
from phaseline.deploy.plan import STACKS
from phaseline.documents.document import Document
from phaseline.documents.store import Documents
from phaseline.errors import ConfigurationError, RefusedError, RemoteCallError
from phaseline.releases.ledger import Ledger

ROOT = Path(__file__).parents[1]
EMULATOR = ROOT / ".phaseline/emulator/bin/python"
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
WITH_BOUNDARY = tuple(f"--stack={name}" for name in ("cloudformation", *STACKS))
"""Options that deploy all stacks without workflows' roles: cloudformation has the boundary."""
START = "Start one with `make demo`."
KNOWN = "system.json"
EMULATOR_LOG, STANDINS_LOG = "emulator.log", "standins.log"


@dataclass
class System:
    """A running system: its addresses, and what was deployed.

    `folder` holds its logs and git repositories; `outputs` the stacks' outputs by the stack's
    short name. `emulator` is the emulator's process where this process started it.
    """

    folder: Path
    endpoint: str
    github_url: str
    slack_url: str
    edge_url: str
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    emulator: subprocess.Popen[bytes] | None = None

    @classmethod
    def attach(cls, folder: Path) -> "System":
        """The system that another process runs in `folder`.

        Raises ConfigurationError where there is none, and PartError where a part of it is gone.
        """
        system = cls._read(folder)
        if system.folder.resolve() != folder.resolve():
            found = f"it is of another checkout's system, in {system.folder}"
            raise ConfigurationError(str(folder / KNOWN), found, START)
        if not _is_held(folder):
            raise ConfigurationError(str(folder), "the system that ran here was killed", START)
        system.check()
        return system

    @classmethod
    def _read(cls, folder: Path) -> "System":
        """Read the system that the file in the folder describes. Raises ConfigurationError."""
        try:
            known = json.loads((folder / KNOWN).read_text(encoding="utf-8"))
            return cls(**known | {"folder": Path(known["folder"])})
        except FileNotFoundError as error:
            if _is_held(folder):
                found, remedy = "the system here starts or stops", "Try again in a moment."
            else:
                found, remedy = "no system runs here", START
            raise ConfigurationError(str(folder), found, remedy) from error
        except (KeyError, TypeError, ValueError) as error:
            found = "another version of Phaseline has written it"
            remedy = f"Stop that system if it runs. {START}"
            raise ConfigurationError(str(folder / KNOWN), found, remedy) from error

    def check(self) -> None:
        """Check that every part accepts a connection. Raises PartError for one that does not."""
        parts = {
            EMULATOR_PART: (self.endpoint, EMULATOR_LOG),
            "GitHub": (self.github_url, STANDINS_LOG),
            "Slack": (self.slack_url, STANDINS_LOG),
            "the edge": (self.edge_url, STANDINS_LOG),
        }
        for part, (url, log) in parts.items():
            if not _listens(url):
                raise PartError(part, f"nothing answers at {url}", self.folder / log)

    def client(self, service: str) -> Any:
        """A client of one AWS service, with the rights of the account's administrator."""
        return _client(self.endpoint, service)

    @property
    def environ(self) -> dict[str, str]:
        """The environment in which scripts reach this system: ordinary AWS variables."""
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("AWS_")
        }
        return inherited | CREDENTIALS | {"AWS_ENDPOINT_URL": self.endpoint}

    @property
    def pipeline(self) -> str:
        """The pipeline's name."""
        return self.output("pipeline", "PipelineName")

    @property
    def ledger(self) -> Ledger:
        """The releases ledger."""
        return Ledger(self.client("dynamodb"), self.output("registry", "LedgerTableName"))

    def document(self, type_: str) -> Document:
        """Return the newest metadata document of a type."""
        bucket = self.output("site", "MetadataBucketName")
        return Documents(self.client("s3"), bucket, PREFIX, sleep).read(type_).document

    @property
    def table(self) -> str:
        """The algorithms table's name."""
        return self.output("registry", "AlgorithmsTableName")

    def output(self, stack: str, name: str) -> str:
        """An output of a stack. Raises ConfigurationError before the stack is deployed."""
        try:
            return self.outputs[stack][name]
        except KeyError as error:
            raise ConfigurationError(
                f"the stack {stack}",
                "it is not deployed yet",
                "Try again when `demo` has deployed it.",
            ) from error

    def function(self, resource: str) -> str:
        """The name of a function by its resource in the templates, such as StreamListener."""
        name = f"{resource}FunctionName"
        stack = next((stack for stack, known in self.outputs.items() if name in known), "listener")
        return self.output(stack, name)

    def deploy(self) -> None:
        """Run `python -m scripts deploy`, as a person would, and point the edge at the result."""
        self.run_deploy("deploy.log", self.parameters(), *WITH_BOUNDARY)
        self.follow_stacks()

    def parameters(self) -> dict[str, str]:
        """Return the values of the templates' parameters for this system."""
        return {
            "SiteUrl": self.edge_url,
            "GithubApiUrl": self.github_url,
            "GithubTokenArn": self._secret("github", standins.GITHUB_TOKEN),
            "GithubRepository": AUTOMATION,
            "SlackApiUrl": self.slack_url,
            "SlackTokenArn": self._secret("slack", standins.SLACK_TOKEN),
            "SlackChannel": next(iter(standins.CHANNELS.values())),
            "FrontendRepository": FRONTEND,
        }

    def run_deploy(self, log_name: str, parameters: Mapping[str, str], *options: str) -> None:
        """Run the deploy command with an administrator's rights. Raises PartError."""
        command = [sys.executable, "-m", "scripts", "deploy", "--environment", ENVIRONMENT]
        for name, value in parameters.items():
            command += ["--parameter", f"{name}={value}"]
        log = self.folder / log_name
        with log.open("w") as output:
            deployed = subprocess.run(
                [*command, *options], cwd=ROOT, env=self.environ, stdout=output, stderr=output
            )
        if deployed.returncode:
            raise PartError("the deployment", f"it {end(deployed.returncode)}", log)

    def follow_stacks(self) -> None:
        """Read the stacks' outputs, point the edge at the site, and let other processes attach."""
        self.outputs = self._outputs()
        if "site" in self.outputs:
            distribution = {"id": self.outputs["site"]["DistributionId"]}
            self.ask("the edge", "POST", f"{self.edge_url}/_phaseline/distribution", distribution)
        self.save()

    def save(self) -> None:
        """Let other processes attach. The file is replaced whole, so that none reads half of it."""
        known = {name: value for name, value in vars(self).items() if name != "emulator"}
        unfinished = self.folder / "system.part"
        unfinished.write_text(json.dumps(known | {"folder": str(self.folder)}), encoding="utf-8")
        unfinished.replace(self.folder / KNOWN)

    def _secret(self, name: str, value: str) -> str:
        """Return the ARN of the secret, which is created with this value if it does not exist."""
        client = self.client("secretsmanager")
        try:
            return str(client.create_secret(Name=f"phaseline/{name}", SecretString=value)["ARN"])
        except client.exceptions.ResourceExistsException:
            return str(client.describe_secret(SecretId=f"phaseline/{name}")["ARN"])

    def _outputs(self) -> dict[str, dict[str, str]]:
        prefix = f"phaseline-{ENVIRONMENT}-"
        stacks = self.client("cloudformation").describe_stacks()["Stacks"]
        return {
            stack["StackName"].removeprefix(prefix): {
                output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])
            }
            for stack in stacks
            if stack["StackName"].startswith(prefix)
        }

    def write_algorithm(
        self, algorithm: str, version: str, *, type_: str, phase: str, title: str, summary: str
    ) -> None:
        """Put an algorithm version into the table, as the teams' test flow does."""
        self.client("dynamodb").put_item(
            TableName=self.table,
            Item={
                "algorithm": {"S": algorithm},
                "version": {"S": version},
                "type": {"S": type_},
                "phase": {"S": phase},
                "display": {"M": {"title": {"S": title}, "summary": {"S": summary}}},
            },
        )

    def phase(self, algorithm: str, version: str) -> str | None:
        """The phase of an item of the table; None where there is no item."""
        key = {"algorithm": {"S": algorithm}, "version": {"S": version}}
        reply = self.client("dynamodb").get_item(TableName=self.table, Key=key, ConsistentRead=True)
        phase: str | None = reply.get("Item", {}).get("phase", {}).get("S")
        return phase

    def set_phase(self, algorithm: str, version: str, phase: str) -> None:
        """Change an item's phase, and nothing else. Raises RefusedError where there is no item."""
        client = self.client("dynamodb")
        try:
            client.update_item(
                TableName=self.table,
                Key={"algorithm": {"S": algorithm}, "version": {"S": version}},
                UpdateExpression="SET phase = :phase",
                ExpressionAttributeValues={":phase": {"S": phase}},
                ConditionExpression="attribute_exists(algorithm)",
            )
        except client.exceptions.ConditionalCheckFailedException as error:
            raise RefusedError(
                f"table {self.table}",
                f"there is no item {algorithm} {version}",
                "Promote it first, or correct its name.",
            ) from error

    def commit_frontend(self, changes: Mapping[str, str | None], message: str) -> str:
        """Push a change to the frontend's repository, and return the commit."""
        return repositories.commit(self.folder / "git", FRONTEND, changes, message=message)

    def read_frontend(self, path: str) -> str:
        """A file of the frontend's repository, at its branch's head."""
        bare = repositories.location(self.folder / "git", FRONTEND)
        return repositories.git("show", f"{repositories.BRANCH}:{path}", cwd=bare) + "\n"

    def get(self, path: str) -> tuple[int, str, str]:
        """Request a page of the website, and return its status, text and X-Cache header."""
        url = f"{self.edge_url}{path}"
        answer = urllib3.request("GET", url, retries=False, timeout=PATIENCE)
        return answer.status, answer.data.decode(), answer.headers.get("X-Cache", "")

    def served(self) -> dict[str, Any]:
        """The manifest that the website serves; empty before the first publication."""
        status, text, _ = self.get("/phaseline.json")
        manifest: dict[str, Any] = json.loads(text) if status == 200 else {}
        return manifest

    def served_versions(self, type_: str) -> dict[str, str]:
        """The active versions of one type that the website shows."""
        documents = self.served().get("documents", {})
        versions: dict[str, str] = documents.get(type_, {}).get("versions", {})
        return versions

    def slack_messages(self) -> list[dict[str, Any]]:
        """The messages in Slack, oldest first."""
        base = self.slack_url.removesuffix("api/")
        return self._list("Slack", f"{base}_phaseline/messages")

    def runs(self) -> list[dict[str, Any]]:
        """The runs of workflows, oldest first."""
        return self._list("GitHub", f"{self.github_url}/_phaseline/runs")

    def dispatches(self) -> list[dict[str, Any]]:
        """The repository_dispatch events that GitHub received, oldest first."""
        return self._list("GitHub", f"{self.github_url}/_phaseline/dispatches")

    def ask(
        self,
        part: str,
        method: str,
        url: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Send a request to a stand-in, and return its JSON. Raises RemoteCallError if refused."""
        answer = urllib3.request(
            method, url, json=body, headers=headers, retries=False, timeout=PATIENCE
        )
        if answer.status >= 400:
            where = f"{part}, {method} {urlsplit(url).path}"
            found = f"{answer.status} {_message(answer.data.decode(errors='replace'))}"
            raise RemoteCallError(where, found, f"Its log is {self.folder / STANDINS_LOG}")
        return answer.json() if answer.data else None

    def _list(self, part: str, url: str) -> list[dict[str, Any]]:
        values: list[dict[str, Any]] = self.ask(part, "GET", url)
        return values


@contextmanager
def running(folder: Path, *, workflows: bool = False) -> Iterator[System]:
    """Start the emulator and the stand-ins, with nothing deployed, and stop them at the end.

    With `workflows`, GitHub has this very repository as it is on disk, and runs its workflows.

    `folder` is made anew: each start is the first one of an empty account. Raises RefusedError
    where another process runs a system in it.
    """
    port = _free_port()
    endpoint = f"http://127.0.0.1:{port}"
    with _alone(folder), _emulator(port, folder) as emulator, _logged(folder / STANDINS_LOG):
        repositories.ensure(
            folder / "git",
            FRONTEND,
            folder=ROOT / "examples/frontend",
            push_url=f"{endpoint}/_phaseline/push",
        )
        # Here nothing is on its way for longer than a few seconds.
        environ = {"AWS_ENDPOINT_URL": endpoint, "PHASELINE_SETTLE": "3"}
        settings = Settings(folder / "git", folder / "runs", environ)
        started = standins.start(
            cloudfront=_client(endpoint, "cloudfront"),
            endpoint=endpoint,
            workflows=settings if workflows else None,
        )
        try:
            if workflows:
                push_url = f"{started.github_url}/_phaseline/push"
                repositories.ensure(folder / "git", AUTOMATION, folder=ROOT, push_url=push_url)
            addresses = (started.github_url, started.slack_url, started.edge_url)
            system = System(folder, endpoint, *addresses, emulator=emulator)
            system.save()
            yield system
        finally:
            started.stop()
            (folder / KNOWN).unlink(missing_ok=True)


def _lock(folder: Path) -> Path:
    return folder.with_suffix(".lock")


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _lock(folder).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RefusedError(
                str(folder), "a system runs here already", "Stop it with Ctrl-C in its terminal."
            ) from error
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "git").mkdir(parents=True)
        yield


def _is_held(folder: Path) -> bool:
    """Whether a process runs a system in the folder: the kernel lets go of a killed one's lock."""
    try:
        with _lock(folder).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


@contextmanager
def _emulator(port: int, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the emulator. Raises PartError in place of whatever its death leads to."""
    command = [str(EMULATOR), str(ROOT / "local/aws/serve.py"), "--port", str(port)]
    # The emulator of a demo that was killed may still remove its own files.
    command += ["--git-root", str(folder / "git"), "--state", str(folder / f"state-{port}")]
    if not EMULATOR.exists():
        raise ConfigurationError(str(EMULATOR), "it is not there", "Run `make setup`.")
    log = folder / EMULATOR_LOG
    with log.open("wb") as output:
        # A group of its own: Ctrl-C on the terminal must not reach it before the rest has ended.
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=output, stderr=output, start_new_session=True
        )
    try:
        until(
            lambda: _is_up(f"http://127.0.0.1:{port}", process),
            what=f"{EMULATOR_PART}, whose log is {log}",
        )
        yield process
    except BaseException as error:
        if process.poll() is not None:
            raise PartError(EMULATOR_PART, f"it {end(process.returncode)}", log) from error
        raise
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()


@contextmanager
def _logged(file: Path) -> Iterator[None]:
    """Write what the stand-ins report about themselves to a file, not to the terminal."""
    handler = logging.FileHandler(file, encoding="utf-8")
    loggers = [logging.getLogger(name) for name in ("local", "werkzeug")]
    for logger in loggers:
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger in loggers:
            logger.removeHandler(handler)
        handler.close()


def _message(body: str) -> str:
    """What a refusal says: GitHub's own words where it is GitHub's."""
    try:
        return str(json.loads(body)["message"])
    except (ValueError, KeyError, TypeError):
        return body.strip()


@cache
def _client(endpoint: str, service: str) -> Any:
    session: Any = boto3.Session(
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        region_name=CREDENTIALS["AWS_REGION"],
    )
    return session.client(service, endpoint_url=endpoint)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_up(url: str, process: subprocess.Popen[bytes]) -> bool:
    """Whether a process listens. Raises ChildProcessError where it has ended."""
    if process.poll() is not None:
        raise ChildProcessError
    return _listens(url)


def _listens(url: str) -> bool:
    parts = urlsplit(url)
    try:
        socket.create_connection((str(parts.hostname), int(parts.port or 0)), PATIENCE).close()
    except OSError:
        return False
    return True
