"""The types of algorithms, and the names that algorithms and versions may have."""

import re

TYPES = ("in", "opt", "out")
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""Algorithm names and versions: what is safe in a URL, a shell, a Slack message and a file name."""
