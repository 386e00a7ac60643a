"""The whole system on one machine: start it, deploy to it, use it, stop it.

The same templates, Lambdas and scripts as on AWS: nothing but addresses and credentials tells
them that the account is an emulator.
"""

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import boto3
import urllib3

from local import repositories, standins
from local.runner import Settings
from phaseline.errors import RefusedError
from phaseline.ledger import Ledger

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
START_TIMEOUT = 60.0


@dataclass
class System:
    """A running system: its addresses, and what was deployed.

    `folder` holds its logs and git repositories; `outputs` the stacks' outputs by the stack's
    short name.
    """

    folder: Path
    endpoint: str
    github_url: str
    slack_url: str
    edge_url: str
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)

    @classmethod
    def attach(cls, folder: Path) -> "System":
        """The system that another process runs in `folder`. Raises OSError if there is none."""
        known = json.loads((folder / "system.json").read_text())
        return cls(**known | {"folder": folder})

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
        return self.outputs["pipeline"]["PipelineName"]

    @property
    def ledger(self) -> Ledger:
        """The releases ledger."""
        return Ledger(self.client("dynamodb"), self.outputs["registry"]["LedgerTableName"])

    def deploy(self) -> None:
        """Run `python -m scripts deploy`, as a person would, and point the edge at the result."""
        self.run_deploy("deploy.log", self.parameters())
        self.follow_stacks()

    def parameters(self) -> dict[str, str]:
        """The values of this system that the templates ask for."""
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
        """Run the deploy command with an administrator's rights. Raises RuntimeError."""
        command = [sys.executable, "-m", "scripts", "deploy", "--environment", ENVIRONMENT]
        for name, value in parameters.items():
            command += ["--parameter", f"{name}={value}"]
        log = self.folder / log_name
        with log.open("w") as output:
            deployed = subprocess.run(
                [*command, *options], cwd=ROOT, env=self.environ, stdout=output, stderr=output
            )
        if deployed.returncode:
            raise RuntimeError(
                f"the deployment failed; its log is {log}:\n{log.read_text()[-3000:]}"
            )

    def follow_stacks(self) -> None:
        """Learn the stacks' outputs, point the edge at the site, and let others attach."""
        self.outputs = self._outputs()
        if "site" in self.outputs:
            distribution = {"id": self.outputs["site"]["DistributionId"]}
            urllib3.request("POST", f"{self.edge_url}/_phaseline/distribution", json=distribution)
        known = asdict(self) | {"folder": str(self.folder)}
        (self.folder / "system.json").write_text(json.dumps(known))

    def _secret(self, name: str, value: str) -> str:
        """The ARN of a secret with this value, made if it is not there."""
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
            TableName=self.outputs["registry"]["AlgorithmsTableName"],
            Item={
                "algorithm": {"S": algorithm},
                "version": {"S": version},
                "type": {"S": type_},
                "phase": {"S": phase},
                "display": {"M": {"title": {"S": title}, "summary": {"S": summary}}},
            },
        )

    def set_phase(self, algorithm: str, version: str, phase: str) -> None:
        """Change an item's phase, and nothing else. Raises RefusedError where there is no item."""
        client = self.client("dynamodb")
        table = self.outputs["registry"]["AlgorithmsTableName"]
        try:
            client.update_item(
                TableName=table,
                Key={"algorithm": {"S": algorithm}, "version": {"S": version}},
                UpdateExpression="SET phase = :phase",
                ExpressionAttributeValues={":phase": {"S": phase}},
                ConditionExpression="attribute_exists(algorithm)",
            )
        except client.exceptions.ConditionalCheckFailedException as error:
            raise RefusedError(
                f"table {table}",
                f"there is no item {algorithm} {version}",
                "Promote it first, or correct its name.",
            ) from error

    def commit_frontend(self, changes: Mapping[str, str | None], message: str) -> str:
        """Push a change to the frontend's repository; the commit."""
        return repositories.commit(self.folder / "git", FRONTEND, changes, message=message)

    def read_frontend(self, path: str) -> str:
        """A file of the frontend's repository, at its branch's head."""
        bare = repositories.location(self.folder / "git", FRONTEND)
        return repositories.git("show", f"{repositories.BRANCH}:{path}", cwd=bare) + "\n"

    def get(self, path: str) -> tuple[int, str, str]:
        """What a visitor gets of the website: status, text, and whether the edge had it."""
        answer = urllib3.request("GET", f"{self.edge_url}{path}", retries=False)
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
        return _get_json(f"{base}_phaseline/messages")

    def runs(self) -> list[dict[str, Any]]:
        """The runs of workflows, oldest first."""
        return _get_json(f"{self.github_url}/_phaseline/runs")

    def dispatches(self) -> list[dict[str, Any]]:
        """The repository_dispatch events that GitHub received, oldest first."""
        return _get_json(f"{self.github_url}/_phaseline/dispatches")


@contextmanager
def running(folder: Path, *, workflows: bool = False) -> Iterator[System]:
    """Start the emulator and the stand-ins, with nothing deployed, and stop them at the end.

    With `workflows`, GitHub has this very repository as it is on disk, and runs its workflows.

    `folder` is made anew: each start is the first one of an empty account. Raises RefusedError
    where another process runs a system in it.
    """
    port = _free_port()
    endpoint = f"http://127.0.0.1:{port}"
    with _alone(folder), _emulator(port, folder):
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
            yield System(folder, endpoint, started.github_url, started.slack_url, started.edge_url)
        finally:
            started.stop()
            (folder / "system.json").unlink(missing_ok=True)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise RefusedError(
                str(folder), "a system runs here already", "Stop it with Ctrl-C in its terminal."
            ) from error
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "git").mkdir(parents=True)
        yield


@contextmanager
def _emulator(port: int, folder: Path) -> Iterator[None]:
    command = [str(EMULATOR), str(ROOT / "local/emulator/serve.py"), "--port", str(port)]
    command += ["--git-root", str(folder / "git"), "--state", str(folder / "state")]
    log = folder / "emulator.log"
    with log.open("wb") as output:
        # A group of its own: Ctrl-C on the terminal must not reach it before the rest has ended.
        process = subprocess.Popen(
            command, cwd=ROOT, stdout=output, stderr=output, start_new_session=True
        )
    try:
        _wait_until_up(port, process, log)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


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


def _wait_until_up(port: int, emulator: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline and emulator.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError(f"the emulator did not start; its log is {log}:\n{log.read_text()[-3000:]}")


def _get_json(url: str) -> list[dict[str, Any]]:
    values: list[dict[str, Any]] = urllib3.request("GET", url, retries=False).json()
    return values
