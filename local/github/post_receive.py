"""The post-receive hook of each repository, which reports every pushed branch.

    python post_receive.py OWNER/NAME URL SECONDS

It sends `{"repository", "branch", "commit", "before"}` to the URL, and waits SECONDS for an answer.
It uses only the standard library, because it runs in the environment of the person who pushes. The
push has succeeded when the hook runs. So it reports a failure on a line that begins with UNTOLD.
"""

import json
import sys
import urllib.request

UNTOLD = "phaseline: "


def main(name: str, url: str, seconds: str) -> None:
    """Report each line that git passes to the hook: the commits before and after, and the ref."""
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
                print(f"{UNTOLD}{url} did not get the report of commit {commit[:8]}: {error}")


if __name__ == "__main__":
    main(*sys.argv[1:])
