"""The commands of Phaseline: `python -m scripts` lists them."""
