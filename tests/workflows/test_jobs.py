"""What surrounds a job: environments, approvals, turns, tokens, and where its files come from."""

import json
import shlex
from pathlib import Path
from typing import Any

import jwt
import pytest
from github import Auth, Github

from local.github.repositories import git
from tests.standins.conftest import call
from tests.waiting import eventually
from tests.workflows.conftest import NAME, GitHub
from tests.workflows.repositories import branch

CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1"
DISPATCH = "on: {workflow_dispatch: {inputs: {environment: {type: environment}}}}\n"
DEPLOY = (
    "name: Deploy\n"
    + DISPATCH
    + """\
permissions: {}
jobs:
  deploy:
    runs-on: ubuntu-24.04
    environment: {name: "${{ inputs.environment }}", url: "${{ steps.site.outputs.url }}"}
    permissions: {id-token: write}
    steps:
      - id: site
        run: echo "url=https://$WHERE.example.org/" >> "$GITHUB_OUTPUT"
        env: {WHERE: "${{ inputs.environment }}"}
      - if: inputs.environment == 'broken'
        run: exit 3
"""
)
TOKEN = """\
      - id: token
        shell: python
        run: |
          import json, os, urllib.request
          url = os.environ["ACTIONS_ID_TOKEN_REQUEST_URL"] + "&audience=sts.amazonaws.com"
          bearer = "Bearer " + os.environ["ACTIONS_ID_TOKEN_REQUEST_TOKEN"]
          asked = urllib.request.Request(url, headers={"Authorization": bearer})
          token = json.load(urllib.request.urlopen(asked))["value"]
          with open(os.environ["GITHUB_OUTPUT"], "a") as outputs:
              outputs.write("token=" + token + "\\n")
"""


def workflow(name: str) -> str:
    """The path of a workflow file."""
    return f".github/workflows/{name}"


def start(hub: GitHub, name: str, **inputs: str) -> int:
    """Start a workflow by hand; the run's number."""
    asked = {"ref": "main", "inputs": inputs, "return_run_details": True}
    answer = hub.api(f"/actions/workflows/{name}/dispatches", asked)
    assert answer.status == 200, answer.body
    return int(answer.json()["workflow_run_id"])


def statuses(hub: GitHub, environment: str) -> list[tuple[str, str]]:
    """State and address of each status of an environment's newest deployment, oldest first."""
    newest = hub.api(f"/deployments?environment={environment}").json()[0]
    found = hub.api(f"/deployments/{newest['id']}/statuses").json()
    return [(one["state"], one["environment_url"]) for one in reversed(found)]


def seen(hub: GitHub, number: int) -> dict[str, Any]:
    """A run as it is now."""
    found: dict[str, Any] = hub.control(f"runs/{number}")
    return found


def await_approval(hub: GitHub, number: int) -> None:
    """Wait until a run waits."""
    eventually(lambda: seen(hub, number)["status"] == "waiting")


def test_environment_is_a_deployment(hub: GitHub, tmp_path: Path) -> None:
    """A job with an environment is a deployment, with its address and how it ended."""
    hub.add(NAME, {workflow("deploy.yml"): DEPLOY}, tmp_path / "files")

    start(hub, "deploy.yml", environment="demo")
    assert hub.run()["conclusion"] == "success"
    assert statuses(hub, "demo") == [("in_progress", ""), ("success", "https://demo.example.org/")]

    start(hub, "deploy.yml", environment="broken")
    assert hub.run()["jobs"] == {"deploy": "failure"}
    assert [state for state, _ in statuses(hub, "broken")] == ["in_progress", "failure"]


def test_protected_environment_waits(hub: GitHub, tmp_path: Path) -> None:
    """Nothing of a job runs before its approval, and nothing after a rejection."""
    hub.add(NAME, {workflow("deploy.yml"): DEPLOY}, tmp_path / "files")
    protect = {"repository": NAME, "approval": True}
    hub.control("environments/demo", protect, method="PUT")
    for approve, conclusion in ((False, "failure"), (True, "success")):
        number = start(hub, "deploy.yml", environment="demo")
        await_approval(hub, number)
        assert hub.api("/deployments").json() == []

        assert hub.control(f"runs/{number}/approve", {"approve": approve})["decided"] == 1
        assert hub.run()["conclusion"] == conclusion
    assert statuses(hub, "demo")[-1][0] == "success"


def test_first_job_creates_its_environment(hub: GitHub, tmp_path: Path) -> None:
    """It has no rules, and its name matches in any case."""
    hub.add(NAME, {workflow("deploy.yml"): DEPLOY}, tmp_path / "files")
    assert hub.api("/environments/demo").status == 404
    start(hub, "deploy.yml", environment="demo")
    assert hub.run()["conclusion"] == "success"
    assert hub.api("/environments/DEMO").json()["protection_rules"] == []


def test_only_selected_branches_deploy(hub: GitHub, tmp_path: Path) -> None:
    """A job of another branch fails, before it deploys."""
    hub.add(NAME, {workflow("deploy.yml"): DEPLOY}, tmp_path / "files")
    rule = {"protected_branches": False, "custom_branch_policies": True}
    hub.api("/environments/demo", {"deployment_branch_policy": rule}, method="PUT")
    start(hub, "deploy.yml", environment="demo")
    run = hub.run()
    assert run["conclusion"] == "failure"
    reason = '"main" is not allowed to deploy to demo due to environment protection rules.'
    assert reason in Path(run["log"]).read_text()
    assert hub.api("/deployments").json() == []

    hub.api("/environments/demo/deployment-branch-policies", {"name": "ma*"})
    start(hub, "deploy.yml", environment="demo")
    assert hub.run()["conclusion"] == "success"


def test_queue_that_keeps_all_and_cancels_is_invalid(hub: GitHub, tmp_path: Path) -> None:
    group = "concurrency: {group: a, queue: max, cancel-in-progress: true}\n"
    hub.add(NAME, {workflow("deploy.yml"): group + DEPLOY}, tmp_path / "files")
    answer = hub.api("/actions/workflows/deploy.yml/dispatches", {"ref": "main"})
    assert answer.status == 422


def test_token_says_what_the_job_is(hub: GitHub, tmp_path: Path) -> None:
    """A job with id-token: write gets a signed token of its environment and defining file."""
    hub.add(NAME, {workflow("deploy.yml"): DEPLOY + TOKEN}, tmp_path / "files")
    number = start(hub, "deploy.yml", environment="demo")
    token = hub.run()["outputs"]["deploy"]["token"]

    keys = jwt.PyJWKClient(f"{hub.url}/.well-known/jwks")
    key = keys.get_signing_key_from_jwt(token)
    claims = jwt.decode(token, key, ["RS256"], audience="sts.amazonaws.com")
    repository = hub.api("").json()
    owner, identity = repository["owner"]["id"], repository["id"]
    assert claims["sub"] == f"repo:acme@{owner}/automation@{identity}:environment:demo"
    assert claims["job_workflow_ref"] == f"{NAME}/.github/workflows/deploy.yml@refs/heads/main"
    assert (claims["repository_id"], claims["run_id"]) == (str(identity), str(number))
    assert claims["iss"] == "https://token.actions.githubusercontent.com"


def test_job_without_the_permission_gets_no_token(hub: GitHub, tmp_path: Path) -> None:
    """Without id-token: write there is nothing to ask with, and a guess is refused."""
    text = DEPLOY.replace("    permissions: {id-token: write}\n", "") + TOKEN
    hub.add(NAME, {workflow("deploy.yml"): text}, tmp_path / "files")
    start(hub, "deploy.yml", environment="demo")

    assert hub.run()["conclusion"] == "failure"
    guess = {"Authorization": "Bearer guess"}
    assert call(f"{hub.url}/_services/token", headers=guess).status == 401


def quoted(path: Path) -> str:
    """A path as a word of a shell, inside a string of YAML."""
    return json.dumps(shlex.quote(str(path)))[1:-1]


SLOW = (
    DISPATCH
    + """\
concurrency: {group: "g-${{ inputs.environment }}", cancel-in-progress: false%s}
jobs:
  slow:
    runs-on: ubuntu-24.04
    steps: [{run: "date +%%s%%N >> $TIMES; sleep 0.4; date +%%s%%N >> $TIMES"}]
"""
)


def test_runs_of_a_group_take_turns(hub: GitHub, tmp_path: Path) -> None:
    """With queue: max each run of a group waits for those before it, and none is dropped."""
    times = tmp_path / "times"
    text = (SLOW % ", queue: max").replace("$TIMES", quoted(times))
    hub.add(NAME, {workflow("slow.yml"): text}, tmp_path / "files")
    for _ in range(3):
        start(hub, "slow.yml", environment="demo")

    hub.run()
    assert {run["conclusion"] for run in hub.control("runs")} == {"success"}
    written = times.read_text().split()
    assert written == sorted(written)
    assert len(written) == 6


def test_without_a_queue_the_newest_run_waits(hub: GitHub, tmp_path: Path) -> None:
    """Without queue: max a run that waits is cancelled by the next one, as GitHub does."""
    text = (SLOW % "").replace("$TIMES", quoted(tmp_path / "times"))
    hub.add(NAME, {workflow("slow.yml"): text}, tmp_path / "files")
    for _ in range(3):
        start(hub, "slow.yml", environment="demo")

    hub.run()
    ended = [run["conclusion"] for run in hub.control("runs")]
    assert ended == ["success", "cancelled", "success"]


def test_jobs_of_a_group_take_turns(hub: GitHub, tmp_path: Path) -> None:
    """A job's own group, named by an expression, holds back the same job of another run."""
    times = tmp_path / "times"
    text = (SLOW % ", queue: max").replace("$TIMES", quoted(times))
    group, jobs = text.split("\n", 2)[1:]
    moved = f"{DISPATCH}{jobs.replace('  slow:', f'  slow:{chr(10)}    {group}')}"
    hub.add(NAME, {workflow("slow.yml"): moved}, tmp_path / "files")
    for _ in range(3):
        start(hub, "slow.yml", environment="demo")

    hub.run()
    written = times.read_text().split()
    assert (written, len(written)) == (sorted(written), 6)


CANCELLED = """\
on: workflow_dispatch
concurrency: group
jobs:
  long:
    runs-on: ubuntu-24.04
    steps:
      - shell: bash
        run: |
          cat > wait.py <<'END'
          import signal, sys, time
          def interrupted(number, frame):
              signal.signal(signal.SIGINT, signal.SIG_IGN)
              sys.exit(f"cleaned up after {signal.Signals(number).name}")
          signal.signal(signal.SIGINT, interrupted)
          print("it waits", flush=True)
          time.sleep(600)
          END
          exec python wait.py
      - run: echo "not reached"
      - if: always()
        run: echo "always=ran" >> $GITHUB_OUTPUT
  short:
    runs-on: ubuntu-24.04
    steps: [{run: "true"}]
  after:
    needs: long
    runs-on: ubuntu-24.04
    steps: [{run: "true"}]
"""


def test_cancelled_run_lets_its_steps_clean_up(hub: GitHub, tmp_path: Path) -> None:
    """A step's process gets SIGINT, steps with always() run, and a job that has ended stays."""
    hub.add(NAME, {workflow("long.yml"): CANCELLED}, tmp_path / "files")
    hub.api("/actions/workflows/long.yml/dispatches", {"ref": "main"})
    number = hub.api("/actions/runs").json()["workflow_runs"][0]["id"]
    eventually(lambda: "it waits" in Path(seen(hub, number)["log"]).read_text())
    eventually(lambda: seen(hub, number)["jobs"].get("short"))

    assert hub.api(f"/actions/runs/{number}/cancel", {}).status == 202
    run = hub.run()
    assert run["conclusion"] == "cancelled"
    log = Path(run["log"]).read_text()
    assert "cleaned up after SIGINT" in log
    assert "long: not reached" not in log
    assert run["outputs"]["long"] == {"always": "ran"}
    assert run["jobs"]["short"] == "success"
    assert run["jobs"]["long"] == "cancelled"
    assert run["jobs"].get("after", "skipped") == "skipped"
    assert hub.api(f"/actions/runs/{number}/cancel", {}).status == 409


DISPLACED = """\
on: {workflow_dispatch: {inputs: {environment: {type: environment}}}}
jobs:
  long:
    runs-on: ubuntu-24.04
    concurrency: {group: long, cancel-in-progress: true}
    steps:
      - if: inputs.environment == 'first'
        run: |
          echo "it waits"
          exec sleep 600
      - run: echo "reached=yes" >> $GITHUB_OUTPUT
      - if: always()
        run: echo "always=ran" >> $GITHUB_OUTPUT
  other:
    runs-on: ubuntu-24.04
    steps:
      - run: until test -e $GO; do sleep 0.2; done
      - run: echo "reached=yes" >> $GITHUB_OUTPUT
"""


def test_job_cancelled_by_its_group_leaves_the_other_jobs(hub: GitHub, tmp_path: Path) -> None:
    """Its step is ended, and its steps with always() run. The other job of its run goes on."""
    go = tmp_path / "go"
    text = DISPLACED.replace("$GO", quoted(go))
    hub.add(NAME, {workflow("long.yml"): text}, tmp_path / "files")
    first = start(hub, "long.yml", environment="first")
    eventually(lambda: "it waits" in Path(seen(hub, first)["log"]).read_text())
    start(hub, "long.yml", environment="second")
    eventually(lambda: seen(hub, first)["jobs"].get("long"))
    go.touch()

    newest = hub.run()
    assert newest["conclusion"] == "success"
    run = seen(hub, first)
    assert run["conclusion"] == "cancelled"
    assert run["jobs"] == {"long": "cancelled", "other": "success"}
    assert run["outputs"] == {"long": {"always": "ran"}, "other": {"reached": "yes"}}


REUSABLE = """\
name: Reusable
on: {workflow_call: {inputs: {who: {type: string}}, outputs: {said: {value: "${{ jobs.say.outputs.said }}"}}}}
jobs:
  say:
    name: ${{ github.workflow }} says it to ${{ inputs.who }}
    runs-on: ubuntu-24.04
    permissions: {contents: read, id-token: write}
    outputs: {said: "${{ steps.greet.outputs.said }}"}
    steps:
      - id: greet
        uses: $/.github/actions/greet
        with: {who: "${{ inputs.who }}"}
"""  # noqa: E501 - one line is shorter than its four
GREET = """\
name: Greet
description: Greets.
inputs: {who: {description: who}}
outputs: {said: {description: what, value: "${{ steps.say.outputs.said }}"}}
runs:
  using: composite
  steps:
    - id: say
      shell: bash
      env: {WHO: "${{ inputs.who }}"}
      run: |
        cd "$GITHUB_ACTION_PATH/../../.."
        echo "said=$(cat greeting.txt) $WHO" | tee -a "$GITHUB_OUTPUT" "$GITHUB_STEP_SUMMARY"
"""
LIBRARY = {
    "greeting.txt": "Good day,\n",
    workflow("reusable.yml"): REUSABLE,
    ".github/actions/greet/action.yml": GREET,
}
CALLER = """\
name: Caller
on: workflow_dispatch
permissions: {}
jobs:
  call:
    permissions: {contents: read, id-token: write}
    uses: %s
    with: {who: Ada}
  after:
    needs: call
    runs-on: ubuntu-24.04
    steps: [{id: show, run: "echo shown='${{ needs.call.outputs.said }}' >> $GITHUB_OUTPUT"}]
"""


@pytest.mark.parametrize(
    ("name", "uses"),
    [
        (NAME, "$/.github/workflows/reusable.yml"),
        ("acme/shop", f"{NAME}/.github/workflows/reusable.yml@main"),
    ],
)
def test_called_workflow_uses_its_own_repository(
    hub: GitHub, tmp_path: Path, name: str, uses: str
) -> None:
    """A called workflow finds its actions and files in its own repository, not the caller's."""
    own = LIBRARY if name == NAME else {}
    hub.add(name, {**own, workflow("caller.yml"): CALLER % uses}, tmp_path / "caller")
    if not own:
        hub.add(NAME, LIBRARY, tmp_path / "library")

    hub.api(f"/repos/{name}/actions/workflows/caller.yml/dispatches", {"ref": "main"})
    run = hub.run("caller.yml")
    assert run["outputs"]["after"] == {"shown": "Good day, Ada"}, Path(run["log"]).read_text()
    assert run["summary"] == "said=Good day, Ada\n"
    assert run["jobs"]["call / Caller says it to Ada"] == "success"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (CALLER.replace(", id-token: write", "") % "$/.github/workflows/reusable.yml", "id-token"),
        (CALLER % "$/.github/workflows/absent.yml", "is not there"),
        (CALLER % "other/place/.github/workflows/x.yml@v1", "other/place"),
    ],
)
def test_invalid_call_fails_the_run_before_its_jobs(
    hub: GitHub, tmp_path: Path, text: str, problem: str
) -> None:
    """A call beyond its permissions, or of what is not there, fails the run before its jobs."""
    hub.add(NAME, {**LIBRARY, workflow("caller.yml"): text}, tmp_path / "files")
    hub.api("/actions/workflows/caller.yml/dispatches", {"ref": "main"})

    run = hub.run()
    assert run["conclusion"] == "startup_failure"
    assert problem in run["annotations"][0]["message"]


COMMENT = """\
on: pull_request
permissions: {pull-requests: write, id-token: write}
jobs:
  comment:
    runs-on: ubuntu-24.04
    steps:
      - id: comment
        env: {GITHUB_TOKEN: "${{ github.token }}", NUMBER: "${{ github.event.number }}"}
        shell: python
        run: |
          import os
          from github import Auth, Github
          api = Github(auth=Auth.Token(os.environ["GITHUB_TOKEN"]),
                       base_url=os.environ["GITHUB_API_URL"], retry=None)
          pull = api.get_repo(os.environ["GITHUB_REPOSITORY"]).get_pull(int(os.environ["NUMBER"]))
          pull.create_issue_comment("variable: ${{ vars.COLOUR }}")
"""


def test_job_writes_a_comment(hub: GitHub, tmp_path: Path) -> None:
    """A job reaches the API with its own token, as GitHub's bot, and knows the variables."""
    hub.add(NAME, {workflow("comment.yml"): COMMENT, "a": "a\n"}, tmp_path / "files")
    hub.api("/actions/variables", {"name": "COLOUR", "value": "blue"})
    branch(hub, NAME, {"a": "b\n"})
    hub.api("/pulls", {"title": "Change a", "head": "topic", "base": "main"})

    assert hub.run()["conclusion"] == "success", Path(hub.run()["log"]).read_text()
    (comment,) = hub.api("/issues/1/comments").json()
    assert comment["body"] == "variable: blue"
    assert comment["user"]["login"] == "github-actions[bot]"


def test_job_without_a_permission_is_refused(hub: GitHub, tmp_path: Path) -> None:
    """A missing permission fails here, and not first on GitHub."""
    text = COMMENT.replace("pull-requests: write", "pull-requests: read, contents: write")
    hub.add(NAME, {workflow("comment.yml"): text, "a": "a\n"}, tmp_path / "files")
    branch(hub, NAME, {"a": "b\n"})
    hub.api("/pulls", {"title": "Change a", "head": "topic", "base": "main"})

    run = hub.run()
    assert run["conclusion"] == "failure"
    assert "Resource not accessible by integration" in Path(run["log"]).read_text()
    assert hub.api("/issues/1/comments").json() == []


def test_fork_has_neither_rights_nor_variables(hub: GitHub, tmp_path: Path) -> None:
    """A fork's pull request runs with a token that reads only, and without OIDC or variables."""
    files = {workflow("comment.yml"): COMMENT + TOKEN.replace("- id", "- if: always()\n        id")}
    hub.add(NAME, {**files, "a": "a\n"}, tmp_path / "files")
    hub.add("mallory/automation", {**files, "a": "a\n"}, tmp_path / "fork")
    fork_of(hub)
    branch(hub, "mallory/automation", {"a": "b\n"})
    opened = {"title": "Evil", "head": "mallory:topic", "base": "main"}
    assert hub.api("/pulls", opened).status == 201

    run = hub.run()
    assert run["conclusion"] == "failure"
    assert "Resource not accessible by integration" in Path(run["log"]).read_text()
    assert "token" not in run["outputs"].get("comment", {})
    assert hub.api("/issues/1/comments").json() == []


def fork_of(hub: GitHub) -> None:
    """Give the fork the history of the repository, which merging needs."""
    source, fork = hub.git_root / f"{NAME}.git", hub.git_root / "mallory/automation.git"
    git("fetch", "-q", "--force", str(source), "main:main", "--update-head-ok", cwd=fork)


TELLS = (
    DISPATCH
    + """\
jobs:
  tell:
    runs-on: ubuntu-24.04
    steps:
      - run: |
          env | cut -d= -f1 | sort | tr '\\n' ' ' >> "$GITHUB_STEP_SUMMARY"
          echo "::warning title=Careful%3A::Look here: a::b"
          echo "::add-mask::hidden-value"; echo "hidden-value"
          uv pip install --quiet --python "$(command -v python)" -r requirements.txt
      - run: echo "::error::It broke"; exit 5
"""
)


def test_summary_annotations_and_log_are_kept(
    hub: GitHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Summary, annotations and log are kept; nothing of the caller's environment is in the job."""
    monkeypatch.setenv("CALLERS_SECRET", "x")
    hub.add(NAME, {workflow("tell.yml"): TELLS}, tmp_path / "files")
    number = start(hub, "tell.yml", environment="")
    run = hub.run()

    assert run["conclusion"] == "failure"
    noted = [(note["level"], note["title"], note["message"]) for note in run["annotations"]]
    assert noted[0] == ("warning", "Careful:", "Look here: a::b")
    variables = run["summary"].split()
    assert "FROM_SETTINGS" in variables
    assert not {"CALLERS_SECRET", "GITHUB_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_URL"} & {*variables}
    page = call(f"{hub.url}/{NAME}/actions/runs/{number}").body.decode()
    assert "hidden-value" not in page
    assert "tell: failure" in page


def test_pygithub_starts_a_workflow_and_finds_its_run(hub: GitHub, tmp_path: Path) -> None:
    """PyGithub starts a workflow, and finds the run, its deployment and an issue."""
    hub.add(NAME, {workflow("deploy.yml"): DEPLOY}, tmp_path / "files")
    api = Github(auth=Auth.Token("right"), base_url=hub.url, retry=None)
    repository = api.get_repo(NAME)
    workflow_ = repository.get_workflow("deploy.yml")

    assert workflow_.create_dispatch("main", {"environment": "demo"})
    hub.run()
    (run,) = workflow_.get_runs()
    assert (run.conclusion, run.display_title) == ("success", "Deploy")
    (deployment,) = repository.get_deployments(environment="demo")
    assert [status.state for status in deployment.get_statuses()] == ["success", "in_progress"]
    issue = repository.create_issue("Drift", body="x", labels=["drift"])
    issue.edit(state="closed")
    found = repository.get_issues(state="closed", labels=["drift"])
    assert [one.number for one in found] == [issue.number]
    assert json.loads(json.dumps(repository.raw_data))["default_branch"] == "main"
