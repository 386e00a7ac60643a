"""Pure: the remedies for Slack's error codes.

https://docs.slack.dev/reference/methods/chat.postMessage#errors
"""

TOKENS = frozenset(
    {"account_inactive", "invalid_auth", "not_authed", "token_expired", "token_revoked"}
)
"""The codes for a token that is invalid or has expired."""
_REMEDIES = {
    "Store the token of an app that is installed in the workspace.": TOKENS,
    "Give the app chat:write, install it again, and store its new token.": {
        "missing_scope",
        "no_permission",
        "not_allowed_token_type",
    },
    "Correct the channel's ID, and make the app a member of the channel.": {
        "channel_not_found",
        "is_archived",
        "not_in_channel",
        "restricted_action",
    },
    "Wait. Slack accepts no more messages of this app for now.": {
        "message_limit_exceeded",
        "rate_limited",
        "ratelimited",
    },
}
_OTHER = (
    "Look up the code on docs.slack.dev. Check the token, the channel, and that the app is a member"
    " of the channel."
)
RATE_LIMIT = "ratelimited"
"""The code for an answer with status 429."""


def remedy(code: str) -> str:
    """Return the remedy for an error code."""
    return next((remedy for remedy, codes in _REMEDIES.items() if code in codes), _OTHER)
