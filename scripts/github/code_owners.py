"""Pure: the file that names the code owners, and its errors.

https://docs.github.com/en/repositories/managing-your-repositorys-settings-and-features/customizing-your-repository/about-code-owners
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

FILE = ".github/CODEOWNERS"
EXAMPLE = "@acme/platform"
"""The owner that the file names until somebody names another one."""


def named(text: str, owners: Iterable[str]) -> str:
    """Return the file with these owners in place of the example.

    >>> named("* @acme/platform", ["@ada", "@web/site"])
    '* @ada @web/site'
    """
    return text.replace(EXAMPLE, " ".join(owners))


def errors(found: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Return a line for each error that GitHub found.

    https://docs.github.com/en/rest/repos/repos#list-codeowners-errors
    """
    for one in found:
        yield f"{one['path']}:{one['line']}: {one['kind']}: {one['source'].strip()}"
