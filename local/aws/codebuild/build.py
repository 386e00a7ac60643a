"""One build of a project: its phases in order, in subprocesses instead of a container."""

import os
import shlex
import signal
import subprocess
import sys
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

from ministack.services import codebuild as service

from local.aws.codebuild import buildspec
from local.aws.codebuild.buildlog import BuildLog
from local.aws.codepipeline.context import Context
from local.aws.ministack.scope import REGION

PRINCIPAL = "codebuild.amazonaws.com"
_STATUS = {"BUILD_TIMED_OUT": "TIMED_OUT", "STOPPED": "STOPPED"}
_running: set[subprocess.Popen[bytes]] = set()


class PhaseFailedError(Exception):
    """A phase of the build failed. The code is one of CodeBuild's."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def kill_all() -> None:
    """End the running builds with all processes that they started."""
    for process in list(_running):
        _kill(process)


class Build:
    """One build with its phases, log and record."""

    def __init__(self, context: Context, record: dict[str, Any], directory: Path) -> None:
        self.context, self.record, self.directory = context, record, directory
        self.role = record["serviceRole"]
        self.project_arn = service._project_arn(record["projectName"])
        self.deadline = time.monotonic() + 60 * int(record["timeoutInMinutes"])
        self.sources = {
            artifact.name: directory / f"src{index}" / "src"
            for index, artifact in enumerate(context.run.inputs)
        }
        primary = context.run.configuration.get("PrimarySource", context.run.inputs[0].name)
        self.source = self.sources[primary]
        self.environment: dict[str, str] = {}
        self.log: BuildLog | None = None
        self.failed: PhaseFailedError | None = None

    def run(self) -> dict[str, str]:
        """Run all phases. Return the variables that a successful build exports."""
        exported: dict[str, str] = {}
        try:
            self._phase("SUBMITTED", lambda: None)
            self._phase("PROVISIONING", self._provision)
            self._phase("DOWNLOAD_SOURCE", self._download)
            spec = self._spec()
            self.environment = self._build_environment(spec)
            self._run_phases(spec)
            if not self.failed:
                self._phase("UPLOAD_ARTIFACTS", lambda: self._upload(spec))
                exported = {
                    n: v for n, v in self._exported(spec.shell).items() if n in spec.exported
                }
        except PhaseFailedError as error:
            self.failed = self.failed or error
        self._finish()
        return exported

    def _client(self, name: str) -> Any:
        return self.context.roles.client(self.role, PRINCIPAL, name, source=self.project_arn)

    def _provision(self) -> None:
        try:
            place = self.record["logs"]
            self.log = BuildLog(self._client("logs"), place["groupName"], place["streamName"])
        except Exception as error:
            raise PhaseFailedError("ACCESS_DENIED", f"ACCESS_DENIED: {error}") from error

    def _download(self) -> None:
        s3 = self._client("s3")
        for artifact in self.context.run.inputs:
            try:
                data = s3.get_object(Bucket=artifact.bucket, Key=artifact.key)["Body"].read()
                buildspec.unpack(data, self.sources[artifact.name])
            except zipfile.BadZipFile as error:
                message = f"Input artifact {artifact.name}: zip: not a valid zip file"
                raise PhaseFailedError("CLIENT_ERROR", message) from error
            except s3.exceptions.ClientError as error:
                raise PhaseFailedError("CLIENT_ERROR", f"CLIENT_ERROR: {error}") from error

    def _spec(self) -> buildspec.Buildspec:
        declared = (self.record["source"].get("buildspec") or "").strip()
        try:
            if "\n" in declared:
                return buildspec.parse(declared)
            return buildspec.parse((self.source / (declared or "buildspec.yml")).read_text())
        except (buildspec.InvalidBuildspecError, OSError) as error:
            failure = PhaseFailedError("YAML_FILE_ERROR", str(error))
            self._record("DOWNLOAD_SOURCE", time.time(), failure)
            raise failure from error

    def _build_environment(self, spec: buildspec.Buildspec) -> dict[str, str]:
        home = self.directory / "home"
        home.mkdir()
        given = {}
        for variable in self.record["environment"].get("environmentVariables", []):
            if variable.get("type", "PLAINTEXT") != "PLAINTEXT":
                raise PhaseFailedError("CLIENT_ERROR", f"Type {variable['type']} is not emulated")
            given[variable["name"]] = variable["value"]
        return {
            **spec.variables,
            **given,
            **self.context.roles.environment(self.role, PRINCIPAL, source=self.project_arn),
            **{f"CODEBUILD_SRC_DIR_{name}": str(path) for name, path in self.sources.items()},
            "PATH": f"{os.environ['PATH']}{os.pathsep}{Path(sys.executable).parent}",
            "HOME": str(home),
            "TMPDIR": str(home),
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "CODEBUILD_SRC_DIR": str(self.source),
            "CODEBUILD_BUILD_ID": self.record["id"],
            "CODEBUILD_BUILD_ARN": self.record["arn"],
            "CODEBUILD_BUILD_NUMBER": str(self.record["buildNumber"]),
            "CODEBUILD_CI": "true",
            "CODEBUILD_INITIATOR": self.record["initiator"],
            "CODEBUILD_START_TIME": str(int(time.time() * 1000)),
            "CODEBUILD_RESOLVED_SOURCE_VERSION": self._source_version(),
            "CODEBUILD_SOURCE_VERSION": self.context.execution.artifacts[self._primary()].key,
        }

    def _primary(self) -> str:
        return next(name for name, path in self.sources.items() if path == self.source)

    def _source_version(self) -> str:
        for run in self.context.execution.runs:
            if run.revision and self._primary() in {artifact.name for artifact in run.outputs}:
                return str(run.revision["revisionId"])
        return ""

    def _run_phases(self, spec: buildspec.Buildspec) -> None:
        """Run the phases. A failure ends the build, but post_build follows a failed command of
        build."""
        for phase in spec.phases:
            try:
                self._phase(phase.name.upper(), lambda p=phase: self._shell(spec.shell, p))
            except PhaseFailedError as error:
                if phase.continues:
                    continue
                self.failed = self.failed or error
                if phase.name != "build" or error.code != "COMMAND_EXECUTION_ERROR":
                    return

    def _shell(self, shell: str, phase: buildspec.Phase) -> None:
        assert self.log is not None  # noqa: S101 - provisioning made it, or the build stopped there
        process = subprocess.Popen(
            [shell, "-c", phase.script(self.directory / "state", self.failed is None)],
            cwd=self.source,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        _running.add(process)
        ended = threading.Event()
        watch = threading.Thread(target=self._watch, args=(process, ended), daemon=True)
        watch.start()
        try:
            assert process.stdout is not None  # noqa: S101 - it was asked for
            for line in process.stdout:
                self.log.write(line.decode(errors="replace").rstrip("\n"))
            code = process.wait()
        finally:
            ended.set()
            _running.discard(process)
        if time.monotonic() > self.deadline:
            raise PhaseFailedError("BUILD_TIMED_OUT", "Build has timed out.")
        if self._stopped():
            raise PhaseFailedError("STOPPED", "Build was stopped.")
        if code:
            # A shell reports a signal as 128 plus its number, for example 137 for SIGKILL.
            status = code if code > 0 else 128 - code
            message = f"Error while executing phase {phase.name}. Reason: exit status {status}"
            raise PhaseFailedError("COMMAND_EXECUTION_ERROR", message)

    def _watch(self, process: subprocess.Popen[bytes], ended: threading.Event) -> None:
        """End all processes of a phase after its time limit, or if its shell was killed."""
        while not ended.wait(0.2):
            killed = (process.poll() or 0) < 0
            if killed or time.monotonic() > self.deadline or self._stopped():
                _kill(process)
                return

    def _stopped(self) -> bool:
        return self.record["buildStatus"] == "STOPPED" or self.context.cancelled()

    def _upload(self, spec: buildspec.Buildspec) -> None:
        outputs = self.context.run.outputs
        specs = spec.secondary if len(outputs) > 1 or spec.secondary else {}
        for artifact in outputs:
            wanted = specs.get(artifact.name) or (spec.artifacts if len(outputs) == 1 else None)
            data = buildspec.pack(wanted, self.source) if wanted else None
            if data is None:
                message = f"no matching artifact paths found for {artifact.name}"
                raise PhaseFailedError("CLIENT_ERROR", message)
            try:
                self._client("s3").put_object(Bucket=artifact.bucket, Key=artifact.key, Body=data)
            except Exception as error:
                raise PhaseFailedError("CLIENT_ERROR", f"CLIENT_ERROR: {error}") from error

    def _exported(self, shell: str) -> dict[str, str]:
        """Return the variables that the last shell exported. A shell reads them because of the
        quoting."""
        state = self.directory / "state.env"
        if not state.exists():
            return {}
        done = subprocess.run(
            [shell, "-c", f". {shlex.quote(str(state))}; env -0"],
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            check=False,
        )
        pairs = done.stdout.decode(errors="replace").split("\0")
        return dict(pair.split("=", 1) for pair in pairs if "=" in pair)

    def _phase(self, name: str, work: Any) -> None:
        began = time.time()
        self.record["currentPhase"] = name
        try:
            work()
        except PhaseFailedError as error:
            self._record(name, began, error)
            raise
        self._record(name, began, None)

    def _record(self, name: str, began: float, error: PhaseFailedError | None) -> None:
        phase = {
            "phaseType": name,
            "phaseStatus": "SUCCEEDED",
            "startTime": began,
            "endTime": time.time(),
            "durationInSeconds": int(time.time() - began),
            "contexts": [],
        }
        if error:
            phase["phaseStatus"] = _STATUS.get(error.code, "FAILED")
            phase["contexts"] = [{"statusCode": error.code, "message": str(error)}]
        self.record["phases"].append(phase)
        if self.log:
            self.log.write(f"[Container] Phase complete: {name} State: {phase['phaseStatus']}")
            if error:
                self.log.write(f"[Container] {error.code}: {error}")

    def _finish(self) -> None:
        status = "SUCCEEDED"
        if self.failed:
            status = _STATUS.get(self.failed.code, "FAILED")
        self._record("FINALIZING", time.time(), None)
        if self.log:
            self.log.close()
        self.record |= {
            "buildStatus": status,
            "currentPhase": "COMPLETED",
            "endTime": time.time(),
            "buildComplete": True,
        }


def _kill(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
