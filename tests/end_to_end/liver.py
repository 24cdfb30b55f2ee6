"""The liver of the documentation's segmentation: a file of its shape and size, and the oracle."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import highdicom
from numpy.testing import assert_array_equal

import nearline as nl
from made.segmentation import MadeSegmentation
from made.shapes import LIVER, write_whole_body
from oracles.pixels import assert_same
from servers.counting import CountingProxy

__all__ = ["DOCUMENTED_GOOGLE", "DOCUMENTED_S3", "KEY", "Liver"]

KEY = "3f38511f-fd09-4e2f-89ba-bc0845fe0005/c8ea3be0-15d7-4a04-842d-00b183f53b56.dcm"

# The documentation's statements, without its comments; only import, bucket and endpoint differ.
DOCUMENTED_GOOGLE = """
import nearline as hd
from google.cloud import storage

client = storage.Client.create_anonymous_client()
client._connection.API_BASE_URL = endpoint
bucket = client.bucket(bucket_name)

blob = bucket.blob(
    "3f38511f-fd09-4e2f-89ba-bc0845fe0005/c8ea3be0-15d7-4a04-842d-00b183f53b56.dcm"
)

with blob.open(mode="rb") as reader:
    seg = hd.seg.segread(reader, lazy_frame_retrieval=True)

    selected_segment_numbers = seg.get_segment_numbers(segment_label="Liver")

    volume = seg.get_volume(
        segment_numbers=selected_segment_numbers,
        combine_segments=True,
    )
"""

DOCUMENTED_S3 = """
import nearline as hd
import s3fs

s3_client = s3fs.S3FileSystem(
    anon=True,
    default_block_size=500_000,
    use_ssl=False,
    endpoint_url=endpoint,
)

url = f's3://{bucket}/3f38511f-fd09-4e2f-89ba-bc0845fe0005/c8ea3be0-15d7-4a04-842d-00b183f53b56.dcm'

with s3_client.open(url, mode="rb") as reader:
    seg = hd.seg.segread(reader, lazy_frame_retrieval=True)

    selected_segment_numbers = seg.get_segment_numbers(segment_label="Liver")

    volume = seg.get_volume(
        segment_numbers=selected_segment_numbers,
        combine_segments=True,
    )
"""


@dataclass(frozen=True)
class Liver:
    """A segmentation of 90 MB: 60 segments, 2,700 frames."""

    made: MadeSegmentation

    @classmethod
    def prepare(cls, folder: Path) -> Liver:
        """Write it."""
        return cls(write_whole_body(folder / "body.dcm", frames=2_700, slices=150))

    @cached_property
    def volume(self) -> highdicom.Volume:
        """What highdicom reads from the file."""
        seg = highdicom.seg.segread(self.made.path, lazy_frame_retrieval=True)
        return seg.get_volume(segment_numbers=[LIVER], combine_segments=True)

    @property
    def needed(self) -> int:
        """Bytes of the header and of the liver's frames."""
        return self.made.header_bytes + self.made.bytes_of(segments=[LIVER])

    def check(self, volume: Any) -> None:
        """Compare with highdicom: values, type, place."""
        assert isinstance(volume, highdicom.Volume)
        assert_same(volume.array, self.volume.array)
        assert volume.array.any()
        assert_array_equal(volume.affine, self.volume.affine)
        assert volume.frame_of_reference_uid == self.volume.frame_of_reference_uid
        assert volume.coordinate_system == self.volume.coordinate_system

    def run_documented(self, code: str, **names: Any) -> None:
        """Execute a block of the documentation."""
        scope: dict[str, Any] = dict(names)
        exec(compile(code, "documentation", "exec"), scope)
        assert scope["selected_segment_numbers"] == [LIVER]
        self.check(scope["volume"])

    def check_cost(self, log: CountingProxy) -> None:
        """Look at what a server was asked while the example ran once, with nothing known.

        Round trips: the header and how long the rest of it is, the rest, the frames; the clients
        whose readers we take ask a few things before. Without a delay, requests that were sent
        side by side may be answered one after the other.
        """
        asked = [
            (one.method, one.target, one.headers.get("range"), one.sent) for one in log.chain()
        ]
        assert log.sent <= 1.1 * self.needed, asked
        assert len(asked) <= 6, asked
        assert len(log.requests) <= 12

    def run(self, target: Any, options: dict[str, Any] | None, log: CountingProxy) -> None:
        """Open by URL and read cold, then warm; count at the server."""
        log.clear_log()
        seg = nl.segread(target, storage_options=options)
        assert log.sent <= self.made.header_bytes + 600_000
        numbers = seg.get_segment_numbers(segment_label="Liver")
        self.check(seg.get_volume(segment_numbers=numbers, combine_segments=True))
        self.check_cost(log)
        log.clear_log()
        self.check(seg.get_volume(segment_numbers=numbers, combine_segments=True))
        assert log.sent == 0
