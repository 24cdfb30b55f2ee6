"""A fresh process in which bx does one piece of work, once; its own interpreter runs this."""

import contextlib
import json
import sys
import tempfile
import time

import pandas as pd
import pyxnat
from bx.cache import cache_freesurfer6


def cached(job, project, folder):
    c = pyxnat.Interface(job["url"], "admin", "admin")
    return cache_freesurfer6(c, project, measurements=job["measurements"], od=folder)


def read(path):
    # As bx reads its cache.
    return [pd.read_excel(path, engine="openpyxl").set_index("subject")]


def work(job, folder):
    if job["work"] == "read":
        return read(job["path"])
    return cached(job, job["project"], folder)


def main():
    job = json.loads(sys.stdin.readline())
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(sys.stderr):
        if job["work"] == "read":
            pd.DataFrame({"subject": ["a"], "value": [1.0]}).to_excel(f"{folder}/small.xlsx")
            read(f"{folder}/small.xlsx")
        else:
            cached(job, job["warm"], folder)
        print("ready", file=sys.__stdout__, flush=True)
        sys.stdin.readline()
        began = time.perf_counter()
        frames = work(job, folder)
        seconds = time.perf_counter() - began
    facts = {"seconds": seconds, "rows": sum(len(frame) for frame in frames)}
    print(json.dumps(facts), flush=True)


main()
