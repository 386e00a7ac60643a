"""A buildspec, version 0.2, and the shell scripts that run its phases.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-spec-ref.html
"""

import fnmatch
import io
import shlex
import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

PHASES = ("install", "pre_build", "build", "post_build")
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)


class InvalidBuildspecError(Exception):
    """The buildspec cannot be read, or uses a feature that is not emulated."""


@dataclass(frozen=True)
class Phase:
    """One phase: its commands, the commands that always run, and the effect of a failure."""

    name: str
    commands: tuple[str, ...] = ()
    finally_: tuple[str, ...] = ()
    continues: bool = False

    def script(self, state: Path, succeeding: bool) -> str:
        """Return a shell script of the phase.

        Exported variables and the working directory are kept for the next phase, in files beside
        `state`.
        """
        env, cwd = shlex.quote(f"{state}.env"), shlex.quote(f"{state}.cwd")
        resume = f'[ ! -f {env} ] || {{ . {env}; cd "$(cat {cwd})"; }}'
        keep = f"export -p > {env}; pwd > {cwd}"
        trap = f"trap {shlex.quote(keep)} EXIT"
        flag = f"export CODEBUILD_BUILD_SUCCEEDING={int(succeeding)}"
        commands = "\n".join(map(_announced, self.commands))
        if not self.finally_:
            return "\n".join([resume, flag, trap, commands])
        last = "\n".join(map(_announced, self.finally_))
        inner = f"( {trap}\n{commands}\n)\nphase_status=$?"
        return "\n".join([resume, flag, inner, resume, trap, last, "exit $phase_status"])


@dataclass(frozen=True)
class ArtifactSpec:
    """The files of one output artifact."""

    files: tuple[str, ...]
    base: str = "."
    exclude: tuple[str, ...] = ()
    flat: bool = False


@dataclass(frozen=True)
class Buildspec:
    """A parsed buildspec."""

    shell: str
    variables: dict[str, str]
    exported: tuple[str, ...]
    phases: tuple[Phase, ...]
    artifacts: ArtifactSpec | None
    secondary: dict[str, ArtifactSpec] = field(default_factory=dict)


def parse(text: str) -> Buildspec:
    """Parse a buildspec. Raises InvalidBuildspecError."""
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidBuildspecError(f"YAML_FILE_ERROR: {error}") from error
    if not isinstance(document, dict) or str(document.get("version")) != "0.2":
        raise InvalidBuildspecError("YAML_FILE_ERROR: version must be 0.2")
    _known(document, {"version", "run-as", "env", "phases", "artifacts", "cache", "reports"}, "")
    env = document.get("env") or {}
    _known(env, {"shell", "variables", "exported-variables", "git-credential-helper"}, "env.")
    phases = document.get("phases") or {}
    _known(phases, set(PHASES), "phases.")
    if not phases:
        raise InvalidBuildspecError("YAML_FILE_ERROR: there are no phases")
    artifacts = document.get("artifacts") or {}
    return Buildspec(
        shell="bash" if env.get("shell") == "bash" else "/bin/sh",
        variables={name: str(value) for name, value in (env.get("variables") or {}).items()},
        exported=tuple(env.get("exported-variables") or ()),
        phases=tuple(_phase(name, phases[name] or {}) for name in PHASES if name in phases),
        artifacts=_artifacts(artifacts) if artifacts.get("files") else None,
        secondary={
            name: _artifacts(spec)
            for name, spec in (artifacts.get("secondary-artifacts") or {}).items()
        },
    )


def pack(spec: ArtifactSpec, root: Path) -> bytes | None:
    """Return a zip of the artifact's files, or None if no file matches. Equal files give equal
    zips."""
    base = (root / spec.base).resolve()
    chosen = {
        path
        for pattern in spec.files
        for path in ([base / pattern] if (base / pattern).is_file() else base.glob(pattern))
        if path.is_file()
    }
    names = {path.name if spec.flat else path.relative_to(base).as_posix(): path for path in chosen}
    kept = {n: p for n, p in names.items() if not any(fnmatch.fnmatch(n, x) for x in spec.exclude)}
    if not kept:
        return None
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(kept.items()):
            entry = zipfile.ZipInfo(name, _ZIP_EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = path.stat().st_mode << 16
            archive.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def unpack(data: bytes, into: Path) -> None:
    """Unpack a zip with the permissions of its files. Raises zipfile.BadZipFile."""
    into.mkdir(parents=True)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for entry in archive.infolist():
            written = Path(archive.extract(entry, into))
            mode = entry.external_attr >> 16 & 0o777
            if mode and not entry.is_dir():
                written.chmod(mode)


def _announced(command: str) -> str:
    """Return a command that is printed before it runs, and whose failure ends the phase."""
    said = shlex.quote(f"[Container] Running command {command}")
    check = "phase_code=$?\n[ $phase_code -eq 0 ] || exit $phase_code"
    return f"printf '%s\\n' {said}\n{command}\n{check}"


def _phase(name: str, body: dict[str, Any]) -> Phase:
    _known(body, {"commands", "finally", "on-failure", "run-as", "runtime-versions"}, f"{name}.")
    on_failure = body.get("on-failure", "ABORT")
    if on_failure not in {"ABORT", "CONTINUE"}:
        raise InvalidBuildspecError(f"on-failure {on_failure} is not emulated")
    return Phase(
        name,
        tuple(map(str, body.get("commands") or ())),
        tuple(map(str, body.get("finally") or ())),
        on_failure == "CONTINUE",
    )


def _artifacts(spec: dict[str, Any]) -> ArtifactSpec:
    return ArtifactSpec(
        tuple(spec["files"]),
        str(spec.get("base-directory", ".")),
        tuple(spec.get("exclude-paths") or ()),
        str(spec.get("discard-paths", "no")).lower() in {"yes", "true"},
    )


def _known(found: dict[str, Any], allowed: set[str], where: str) -> None:
    unknown = sorted(found.keys() - allowed)
    if unknown:
        raise InvalidBuildspecError(f"YAML_FILE_ERROR: unknown key {where}{unknown[0]}")
