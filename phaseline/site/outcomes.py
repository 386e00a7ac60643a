"""The values of the output variable `outcome` of the action Publish."""

PUBLISHED, SUPERSEDED, OVERTAKEN = "published", "superseded", "overtaken"
"""The build was published; the website had a newer build before; a newer build overtook it."""
