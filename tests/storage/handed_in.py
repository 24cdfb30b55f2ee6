"""Sources of open files of other libraries, held against their content."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from nearline.storage.source import Answer, Source

__all__ = ["CONTENT", "body", "check"]

CONTENT = bytes(range(256)) * 8192  # 2 MiB


def body(answer: Answer) -> bytes:
    return b"".join(bytes(chunk) for chunk in answer.chunks)


def check(source: Source) -> None:
    """Hold a source against the content, from several threads."""
    ranges = [(0, 10), (1000, 70_000), (len(CONTENT) - 5, len(CONTENT) + 5), (77, None)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda r: (r, body(source.read(*r))), ranges * 4))
    for (start, stop), got in answers:
        assert got == CONTENT[start:stop]
    behind = source.read(len(CONTENT) + 100, len(CONTENT) + 200)
    assert (body(behind), behind.validator.size) == (b"", len(CONTENT))
