"""Pure: whether GitHub protects an environment as Phaseline assumes, in the shapes of its API."""

from collections.abc import Mapping, Sequence
from typing import Any

from scripts.account.rules import Judgement, Status, all_of
from scripts.github import code_owners as owners
from scripts.github.environment_settings import (
    RULE,
    EnvironmentSettings,
    PresentSettings,
    branch_changes,
    reviewers,
    variable_changes,
)

SETUP = "Run: python -m scripts github-setup"
PLANS = "Plans are in docs/setup.md, before step 1."


def environment(found: Mapping[str, Any] | None, *, is_private: bool) -> Judgement:
    """Check that an environment exists, and that its deployments need a review.

    A private repository may have a plan without required reviewers, so it shows nothing.
    """
    if found is None:
        return Judgement(Status.DIFFERS, "the environment does not exist", f"{SETUP}.")
    people = [one["reviewer"] for one in reviewers(found)]
    if people:
        names = ", ".join(one.get("slug") or one["login"] for one in people)
        return Judgement(Status.HOLDS, f"deployments need a review by {names}")
    status = Status.UNKNOWN if is_private else Status.DIFFERS
    return Judgement(status, "no reviewer is required", f"{SETUP} --reviewer. {PLANS}")


def branch(present: PresentSettings, wanted: str) -> Judgement:
    """Check that only one branch may deploy."""
    rule = (present.environment or {}).get("deployment_branch_policy")
    if rule != RULE:
        found = "only protected branches may deploy" if rule else "every branch may deploy"
        return Judgement(Status.DIFFERS, found, f"{SETUP}.")
    names = ", ".join(f"{one.get('type', 'branch')} {one['name']}" for one in present.policies)
    faults = [f"these may deploy: {names or 'none'}"]
    is_complete = not list(branch_changes(wanted, present.policies, ""))
    return all_of([] if is_complete else faults, f"only {wanted} may deploy", f"{SETUP}.")


def variables(present: PresentSettings, wanted: EnvironmentSettings) -> Judgement:
    """Check the variables of the environment and those of the repository."""
    missing = [
        *variable_changes(wanted.variables, present.variables, ""),
        *variable_changes(wanted.shared, present.shared, ""),
    ]
    faults = [f"expected {change.text}" for change in missing]
    total = len(wanted.variables) + len(wanted.shared)
    return all_of(faults, f"{total} variables have the values of the stacks", f"{SETUP}.")


def code_owners(errors: Sequence[Mapping[str, Any]] | None, branch: str) -> Judgement:
    """Check the errors that GitHub finds in the file on a branch; None if it has no file."""
    remedy = f"Name people or teams with write access in {owners.FILE}, and push it."
    if errors is None:
        return Judgement(Status.DIFFERS, f"{branch} has no {owners.FILE}", remedy)
    return all_of(owners.errors(errors), "the code owners exist", remedy)
