"""Runs in each job under act: asks whether the job may begin, and reports its result.

    python job.py begin|end

It uses only the standard library, because it runs before a job has set up anything.
"""

import json
import os
import sys
import time
import urllib.request

SECONDS_BETWEEN = 0.2
CANCELLED = "A newer job of the group cancelled this one."
"""The line by which the runner recognises a cancelled job, which act reports as failed."""


def ask(step: str, report: dict[str, object]) -> dict[str, object]:
    """Send values to the runner, and return its answer."""
    url = f"{os.environ['GITHUB_SERVER_URL']}/_phaseline/runs/{os.environ['GITHUB_RUN_ID']}/{step}"
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(report).encode(), headers)  # noqa: S310 - loopback
    patience = float(os.environ["ACT_PATIENCE"])
    with urllib.request.urlopen(request, timeout=patience) as answer:  # noqa: S310
        answered: dict[str, object] = json.load(answer)
    return answered


def begin() -> int:
    """Wait until the job may begin, and set the variables for OIDC tokens."""
    report: dict[str, object] = {
        **json.loads(os.environ["ACT_JOB"]),
        "environment": os.environ["ACT_ENVIRONMENT"],
        "deployment": os.environ["ACT_DEPLOYMENT"] == "true",
        "group": os.environ["ACT_GROUP"],
        "patient": os.environ["ACT_QUEUE"] == "max",
        "cancel": os.environ["ACT_CANCEL"] == "true",
    }
    answer = ask("begin", report)
    if answer["state"] == "waiting":
        print("Waiting for an approval or for this job's turn.", flush=True)
    while answer["state"] == "waiting":
        time.sleep(SECONDS_BETWEEN)
        answer = ask("begin", {**report, "token": answer["token"]})
    variables = {"ACT_VISIT": answer["token"]}
    if answer["id_token"]:
        service = f"{os.environ['GITHUB_SERVER_URL']}/_services/token?api-version=2.0"
        variables |= {
            "ACTIONS_ID_TOKEN_REQUEST_URL": service,
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN": answer["token"],
        }
    with open(os.environ["GITHUB_ENV"], "a", encoding="utf-8") as file:  # noqa: PTH123
        file.writelines(f"{name}={value}\n" for name, value in variables.items())
    if answer["state"] == "refused":
        print(f"::error title=Rejected::{answer['reason']}")
        return 1
    return 0


def end() -> int:
    """Report the result of the job."""
    report: dict[str, object] = {
        "token": os.environ.get("ACT_VISIT", ""),
        "status": os.environ["ACT_STATUS"],
        "url": os.environ["ACT_URL"],
    }
    if ask("end", report)["cancelled"]:
        print(CANCELLED)
    return 0


if __name__ == "__main__":
    sys.exit(begin() if sys.argv[1] == "begin" else end())
