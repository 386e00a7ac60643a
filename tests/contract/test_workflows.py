"""The workflows keep to our own rules, to both linters, and to what the documentation says."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from local.workflows.expressions import evaluate
from scripts.__main__ import main
from scripts.github.changelog import VERSION, Version
from tests import templates
from tests.contract import workflow_rules as rules
from tests.contract.workflow_rules import COMMAND, ROOT, RULES, File, Rule, read
from tests.contract.workflow_tables import DOCUMENT, completed, head

FILES = read()
BIN = Path(sys.executable).parent
LINTERS = {
    "actionlint": ["actionlint", "-shellcheck=", "-pyflakes="],
    "zizmor": ["zizmor", "--offline", "--quiet", "--persona", "auditor"],
}

JOB = """
permissions: {}
jobs:
  job:
    runs-on: ubuntu-24.04
"""
CALL = "on: {workflow_call: {inputs: {%s}}}\n"
BAD: list[tuple[Rule, str, str]] = [
    (rules.headed, "numbered steps", "# Does it.\n# Example of a caller:\non: push\n"),
    (rules.headed, "numbered steps", "# 1. Does it at once.\n# Example of a caller:\non: push\n"),
    (rules.headed, "an example", "# 1. Does this.\n# 2. Does that.\non: push\n"),
    (rules.headed, "an example", "name: x\n# 1. a\n# 2. b\n# Example of a caller:\n"),
    (rules.pinned, "checkout@v7", JOB + "    steps:\n      - uses: actions/checkout@v7\n"),
    (rules.pinned, "is not pinned", JOB + f"    steps:\n      - uses: a/b@{'0' * 40}\n"),
    (rules.pinned, "is not pinned", JOB + f"    steps:\n      - uses: a/b@{'0' * 40} # main\n"),
    (rules.pinned, "is not pinned", JOB + "    steps:\n      - uses: ./.github/actions/setup\n"),
    (rules.granted, "to every job", "permissions: {contents: read}\njobs: {}\n"),
    (rules.granted, "to every job", "jobs: {}\n"),
    (rules.granted, "does not list", JOB),
    (rules.granted, "does not list", JOB + "    permissions: read-all\n"),
    (rules.granted, "without a reason", JOB + "    permissions:\n      contents: read\n"),
    (rules.bounded, "no timeout", JOB),
    (rules.bounded, "no timeout", JOB + "    timeout-minutes: 360\n"),
    (rules.bounded, "no concurrency group", JOB),
    (
        rules.bounded,
        "named by its caller",
        JOB + "    concurrency: {group: '${{github.workflow}}'}\n",
    ),
    (rules.bounded, "may be cut off", JOB + "    concurrency: {group: phaseline-x}\n"),
    (
        rules.bounded,
        "dropped or cut off",
        JOB
        + "    environment: {name: x}\n"
        + "    concurrency: {group: phaseline-x, cancel-in-progress: false}\n",
    ),
    (rules.unprivileged, "credentials", JOB + "    steps: [{uses: actions/checkout@x}]\n"),
    (
        rules.unprivileged,
        "credentials",
        JOB + "    steps: [{uses: actions/checkout@x, with: {persist-credentials: true}}]\n",
    ),
    (rules.shielded, "an expression", JOB + "    steps: [{run: 'echo ${{ inputs.x }}'}]\n"),
    (
        rules.shielded,
        "an expression",
        "runs: {using: composite, steps: [{run: 'echo ${{ inputs.x }}'}]}\n",
    ),
    (
        rules.identified,
        "has no id-token",
        JOB + "    steps: [{uses: $/.github/actions/assume-role}]\n",
    ),
    (
        rules.identified,
        "needs no id-token",
        JOB + "    permissions: {id-token: write}\n    steps: [{run: make}]\n",
    ),
    (rules.commands, "no command", JOB + "    steps: [{run: python -m scripts conquer}]\n"),
    (
        rules.commands,
        "no option --fast",
        JOB + "    steps: [{run: python -m scripts deploy --environment x --fast}]\n",
    ),
    (
        rules.commands,
        "does not read PHASELINE_FAST",
        JOB + "    steps: [{run: python -m scripts deploy, env: {PHASELINE_FAST: x}}]\n",
    ),
    (
        rules.commands,
        "requires --environment",
        JOB + "    steps: [{run: python -m scripts deploy --dry-run}]\n",
    ),
    (rules.addressed, "without an address", JOB + "    environment: {name: x}\n"),
    (rules.addressed, "without an address", JOB + "    environment: x\n"),
    (
        rules.interruptible,
        "does not reach",
        JOB + "    steps: [{run: 'cd x\npython -m scripts deploy'}]\n",
    ),
    (rules.commands, "no target", JOB + "    steps: [{run: make peace}]\n"),
    (rules.described, "describes x of the inputs", CALL % "x: {type: string}"),
    (rules.described, "describes x of the inputs", CALL % "x: {description: The x}"),
    (rules.described, "describes x of the outputs", "outputs: {x: {value: a}}\n"),
    (rules.used, "x is not used", CALL % "x: {type: string}"),
    (rules.used, "x is not declared", JOB + "    if: inputs.x\n"),
    (rules.used, "x is not declared", CALL % "x-y: {}" + JOB + "    if: inputs.x || inputs.x-y\n"),
    (rules.called, "does not exist", JOB + "    steps: [{uses: $/.github/actions/none}]\n"),
    (
        rules.called,
        "has no input speed",
        JOB + "    steps: [{uses: $/.github/actions/setup, with: {speed: 1}}]\n",
    ),
    (
        rules.called,
        "requires aws-region",
        JOB + "    steps: [{uses: $/.github/actions/assume-role, with: {role-arn: x}}]\n",
    ),
    (
        rules.called,
        "requires type",
        "jobs: {a: {uses: $/.github/workflows/reusable-release.yml,"
        " permissions: {contents: read, id-token: write}}}\n",
    ),
    (
        rules.called,
        "needs id-token: write",
        "jobs: {a: {uses: $/.github/workflows/reusable-release.yml,"
        " permissions: {contents: read}}}\n",
    ),
    (
        rules.told,
        "no output b",
        "on: {workflow_call: {outputs: {x: {value: '${{ jobs.job.outputs.b }}'}}}}\n" + JOB,
    ),
    (rules.told, "no step a", JOB + "    outputs: {x: '${{ steps.a.outputs.b }}'}\n"),
    (
        rules.told,
        "does not set b",
        JOB
        + "    outputs: {x: '${{ steps.a.outputs.b }}'}\n"
        + "    steps: [{id: a, run: 'echo c=1 >> $GITHUB_OUTPUT'}]\n",
    ),
    (
        rules.told,
        "does not set b",
        JOB
        + "    steps:\n      - {id: a, run: python -m scripts deploy}\n"
        + "      - {run: make, env: {X: '${{ steps.a.outputs.b }}'}}\n",
    ),
    (
        rules.told,
        "does not set b",
        JOB
        + "    environment: {name: x, url: '${{ steps.a.outputs.b }}'}\n"
        + "    steps: [{id: a, uses: $/.github/actions/setup}]\n",
    ),
    (
        rules.told,
        "does not set b",
        "outputs: {b: {value: '${{ steps.a.outputs.b }}'}}\n"
        "runs: {using: composite, steps: [{id: a, run: echo}]}\n",
    ),
]


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
@pytest.mark.parametrize("path", FILES)
def test_workflow_follows_every_rule(path: str, rule: Rule) -> None:
    """Every workflow and action keeps to every rule."""
    assert list(rule(FILES[path], FILES)) == []


@pytest.mark.parametrize(("rule", "fault", "text"), BAD)
def test_rule_finds_its_fault(rule: Rule, fault: str, text: str) -> None:
    """Every rule finds the fault that it is there for."""
    found = list(rule(File.of("bad.yml", text), FILES))
    assert any(fault in one for one in found), found


def test_every_rule_has_a_file_that_breaks_it() -> None:
    """No rule is without a file that breaks it."""
    assert {rule for rule, _, _ in BAD} == set(RULES)


@pytest.mark.parametrize("linter", LINTERS)
def test_linters_find_nothing(linter: str) -> None:
    """Neither linter finds anything, the strictest persona included."""
    command, *options = LINTERS[linter]
    paths = [".github"] if linter == "zizmor" else sorted(ROOT.glob(".github/workflows/*"))
    ended = subprocess.run(
        [BIN / command, *options, *paths], cwd=ROOT, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr


@pytest.mark.parametrize("linter", LINTERS)
def test_linters_find_the_faults_of_a_bad_workflow(linter: str, tmp_path: Path) -> None:
    """The linters run at all: each finds what is wrong with a bad workflow."""
    bad = tmp_path / ".github/workflows/bad.yml"
    bad.parent.mkdir(parents=True)
    bad.write_text(
        "on: pull_request_target\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    needs: b\n"
        "    steps: [{run: 'echo ${{ github.event.pull_request.title }}'}]\n"
    )
    command, *options = LINTERS[linter]
    ended = subprocess.run([BIN / command, *options, bad], cwd=tmp_path, capture_output=True)
    assert ended.returncode != 0


def test_nothing_is_ignored_without_a_reason() -> None:
    """A finding of a linter is silenced on its line alone, by name, with the reason behind it."""
    for file in FILES.values():
        silenced = [line for line in file.text.splitlines() if "zizmor: ignore" in line]
        assert [x for x in silenced if not re.search(r"ignore\[[a-z-]+\] (\w+ ){3}", x)] == []
    settings = ("zizmor.y*ml", ".github/zizmor.y*ml", ".github/actionlint.y*ml")
    assert [path for pattern in settings for path in ROOT.glob(pattern)] == []


def test_concurrency_group_has_one_purpose() -> None:
    """A concurrency group has one purpose: only changes to stacks share theirs."""
    groups: dict[str, list[str]] = {}
    for path, file in FILES.items():
        found = [job.get("concurrency") for job in (*file.jobs.values(), file.data)]
        for one in filter(None, found):
            groups.setdefault(one["group"].partition("-${{")[0], []).append(Path(path).name)
    shared = {name: paths for name, paths in groups.items() if len(paths) > 1}
    assert shared == {
        "phaseline-deploy": ["reusable-deploy-lambdas.yml", "reusable-deploy-stack.yml"]
    }


def test_every_command_line_is_read() -> None:
    """No step calls the commands in a form that the rules do not see."""
    for file in FILES.values():
        for step in file.steps:
            run = step.get("run", "")
            assert run.count("scripts") == len(COMMAND.findall(run)), run


def test_empty_variable_reaches_no_command() -> None:
    """What a workflow was not given reaches a command as nothing, not as an empty text."""
    command = main.get_command(click.Context(main), "release")
    assert command
    names = [str(one.envvar) for one in command.params]
    with pytest.MonkeyPatch.context() as environ:
        for name in names:
            environ.setenv(name, "")
        environ.setenv("PHASELINE_ENVIRONMENT", "demo")
        environ.setenv("PHASELINE_TYPE", "opt")
        values = command.make_context("release", []).params
    given = {name: value for name, value in values.items() if value not in (None, False, ())}
    assert given.keys() == {"environment", "type_", "timeout"}


def test_forks_act_under_no_role() -> None:
    """Only a pull request of the repository itself gets a preview, and its job alone has a role."""
    jobs = FILES[".github/workflows/pull-request.yml"].jobs
    named = [name for name, job in jobs.items() if "id-token" in job["permissions"]]
    assert named == ["preview"]
    assert "pull_request.head.repo.full_name == github.repository &&" in jobs["preview"]["if"]


def test_required_job_waits_for_every_other_job() -> None:
    """The required job waits for every other job, and always runs, also in a merge queue."""
    workflow = FILES[".github/workflows/pull-request.yml"]
    assert workflow.data["on"].keys() >= {"pull_request", "merge_group"}
    jobs = workflow.jobs
    required = jobs["required"]
    assert set(required["needs"]) == jobs.keys() - {"required"}
    assert required["if"] == "always()"


@pytest.mark.parametrize(
    ("results", "passes"),
    [
        ("success success success", True),
        ("success success skipped", True),
        ("success success failure", False),
        ("success success cancelled", False),
        ("skipped success success", False),
        ("success skipped success", False),
        ("failure success success", False),
        ("success cancelled skipped", False),
    ],
)
def test_required_job_passes_only_if_all_others_succeeded(results: str, passes: bool) -> None:
    """The required job passes if all succeeded; only the preview may have been skipped."""
    steps = FILES[".github/workflows/pull-request.yml"].jobs["required"]["steps"]
    env = dict(zip(("LINT", "TEST", "PREVIEW"), results.split(), strict=True))
    ended = subprocess.run(["bash", "-e", "-c", steps[-1]["run"]], env=env, capture_output=True)
    assert (ended.returncode == 0) == passes


def test_dry_run_needs_no_approval() -> None:
    """A dry run belongs to no environment, has no role that may change anything, and is one."""
    job = FILES[".github/workflows/promote.yml"].jobs["dry-run"]
    assert "environment" not in job
    role = "${{ fromJSON(vars.PREVIEW_ROLE_ARNS || '{}')[inputs.environment] }}"
    assert job["steps"][1]["with"]["role-arn"] == role
    assert job["steps"][-1]["run"].endswith(" --dry-run")


def test_version_is_published_after_the_checks() -> None:
    """Only the last job may write, and its packages are attested before they are published."""
    jobs = FILES[".github/workflows/release.yml"].jobs
    assert [(name, job.get("needs")) for name, job in jobs.items()] == [
        ("plan", None),
        ("check", "plan"),
        ("publish", "check"),
    ]
    writing = [name for name, job in jobs.items() if "write" in job["permissions"].values()]
    assert writing == ["publish"]
    assert jobs["check"]["steps"][-1]["run"] == "make check"
    uses = [step.get("uses", step.get("run", "")) for step in jobs["publish"]["steps"][1:]]
    assert uses[0] == "exec python -m scripts package"
    assert uses[1].startswith("actions/attest@")
    assert uses[2] == "exec python -m scripts github-release"


def test_release_is_a_deployment() -> None:
    """A release is a deployment to the environment, with the website's address."""
    job = FILES[".github/workflows/reusable-release.yml"].jobs["release"]
    assert job["environment"] == {
        "name": "${{ inputs.environment }}",
        "url": "${{ steps.release.outputs.site-url }}",
    }


def test_stacks_are_deployed_before_those_that_need_them() -> None:
    """What others build on comes first."""
    jobs = FILES[".github/workflows/deploy.yml"].jobs
    order = [(name, job.get("needs"), job["with"].get("stacks")) for name, job in jobs.items()]
    assert order == [
        ("foundation", None, "registry site"),
        ("functions", "foundation", None),
        ("pipeline", "functions", "pipeline"),
    ]


def test_workflow_starts_on_the_event_that_the_listener_sends() -> None:
    """The event that the listener sends is the one that starts the workflow."""
    on = FILES[".github/workflows/on-version-tested.yml"].data["on"]
    template = templates.load("listener")
    sent = template["Parameters"]["DispatchEventType"]["Default"]
    assert on == {"repository_dispatch": {"types": [sent]}}


@pytest.mark.parametrize(
    ("payload", "chosen"),
    [
        ({"schema": 1, "environment": "production"}, "release"),
        ({"schema": 2, "environment": "production"}, "refuse"),
        ({"environment": "production"}, "refuse"),
        ({"schema": 1, "environment": "unknown"}, "refuse"),
        ({}, "refuse"),
    ],
)
def test_payload_of_another_schema_or_environment_is_refused(
    payload: dict[str, Any], chosen: str
) -> None:
    """Exactly one job of the workflow runs."""
    known = {"github": {"event": {"client_payload": payload}}, "vars": {}}
    assert _chosen("on-version-tested.yml", known) == [chosen]


@pytest.mark.parametrize(
    ("environment", "repair", "chosen"),
    [
        ("", True, ["refuse", "repair"]),  # a job is skipped if one that it needs is skipped
        ("", False, ["check"]),
        ("demo", True, ["check", "repair"]),
        ("demo", False, ["check"]),
    ],
)
def test_repair_without_an_environment_is_refused(
    environment: str, repair: bool, chosen: list[str]
) -> None:
    """It would check every environment, repair none and succeed."""
    known = {"inputs": {"environment": environment, "repair": repair}}
    assert _chosen("drift.yml", known) == chosen
    assert FILES[".github/workflows/drift.yml"].jobs["repair"]["needs"] == "check"


def _chosen(workflow: str, known: dict[str, Any]) -> list[str]:
    """Return the jobs of a workflow whose conditions hold."""
    jobs = FILES[f".github/workflows/{workflow}"].jobs.items()
    conditions = {name: job["if"].removeprefix("${{").removesuffix("}}") for name, job in jobs}
    return [name for name, condition in conditions.items() if evaluate(condition, known)]


def test_updates_are_grouped_and_wait_a_week() -> None:
    """Dependabot looks after actions and packages, in groups, a week after their release."""
    config = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text("utf-8"))
    updates = config["updates"]
    assert [one["package-ecosystem"] for one in updates] == ["github-actions", "pip", "npm"]
    assert all(one["cooldown"] == {"default-days": 7} and one["groups"] for one in updates)
    assert updates[1]["directories"] == ["/", "/requirements"]
    assert updates[2]["directory"] == "/requirements/node"


def test_callers_name_a_version_that_is_published() -> None:
    """The example of each reusable workflow names a tag that release.yml makes."""
    changelog = (ROOT / "CHANGELOG.md").read_text("utf-8")
    made = {Version.of(found).tag for found in re.findall(f"^## ({VERSION}) - ", changelog, re.M)}
    for path, file in FILES.items():
        if "/reusable-" in path:
            _, caller = head(file)
            used = re.findall(r"uses: acme/phaseline/(\S+)@(\S+)", caller)
            assert [name for name, _ in used] == [path]
            assert {tag for _, tag in used} <= made


def test_generated_documentation_is_current() -> None:
    """The tables and callers are those of the files: python -m tests.contract.workflow_tables."""
    document = DOCUMENT.read_text("utf-8")
    assert completed(document) == document


def test_documentation_lists_every_variable() -> None:
    """The document lists the variables that the workflows read, and no others."""
    read_ = {name for file in FILES.values() for name in re.findall(r"vars\.(\w+)", file.text)}
    listed = re.findall(r"^\| `([A-Z_]+)` \|", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(read_)


def test_documentation_lists_every_workflow() -> None:
    """The document lists every workflow."""
    listed = re.findall(r"^\| `([\w-]+\.yml)` \|", DOCUMENT.read_text("utf-8"), re.MULTILINE)
    assert sorted(listed) == sorted(Path(path).name for path in FILES if path.endswith(".yml"))
