"""The views of the board."""
