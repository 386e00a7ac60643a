"""The calls of the listener do not grow with the records of a batch, but for one per release."""

from tests.load.alone import ALGORITHMS, BATCH, take


def test_each_batch_is_one_write_of_each_document_and_one_item_per_release() -> None:
    """The last batch has a record of one type only."""
    assert ALGORITHMS == BATCH
    calls = take(BATCH + 1).calls
    assert calls["s3", "put_object"] == calls["github", "dispatch"] == 3 + 1
    assert calls["dynamodb", "put_item"] == BATCH + 1
    assert calls.total() < BATCH + 1 + 30
