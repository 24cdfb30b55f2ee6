"""``nearline report``: the measurements of a structured report."""

from __future__ import annotations

from nearline.cli.output import JsonOption, print_json, print_rows
from nearline.cli.tables import TableOption, records, require_format, write_frame
from nearline.cli.target import OptionsOption, UrlArgument, parse_options
from nearline.traffic import traffic

__all__ = ["report"]

_TITLES = {
    "group": "group",
    "tracking_identifier": "tracked as",
    "finding_type": "finding",
    "finding_sites": "site",
    "measurement": "measurement",
    "value": "value",
    "unit": "unit",
}


def report(
    url: UrlArgument,
    options: OptionsOption = None,
    output: TableOption = None,
    json: JsonOption = False,
) -> None:
    """List the measurements of a structured report (TID 1500), or write them as a table."""
    require_format(output)
    from nearline.sr import measurements

    with traffic() as cost:
        frame = measurements(url, storage_options=parse_options(options))
    if output is not None:
        write_frame(frame, output)
    if json:
        print_json(
            {
                "url": url,
                "groups": int(frame["group"].nunique()),
                "output": output,
                "measurements": None if output is not None else records(frame),
                "requests": cost.requests,
                "bytes_received": cost.bytes,
            }
        )
    elif output is not None:
        print(f"{len(frame)} measurements of {frame['group'].nunique()} groups: {output}")
    else:
        shown = frame[list(_TITLES)].astype(object).where(frame[list(_TITLES)].notna(), None)
        print_rows(list(_TITLES.values()), shown.to_numpy().tolist())
