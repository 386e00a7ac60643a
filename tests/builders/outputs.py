"""The output files of a step."""


def read_outputs(text: str) -> dict[str, str]:
    """A step's outputs, read as the runner reads them: name, delimiter, lines, delimiter."""
    found, lines = {}, iter(text.split("\n"))
    for line in lines:
        if line:
            name, _, end = line.partition("<<")
            found[name] = "\n".join(iter(lambda: next(lines), end))
    return found
