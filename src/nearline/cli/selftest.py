"""``nearline selftest --live``: read the documentation's public objects, highdicom beside us."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

import typer

from nearline.cli.output import JsonOption, bytes_text, print_json
from nearline.errors import NearlineError
from nearline.settings import settings
from nearline.traffic import traffic

__all__ = ["selftest"]

_SLIDE = "763fe058-7d25-4ba7-9b29-fd3d6c41dc4b/210f0529-c767-4795-9acf-bad2f4877427.dcm"
_BUCKET = "idc-open-data"
_REGION = (15000, 15512, 17000, 17512)
_BLOCK = 500_000


@dataclass
class Outcome:
    """One object read by nearline and, where possible, by highdicom."""

    url: str
    nearline: str = "not reached"
    highdicom: str = "not reached"
    verdict: str = "not compared"
    details: dict[str, Any] = field(default_factory=dict)


def selftest(
    live: Annotated[
        bool, typer.Option("--live", help="Read public objects over the network.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Read the public slide of highdicom's documentation from S3 and Google Cloud Storage.

    Each is also read by highdicom through the client that its documentation
    uses, if those are installed. Exit code 1 if pixels differ or nothing was reached.
    """
    if not live:
        raise typer.BadParameter("the self-test reads public objects: say --live to allow it.")
    readers: dict[str, Callable[[], Any]] = {
        f"s3://{_BUCKET}/{_SLIDE}": _highdicom_over_s3fs,
        f"gs://{_BUCKET}/{_SLIDE}": _highdicom_over_google_client,
    }
    outcomes = [_compare(url, peer) for url, peer in readers.items()]
    if json:
        print_json({"objects": [asdict(outcome) for outcome in outcomes]})
    else:
        for outcome in outcomes:
            typer.echo(outcome.url)
            typer.echo(f"  nearline:  {outcome.nearline}")
            typer.echo(f"  highdicom: {outcome.highdicom}")
            typer.echo(f"  pixels:    {outcome.verdict}")
    reached = [outcome for outcome in outcomes if outcome.details]
    if not reached or any(outcome.verdict == "DIFFERENT" for outcome in outcomes):
        raise typer.Exit(1)


def _compare(url: str, peer: Callable[[], Any]) -> Outcome:
    import numpy as np

    from nearline.image.imread import imread

    outcome = Outcome(url)
    try:
        # Neither side may have anything at hand.
        with settings(cache="off"), traffic() as cost:
            begin = time.perf_counter()
            ours = imread(url).get_total_pixel_matrix(*_REGION, dtype=np.uint8)
            elapsed = time.perf_counter() - begin
        # highdicom decodes JPEG with whichever plugin pydicom finds, so the same path is compared.
        with settings(cache="off"):
            same_path = imread(url, decoder="pydicom")
            exact = same_path.get_total_pixel_matrix(*_REGION, dtype=np.uint8)
    except NearlineError as error:
        outcome.nearline = f"not reached: {error}"
        return outcome
    outcome.details = {"seconds": elapsed, "requests": cost.requests, "bytes": cost.bytes}
    outcome.nearline = f"{elapsed:.2f} s, {cost.requests} requests, {bytes_text(cost.bytes)}"
    try:
        begin = time.perf_counter()
        theirs = peer()
        elapsed = time.perf_counter() - begin
    except ImportError as error:
        outcome.highdicom = f"not installed: {error.name}"
        return outcome
    except Exception as error:  # noqa: BLE001 - the peer's client may raise anything; it is reported
        outcome.highdicom = f"not reached: {type(error).__name__}"
        return outcome
    outcome.details["highdicom_seconds"] = elapsed
    outcome.highdicom = f"{elapsed:.2f} s"
    worst = int(np.abs(ours.astype(int) - theirs).max())
    outcome.details["largest_difference_of_default_decoder"] = worst
    equal = np.array_equal(exact, theirs)
    outcome.verdict = (
        f"equal with decoder='pydicom'; the default decoder differs by at most {worst}"
        if equal
        else "DIFFERENT"
    )
    return outcome


def _highdicom_over_s3fs() -> Any:
    import s3fs

    client = s3fs.S3FileSystem(anon=True, default_block_size=_BLOCK, use_ssl=False)
    with client.open(f"s3://{_BUCKET}/{_SLIDE}", mode="rb") as reader:
        return _highdicom_region(reader)


def _highdicom_over_google_client() -> Any:
    from google.cloud import storage

    blob = storage.Client.create_anonymous_client().bucket(_BUCKET).blob(_SLIDE)
    with blob.open(mode="rb", chunk_size=_BLOCK) as reader:
        return _highdicom_region(reader)


def _highdicom_region(reader: Any) -> Any:
    import highdicom
    import numpy as np

    image = highdicom.imread(reader, lazy_frame_retrieval=True)
    return image.get_total_pixel_matrix(*_REGION, dtype=np.uint8)
