"""What a large reading holds in memory is what is under way, not the object."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SIZE = 256 << 20
IN_FLIGHT = 32 << 20
PIECE = 1 << 20

CODE = f"""
import sys
from pathlib import Path

sys.path.insert(0, {str(Path(__file__).parents[1])!r})
from fetch.sources import MemorySource
from nearline.fetch.reader import Reader
from nearline.ranges import ByteRange
from nearline.settings import Settings


def memory(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(name))


source = MemorySource(b"\\1" * {SIZE})
reader = Reader(source, Settings(cache="off", max_bytes_in_flight={IN_FLIGHT}))
ranges = [ByteRange(at, at + {PIECE}) for at in range(0, {SIZE}, {PIECE})]
for _ in reader.stream(ranges[:40]):
    pass
before = memory("VmRSS")
Path("/proc/self/clear_refs").write_text("5")
came = sum(len(view) for _, view in reader.stream(ranges))
assert came == {SIZE}, came
print(memory("VmHWM") - before)
"""


def test_peak_follows_the_cap_on_bytes_in_flight() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=False, timeout=120
    )
    assert not done.returncode, done.stderr
    assert int(done.stdout) < IN_FLIGHT + (24 << 20)
