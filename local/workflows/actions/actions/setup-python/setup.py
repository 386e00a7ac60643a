"""Outputs the version of this Python. Fails if the job asks for another one."""

import os
import platform
import sys
from pathlib import Path


def main() -> int:
    """Compare the versions, and set the outputs."""
    found, wanted = platform.python_version(), os.environ["INPUT_VERSION"]
    oldest, _, newest = wanted.partition(" - ")
    if not parts(oldest) <= parts(found)[:2] <= parts(newest or "4"):
        print(f"::error::The job needs Python {wanted}, but this machine runs {found}.")
        return 1
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as outputs:
        outputs.write(f"python-version={found}\npython-path={sys.executable}\n")
    print(f"Python {found}")
    return 0


def parts(version: str) -> list[int]:
    """Return the numbers of a version."""
    return [int(part) for part in version.split(".") if part.isdigit()]


if __name__ == "__main__":
    sys.exit(main())
