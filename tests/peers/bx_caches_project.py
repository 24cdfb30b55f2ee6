"""Runs bx's caches of a project, unmodified: its own interpreter runs this.

Reads JSON: URL and project. Writes JSON: the frames.
"""

import contextlib
import json
import sys
import tempfile

import pyxnat
from bx.cache import cache_ashs, cache_freesurfer6

server, project = json.load(sys.stdin)
with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
    c = pyxnat.Interface(server, "admin", "admin")
    frames = cache_freesurfer6(c, project, od=folder)
    frames.append(cache_ashs(c, project, od=folder))
    c.disconnect()
json.dump(
    [
        {
            "index": frame.index.astype(str).tolist(),
            "columns": list(frame.columns),
            "rows": frame.astype(str).to_numpy().tolist(),
        }
        for frame in frames
    ],
    sys.stdout,
)
