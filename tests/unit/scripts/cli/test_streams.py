"""Inert streams above other streams."""

import io

from scripts.cli.streams import InertStream


def test_stream_can_be_collected_after_the_one_below_it_is_closed() -> None:
    """Python closes, and so flushes, each stream that it collects."""
    below = io.StringIO()
    stream = InertStream(below)
    stream.write("begun")
    below.close()
    stream.close()
    assert stream.closed
