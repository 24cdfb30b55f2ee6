"""Ctrl-C ends reading a region at once, and so does the end of the program its helpers."""

import signal
import subprocess
import sys
import textwrap
import time

import pytest

from nearline.testing import RangeServer, faults

PATH = "/slide.dcm"
STALL_S = 60
SOON_S = 30

BEGIN = """
import os, sys, threading, time
import numpy as np
import nearline as nl
say = lambda word: os.write(1, word.encode() + b"\\n")  # whole, whichever threads say it
"""

WAITS = {
    "opening": "say('ready'); nl.imread(sys.argv[1])",
    "opening several": "say('ready'); nl.imread([sys.argv[1], sys.argv[1] + '?2'])",
    "one tile": "im = nl.imread(sys.argv[1]); say('ready'); im.pixels[900:909, 900:909]",
    "many tiles": "im = nl.imread(sys.argv[1]); say('ready'); im.get_total_pixel_matrix()",
    "one frame": "im = nl.imread(sys.argv[1]); say('ready'); im.get_frame(60)",
    "pixels": "im = nl.imread(sys.argv[1]); say('ready'); im.pixels[:, :]",
}

DECODING = """
import nearline.image.reading.frames as frames

make_decoder = frames.make_decoder

def slow(*args):
    decode = make_decoder(*args)

    def decoder(*given, **options):
        say("decoding")
        time.sleep(1)
        return decode(*given, **options)

    return decoder

frames.make_decoder = slow
im = nl.imread(sys.argv[1])
"""


@pytest.fixture(scope="module")
def slide(make):
    """64 tiles, of which the first read brings few."""
    size = {"rows": 1024, "columns": 1024, "tile_rows": 128, "tile_columns": 128}
    return make(codec="native", **size)


def run(server, script):
    command = [sys.executable, "-c", BEGIN + textwrap.dedent(script), server.url(PATH)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def wait_for_requests(server, number):
    deadline = time.monotonic() + 60
    while len(server.requests) < number:
        assert time.monotonic() < deadline, f"{len(server.requests)} of {number} requests came"
        time.sleep(0.01)


@pytest.mark.parametrize("after_bytes", [None, 5])
@pytest.mark.parametrize("wait", WAITS)
def test_while_the_server_is_silent(slide, wait, after_bytes):
    with RangeServer({PATH: slide.path}) as server:
        opening = wait.startswith("opening")
        requests = None if opening else range(4, 10_000)
        server.misbehave(PATH, faults.stall(STALL_S, after_bytes=after_bytes), requests=requests)
        with run(server, WAITS[wait]) as child:
            assert child.stdout.readline() == b"ready\n"
            wait_for_requests(server, 1 if opening else 4)
            child.send_signal(signal.SIGINT)
            _, errors = child.communicate(timeout=SOON_S)
        assert b"KeyboardInterrupt" in errors
        assert child.returncode != 0


def test_while_tiles_are_being_decoded(slide):
    with RangeServer({PATH: slide.path}) as server:
        with run(server, DECODING + "im.get_total_pixel_matrix()") as child:
            assert child.stdout.readline() == b"decoding\n"
            child.send_signal(signal.SIGINT)
            said, errors = child.communicate(timeout=SOON_S)
        assert b"KeyboardInterrupt" in errors
        assert child.returncode != 0
        assert said.count(b"decoding") < 16


def test_an_interrupted_image_goes_on_working(slide):
    script = """
        im = nl.imread(sys.argv[1])
        say("ready")
        try:
            im.get_total_pixel_matrix()
        except KeyboardInterrupt:
            say("interrupted")
        sys.stdin.readline()
        say(str(im.get_total_pixel_matrix(dtype=np.uint8).shape))
    """
    with RangeServer({PATH: slide.path}) as server:
        server.misbehave(PATH, faults.stall(STALL_S, after_bytes=5), requests=range(4, 10_000))
        command = [sys.executable, "-c", BEGIN + textwrap.dedent(script), server.url(PATH)]
        with subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as child:
            assert child.stdout.readline() == "ready\n"
            wait_for_requests(server, 4)
            child.send_signal(signal.SIGINT)
            assert child.stdout.readline() == "interrupted\n"
            server.behave()
            said, _ = child.communicate("go on\n", timeout=60)
    assert said == "(1024, 1024, 3)\n"


def test_threads_that_outlive_the_main_program_still_read(slide):
    # Once the main thread ends, pools of the standard library take no more work.
    script = """
        im = nl.imread(sys.argv[1])

        def read():
            threading.main_thread().join()
            say(str(im.get_total_pixel_matrix(dtype=np.uint8).shape))

        threading.Thread(target=read).start()
    """
    with RangeServer({PATH: slide.path}) as server, run(server, script) as child:
        said, errors = child.communicate(timeout=60)
    assert said == b"(1024, 1024, 3)\n", errors
    assert child.returncode == 0


def test_a_program_that_ends_while_a_region_is_read(slide):
    script = """
        im = nl.imread(sys.argv[1])

        def read():
            say("ready")
            say(str(im.get_total_pixel_matrix(dtype=np.uint8).shape))

        threading.Thread(target=read).start()
        time.sleep(0.2)
    """
    with RangeServer({PATH: slide.path}) as server:
        server.misbehave(PATH, faults.stall(0.1, after_bytes=5), requests=range(4, 10_000))
        server.misbehave(PATH, faults.drip(2_000_000), requests=range(4, 10_000))
        with run(server, script) as child:
            said, errors = child.communicate(timeout=60)
    assert said == b"ready\n(1024, 1024, 3)\n", errors
    assert child.returncode == 0
