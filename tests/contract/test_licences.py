"""The licences of all locked packages are listed and allowed."""

import re
from importlib.metadata import distributions

import pytest

from requirements.environments import LOCKED, ROOT
from tests.contract.locked import npm_packages, pins

ROW = re.compile(r"^\| ([a-z0-9@][\w./-]*) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)
ALLOWED = {
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CNRI-Python",
    "ISC",
    "LGPL-3.0-or-later",  # of a library that is imported as it is, and is in no function
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "PSF-2.0",
}
EXCEPTIONS = {
    "docutils": "only benchmarks install it, with the AWS CLI, and nothing is distributed",
}


def listed() -> dict[str, tuple[str, set[str]]]:
    """The licence and the lists of each package of requirements/licences.md."""
    text = (ROOT / "requirements/licences.md").read_text("utf-8")
    return {name: (licence, set(lists.split(", "))) for name, licence, lists in ROW.findall(text)}


def allows(licence: str, allowed: set[str]) -> bool:
    """Whether an SPDX expression without parentheses is met by the allowed licences.

    https://spdx.github.io/spdx-spec/v2.3/SPDX-license-expressions/
    """
    return any(set(one.split(" AND ")) <= allowed for one in licence.split(" OR "))


def test_every_package_is_listed_with_its_lists() -> None:
    """No package is missing, and none is left from earlier."""
    locked: dict[str, set[str]] = {}
    for target in LOCKED.values():
        name = "scripts" if target == "requirements.txt" else target[len("requirements/") : -4]
        for package in pins(ROOT / target):
            locked.setdefault(package, set()).add(name)
    locked |= {package: {"npm"} for package in npm_packages()}
    assert {name: lists for name, (_, lists) in listed().items()} == locked


def test_every_licence_is_allowed() -> None:
    refused = {name for name, (licence, _) in listed().items() if not allows(licence, ALLOWED)}
    assert refused == EXCEPTIONS.keys()


def test_licences_are_those_of_the_installed_packages() -> None:
    """A new version of a package with another licence is noticed."""
    known = listed()
    compared = {}
    for found in distributions():
        name = re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower()
        if name in known and (declared := found.metadata.json.get("license_expression")):
            compared[name] = str(declared)
    assert len(compared) > 20
    compared |= {name: one["license"] for name, one in npm_packages().items()}
    assert compared == {name: known[name][0] for name in compared}


@pytest.mark.parametrize(
    ("licence", "expected"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("Apache-2.0 AND CNRI-Python", True),
        ("", False),
    ],
)
def test_expression_is_read(licence: str, expected: bool) -> None:
    assert allows(licence, ALLOWED) == expected
