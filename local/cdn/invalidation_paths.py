"""The rules of CloudFront for invalidation paths: valid paths, and the files that they match.

https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/invalidation-specifying-objects.html
"""

import re

LENGTH_LIMIT = 4_000
UNSAFE = set(' <>"#%{}|\\^~[]`')
"""The characters that RFC 1738 calls unsafe: they must be encoded. https://www.rfc-editor.org/rfc/rfc1738
A tilde is not supported: CloudFront refuses it, and an encoded one matches no path.
https://github.com/aws/aws-sdk/issues/525"""


def is_taken(path: str) -> bool:
    """Return whether CreateInvalidation accepts a path.

    It answers InvalidArgument for all paths of a request if one of them is not accepted.
    """
    plain = re.sub("%[0-9A-Fa-f]{2}", "", path)
    return (
        path.startswith("/")
        and len(path) <= LENGTH_LIMIT
        and "*" not in path[:-1]
        and all("!" <= sign <= "~" and sign not in UNSAFE for sign in plain)
    )


def names(pattern: str, path: str) -> bool:
    """Return whether an invalidation path matches a cached path.

    An asterisk at the end is a wildcard. CloudFront decodes neither path, so both must have the
    same spelling. Only a wildcard before a tilde matches a path that has one.
    """
    if pattern.endswith("*"):
        return path.startswith(pattern[:-1])
    return path == pattern and "~" not in path and "%7e" not in path.lower()
