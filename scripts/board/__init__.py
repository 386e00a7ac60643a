"""The board: pages that show an environment, served on loopback or written to one file."""
