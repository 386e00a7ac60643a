"""Pure: what a workflow or action of ours must keep to, beyond what actionlint and zizmor ask.

A rule takes one file, and all of them, and yields one line for each fault that it finds.
"""

import importlib
import inspect
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import click
import yaml

from scripts.__main__ import main

ROOT = Path(__file__).parents[2]
REFERENCE = re.compile(r"\$/(\.github/(?:actions|workflows)/[\w.-]+)")
PINNED = re.compile(r"[\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")
COMMAND = re.compile(r"python -m scripts (?P<name>[a-z-]+)(?P<rest>[^\n|&;]*)")
LEVELS = {"none": 0, "read": 1, "write": 2}


@dataclass(frozen=True)
class File:
    """A workflow or action: its path in the repository, its text, and what the text says.

    Every scalar of `data` is text, as written: `on` is "on" and `true` is "true".
    """

    path: str
    text: str
    data: dict[str, Any]

    @classmethod
    def of(cls, path: str, text: str) -> "File":
        """The file with this text."""
        return cls(path, text, yaml.load(text, yaml.BaseLoader))  # noqa: S506 - makes only texts

    @property
    def jobs(self) -> dict[str, dict[str, Any]]:
        """The jobs by name; none in an action."""
        jobs: dict[str, dict[str, Any]] = self.data.get("jobs", {})
        return jobs

    @property
    def stages(self) -> dict[str, dict[str, Any]]:
        """What has steps: the jobs, or the action itself under the name `runs`."""
        return {"runs": self.data["runs"]} if "runs" in self.data else self.jobs

    @property
    def steps(self) -> list[dict[str, Any]]:
        """The steps of all jobs, or of the action."""
        return [step for stage in self.stages.values() for step in stage.get("steps", [])]

    def interface(self, kind: str) -> dict[str, dict[str, Any]]:
        """The `inputs` or `outputs` that callers see, by name."""
        events = self.data.get("on", {})
        found: dict[str, dict[str, Any]] = dict(self.data.get(kind) or {})
        for event in ("workflow_call", "workflow_dispatch"):
            if isinstance(events, dict) and isinstance(events.get(event), dict):
                found |= events[event].get(kind) or {}
        return found


Files = Mapping[str, File]
Rule = Callable[[File, Files], Iterator[str]]


def read() -> dict[str, File]:
    """All files, by path; an action's is its folder, as in `uses`."""
    paths = [*ROOT.glob(".github/workflows/*.yml"), *ROOT.glob(".github/actions/*/action.yml")]
    files = [File.of(str(path.relative_to(ROOT)), path.read_text("utf-8")) for path in paths]
    return {file.path.removesuffix("/action.yml"): file for file in sorted(files, key=str)}


def headed(file: File, _: Files) -> Iterator[str]:
    """The file opens with what it does, in numbered steps, and an example of a caller."""
    head = re.match(r"(?:#.*\n)*", file.text)
    block = head[0] if head else ""
    if not re.search(r"^# 1\. .*^# 2\. ", block, re.MULTILINE | re.DOTALL):
        yield "does not open with numbered steps"
    if "# Example of a caller" not in block:
        yield "does not open with an example of a caller"


def pinned(file: File, _: Files) -> Iterator[str]:
    """Actions are ours, or pinned by a commit with its version beside it."""
    for line in file.text.splitlines():
        found = re.match(r"\s+(?:- )?uses: (.*)", line)
        if found and not (REFERENCE.match(found[1]) or PINNED.fullmatch(found[1])):
            yield f"{found[1]} is not pinned"


def granted(file: File, _: Files) -> Iterator[str]:
    """Nobody may anything but what a job is granted, with a reason."""
    if "jobs" not in file.data:
        return
    if file.data.get("permissions") != {}:
        yield "grants permissions to every job"
    for name, job in file.jobs.items():
        if not isinstance(job.get("permissions"), dict):
            yield f"job {name} does not list its permissions"
    for line in file.text.splitlines():
        if re.match(r"\s+[a-z-]+: (read|write)\b(?! # \w)", line):
            yield f"{line.strip()} is granted without a reason"


def bounded(file: File, _: Files) -> Iterator[str]:
    """Every job ends in time and has a group of its own; a change is never dropped or cut off."""
    for name, job in file.jobs.items():
        if "uses" in job:  # it has the limits of the jobs that it calls
            continue
        if not 0 < int(job.get("timeout-minutes", 0)) <= 90:
            yield f"job {name} has no timeout of at most 90 minutes"
        concurrency = job.get("concurrency", {})
        if not concurrency.get("group", "").startswith("phaseline-"):
            yield f"job {name} has no concurrency group of its own"
        if "github.workflow" in concurrency.get("group", ""):
            yield f"job {name} has a group named by its caller"
        if "cancel-in-progress" not in concurrency:
            yield f"job {name} does not say whether it may be cut off"
        lasting = (concurrency.get("cancel-in-progress"), concurrency.get("queue"))
        if "environment" in job and lasting != ("false", "max"):
            yield f"job {name} changes an environment and may be dropped or cut off"


def unprivileged(file: File, _: Files) -> Iterator[str]:
    """A checkout leaves no token behind."""
    for step in file.steps:
        kept = step.get("with", {}).get("persist-credentials") != "false"
        if step.get("uses", "").startswith("actions/checkout@") and kept:
            yield "a checkout keeps its credentials"


def shielded(file: File, _: Files) -> Iterator[str]:
    """An expression reaches a shell through a variable only."""
    for step in file.steps:
        if "${{" in step.get("run", ""):
            yield f"an expression is part of the script {step['run']!r}"


def identified(file: File, _: Files) -> Iterator[str]:
    """A job has an identity if and only if it assumes a role or signs an attestation."""
    for name, job in file.jobs.items():
        needing = ("$/.github/actions/assume-role", "actions/attest@")
        assumes = any(step.get("uses", "").startswith(needing) for step in job.get("steps", []))
        may = job.get("permissions", {}).get("id-token") == "write"
        if "uses" not in job and assumes != may:
            yield f"job {name} {'has no' if assumes else 'needs no'} id-token"


def commands(file: File, _: Files) -> Iterator[str]:
    """Each command exists, as do its options, and it gets all that it requires."""
    for step in file.steps:
        for found in COMMAND.finditer(step.get("run", "")):
            command = main.get_command(click.Context(main), found["name"])
            if command is None:
                yield f"there is no command {found['name']}"
                continue
            yield from _options(command, found["name"], found["rest"], step.get("env", {}))
        for target in re.findall(r"^make ([a-z]+)", step.get("run", ""), re.MULTILINE):
            if f"\n{target}:" not in (ROOT / "Makefile").read_text("utf-8"):
                yield f"make has no target {target}"


def interruptible(file: File, _: Files) -> Iterator[str]:
    """A command that ends a script replaces the shell, which would not pass on a signal.

    https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-cancellation
    """
    for step in file.steps:
        last = step.get("run", "").strip().rpartition("\n")[2]
        if COMMAND.search(last) and not last.startswith("exec python "):
            yield f"a cancelled run does not reach the command in {last!r}"


def addressed(file: File, _: Files) -> Iterator[str]:
    """A deployment on GitHub has an address, which no job without one replaces.

    https://docs.github.com/en/actions/how-tos/write-workflows/choose-what-workflows-do/deploy-to-environment
    """
    for name, job in file.jobs.items():
        environment = job.get("environment")
        given = environment if isinstance(environment, dict) else {}
        if environment and not given.get("url") and given.get("deployment") != "false":
            yield f"job {name} is a deployment without an address"


def _options(command: click.Command, name: str, rest: str, env: Mapping[str, str]) -> Iterator[str]:
    options = [one for one in command.params if isinstance(one, click.Option)]
    flags = {word.partition("=")[0] for word in shlex.split(rest) if word.startswith("--")}
    variables = {word for word in env if word.startswith("PHASELINE_")}
    for flag in flags - {flag for option in options for flag in option.opts}:
        yield f"{name} has no option {flag}"
    for variable in variables - {str(option.envvar) for option in options}:
        yield f"{name} does not read {variable}"
    for option in options:
        if option.required and not (flags & set(option.opts) or option.envvar in variables):
            yield f"{name} requires {option.opts[0]}"


def described(file: File, _: Files) -> Iterator[str]:
    """Every input and output is described by a sentence."""
    for kind in ("inputs", "outputs"):
        for name, one in file.interface(kind).items():
            if not one.get("description", "").strip().endswith("."):
                yield f"no sentence describes {name} of the {kind}"


def used(file: File, _: Files) -> Iterator[str]:
    """Every input is used, and every one that is used is declared."""
    declared = file.interface("inputs").keys()
    code = "\n".join(line for line in file.text.splitlines() if not line.startswith("#"))
    mentioned = set(re.findall(r"(?<![\w.])inputs\.([\w-]+)", code))
    yield from (f"the input {name} is not used" for name in declared - mentioned)
    yield from (f"the input {name} is not declared" for name in mentioned - declared)


def called(file: File, files: Files) -> Iterator[str]:
    """A caller gives what is required, nothing that is unknown, and rights enough."""
    for caller in (*file.jobs.values(), *file.steps):
        found = REFERENCE.fullmatch(caller.get("uses", ""))
        if not found:
            continue
        target = files.get(found[1])
        if target is None:
            yield f"{found[1]} does not exist"
            continue
        inputs, given = target.interface("inputs"), caller.get("with", {})
        yield from (f"{found[1]} has no input {name}" for name in given.keys() - inputs.keys())
        for name, one in inputs.items():
            if one.get("required") == "true" and name not in given:
                yield f"{found[1]} requires {name}"
        for job in target.jobs.values():
            for scope, level in job["permissions"].items():
                if LEVELS[caller["permissions"].get(scope, "none")] < LEVELS[level]:
                    yield f"{found[1]} needs {scope}: {level}"


def told(file: File, files: Files) -> Iterator[str]:
    """Every output comes from a step that sets it."""
    for name, one in file.interface("outputs").items():
        for job, output in re.findall(r"jobs\.([\w-]+)\.outputs\.([\w-]+)", one.get("value", "")):
            if output not in file.jobs.get(job, {}).get("outputs", {}):
                yield f"{name}: job {job} has no output {output}"
    for stage in (file.data, *file.stages.values()):
        steps = {step["id"]: step for step in stage.get("steps", file.steps) if "id" in step}
        text = yaml.safe_dump({key: value for key, value in stage.items() if key != "jobs"})
        for step, output in re.findall(r"\bsteps\.([\w-]+)\.outputs\.([\w-]+)", text):
            if step not in steps:
                yield f"there is no step {step}"
            elif not _sets(steps[step], output, files):
                yield f"step {step} does not set {output}"


def _sets(step: Mapping[str, Any], output: str, files: Files) -> bool:
    if found := REFERENCE.fullmatch(step.get("uses", "")):
        return output in files[found[1]].interface("outputs")
    run = step.get("run", "")
    if found := COMMAND.search(run):
        name = f"scripts.commands.{found['name'].replace('-', '_')}"
        return any(f'"{output}":' in inspect.getsource(one) for one in _modules(name))
    return f"{output}=" in run


def _modules(name: str) -> Iterator[ModuleType]:
    """A command's module, and what it uses of scripts/."""
    command = importlib.import_module(name)
    yield command
    for value in vars(command).values():
        module = inspect.getmodule(value)
        if module and module.__name__.startswith("scripts."):
            yield module


RULES: tuple[Rule, ...] = (
    headed,
    pinned,
    granted,
    bounded,
    unprivileged,
    shielded,
    identified,
    commands,
    interruptible,
    addressed,
    described,
    used,
    called,
    told,
)
