"""Tells which Python there is, and fails if it is older than the one asked for."""

import os
import platform
import sys
from pathlib import Path


def main() -> int:
    """Compare the versions and tell the outputs."""
    found = platform.python_version()
    wanted = [int(part) for part in os.environ["INPUT_VERSION"].split(".") if part.isdigit()]
    if wanted > [int(part) for part in found.split(".")[: len(wanted)]]:
        print(f"::error::Python {os.environ['INPUT_VERSION']} is asked for; here runs {found}.")
        return 1
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as outputs:
        outputs.write(f"python-version={found}\npython-path={sys.executable}\n")
    print(f"Python {found}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
