"""The types of algorithms, and the names that algorithms and versions may have."""

import re

TYPES = ("in", "opt", "out")
NAME_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
"""The pattern of algorithm names and versions. They are safe in URLs, shell commands, Slack
messages and file names."""
