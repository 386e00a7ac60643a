"""What to do about an error code of Slack. Pure.

https://docs.slack.dev/reference/methods/chat.postMessage#errors
"""

TOKENS = frozenset(
    {"account_inactive", "invalid_auth", "not_authed", "token_expired", "token_revoked"}
)
"""The codes of a token that is not valid, or not any more."""
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
    "Wait: Slack accepts no more messages of this app now.": {
        "message_limit_exceeded",
        "rate_limited",
        "ratelimited",
    },
}
RATE_LIMIT = "ratelimited"
"""The code of an answer with status 429."""


def remedy(code: str, otherwise: str) -> str:
    """Return what to do about an error code, or `otherwise` for a code that is in no family."""
    return next((remedy for remedy, codes in _REMEDIES.items() if code in codes), otherwise)
