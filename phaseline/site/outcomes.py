"""How the action Publish ended, as its output variable `outcome` says."""

PUBLISHED, SUPERSEDED, OVERTAKEN = "published", "superseded", "overtaken"
"""The website shows the build; it showed a newer one before; a newer one overtook this one."""
