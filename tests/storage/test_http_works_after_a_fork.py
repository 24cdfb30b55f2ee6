import multiprocessing
import os
import threading

from nearline.storage.http import HttpSource, connections
from nearline.testing import RangeServer

DATA = os.urandom(300_000)


def body(answer):
    return b"".join(answer.chunks)


def read_many(source, pin, number, results):
    wrong = 0
    for start in range(number, 200_000, 20_011):
        wrong += body(source.read(start, start + 9000, pin=pin)) != DATA[start : start + 9000]
    results.put(wrong)


def test_children_of_a_process_that_is_reading_never_share_a_connection():
    context = multiprocessing.get_context("fork")
    with RangeServer({"/a": DATA}) as server:
        source = HttpSource(server.url("/a"))
        pin = source.read(0, 1).validator
        half_read = source.read(0, None, pin=pin)
        taken = next(half_read.chunks)
        results = context.SimpleQueue()
        children = [
            context.Process(target=read_many, args=(source, pin, number, results))
            for number in range(4)
        ]
        for child in children:
            child.start()
        taken += body(half_read)
        assert [results.get() for _ in children] == [0] * 4
        for child in children:
            child.join(20)
            assert child.exitcode == 0
        assert taken == DATA
        assert body(source.read(5, 10)) == DATA[5:10]


def test_a_fork_while_another_thread_opens_a_connection_does_not_hang():
    context = multiprocessing.get_context("fork")
    with RangeServer({"/a": DATA}) as server:
        source = HttpSource(server.url("/a"))
        stop = threading.Event()

        def keep_reading():
            while not stop.is_set():
                source.read(0, None).close()

        threads = [threading.Thread(target=keep_reading) for _ in range(3)]
        for thread in threads:
            thread.start()
        try:
            for _ in range(10):
                results = context.SimpleQueue()
                pin = source.read(0, 1).validator
                child = context.Process(target=read_many, args=(source, pin, 0, results))
                child.start()
                child.join(30)
                assert child.exitcode == 0
                assert results.get() == 0
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def test_a_fork_while_the_pools_are_locked_does_not_hang():
    context = multiprocessing.get_context("fork")
    with RangeServer({"/a": DATA}) as server:
        source = HttpSource(server.url("/a"))
        pin = source.read(0, 1).validator
        results = context.SimpleQueue()
        child = context.Process(target=read_many, args=(source, pin, 0, results))
        with connections._pools._lock:
            child.start()
        child.join(30)
        assert child.exitcode == 0
        assert results.get() == 0
