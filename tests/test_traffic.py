"""Traffic is counted for every open block, nested ones and carried ones included."""

from concurrent.futures import ThreadPoolExecutor

from nearline.traffic import count, counters, traffic, using


def test_nested_blocks_each_count_what_happened_inside() -> None:
    with traffic() as outer:
        count("requests")
        with traffic() as inner:
            count("requests", 2)
            count("bytes", 10)
        count("bytes", 5)
    count("requests")
    assert (outer.requests, outer.bytes) == (3, 15)
    assert (inner.requests, inner.bytes) == (2, 10)


def test_work_of_other_threads_counts_only_where_carried() -> None:
    def work() -> None:
        count("requests")

    with traffic() as mine, ThreadPoolExecutor(4) as pool:
        carried = counters()

        def carried_work() -> None:
            with using(carried):
                count("bytes", 3)

        for future in [pool.submit(work), *(pool.submit(carried_work) for _ in range(100))]:
            future.result()
    assert (mine.requests, mine.bytes) == (0, 300)


def test_concurrent_additions_are_not_lost() -> None:
    with traffic() as mine, ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: mine.add("cached_bytes", 1), range(5000)))
    assert mine.cached_bytes == 5000
