"""A small repository with a workflow for each kind of event."""

from local.github import repositories
from tests.workflows.conftest import GitHub

CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"


PRINT = f"""\
permissions: {{}}
jobs:
  show:
    runs-on: ubuntu-24.04
    timeout-minutes: 5
    steps:
      - uses: {CHECKOUT}
        with: {{persist-credentials: false}}
      - id: show
        env:
          INPUTS: ${{{{ toJSON(inputs) }}}}
          PAYLOAD: ${{{{ toJSON(github.event.client_payload) }}}}
        run: |
          echo "text=$(cat text.txt) $GITHUB_EVENT_NAME $GITHUB_REF" >> "$GITHUB_OUTPUT"
          echo "commit=$(git rev-parse HEAD) $GITHUB_SHA" >> "$GITHUB_OUTPUT"
          echo "inputs=$(echo $INPUTS)" >> "$GITHUB_OUTPUT"
          echo "payload=$(echo $PAYLOAD)" >> "$GITHUB_OUTPUT"
"""


PUSHED = """\
name: Pushed
on:
  push: {branches: [main], paths: ["text.*"]}
"""


ASKED = """\
name: Asked
run-name: ${{ inputs.loud && 'LOUD ' || '' }}${{ inputs.who }} by ${{ github.actor }}
on:
  pull_request:
  schedule: [{cron: "1 1 * * *", timezone: Europe/Berlin}]
  workflow_dispatch:
    inputs:
      who: {type: choice, options: [ada, bob]}
      loud: {type: boolean, default: true}
"""


TOLD = """\
name: Told
on:
  repository_dispatch: {types: [told]}
"""


FILES = {
    "text.txt": "hello\n",
    ".github/workflows/pushed.yml": PUSHED + PRINT,
    ".github/workflows/asked.yml": ASKED + PRINT,
    ".github/workflows/told.yml": TOLD + PRINT,
}


def branch(hub: GitHub, name: str, changes: dict[str, str], *, start: str = "main") -> None:
    """Push changes as the branch `topic`."""
    work = hub.git_root.parent / f"work-{start}"
    bare = repositories.location(hub.git_root, name)
    repositories.git("clone", "-q", "-b", start, str(bare), str(work), cwd=bare)
    for path, text in changes.items():
        (work / path).write_text(text, encoding="utf-8")
    repositories.git("commit", "-q", "-a", "-m", "Topic", cwd=work)
    repositories.git("push", "-q", "origin", "HEAD:refs/heads/topic", cwd=work)
