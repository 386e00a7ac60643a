"""The post-receive hook of each repository: tells about every branch that was pushed.

    python post_receive.py OWNER/NAME URL SECONDS

It sends `{"repository", "branch", "commit", "before"}` to the URL and waits SECONDS for an answer.
Standard library only: it runs in the environment of whoever pushes. A push has landed when this
runs, so a failure can only be told: on a line that begins with UNTOLD.
"""

import json
import sys
import urllib.request

UNTOLD = "phaseline: "


def main(name: str, url: str, seconds: str) -> None:
    """Tell about each line that git gives a hook: the commits before and after, and the ref."""
    for line in sys.stdin:
        before, commit, ref = line.split()
        if ref.startswith("refs/heads/") and commit.strip("0"):
            branch = ref.removeprefix("refs/heads/")
            push = {"repository": name, "branch": branch, "commit": commit, "before": before}
            headers = {"Content-Type": "application/json"}
            request = urllib.request.Request(url, json.dumps(push).encode(), headers)  # noqa: S310 - loopback
            try:
                urllib.request.urlopen(request, timeout=float(seconds)).close()  # noqa: S310
            except OSError as error:
                print(f"{UNTOLD}{url} was not told of commit {commit[:8]}: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
