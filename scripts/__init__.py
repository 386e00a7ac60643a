"""The commands of Phaseline: `phaseline --help` lists them."""
