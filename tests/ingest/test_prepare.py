"""How a task takes files through its steps."""

from pipelines.images.reject import Rejected
from pipelines.ingest.prepare import CHUNK_BYTES, CHUNK_FILES, chunks

UNREADABLE = Rejected("unreadable", "it is gone")


def test_small_files_go_through_each_step_together_and_in_order() -> None:
    files = [({"uri": str(number)}, b"small") for number in range(2 * CHUNK_FILES + 1)]
    taken = list(chunks(files))
    assert [len(chunk) for chunk in taken] == [CHUNK_FILES, CHUNK_FILES, 1]
    assert [file for chunk in taken for file in chunk] == files


def test_large_files_are_not_held_together() -> None:
    large = bytes(CHUNK_BYTES)
    assert [len(chunk) for chunk in chunks([({}, large), ({}, large), ({}, b"small")])] == [1, 1, 1]


def test_a_file_that_could_not_be_read_keeps_its_place() -> None:
    assert list(chunks([({}, b"one"), ({}, UNREADABLE), ({}, b"two")])) == [
        [({}, b"one"), ({}, UNREADABLE), ({}, b"two")]
    ]
