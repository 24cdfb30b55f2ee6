"""Runs functions of pyxnat's derivatives, unmodified, on files: its own interpreter runs this.

Reads a line of JSON: a list of jobs ``{"label", "files", "module", "function", "arguments"}``, the
files by path in base64. Answers with a line: for each job ``{"columns", "rows"}``, or ``{"error"}``
with the name of the exception. So on until there is no more input.
"""

import base64
import fnmatch
import importlib
import json
import sys

import numpy as np
import pandas as pd


class Answer:
    def __init__(self, content):
        self.content = content

    @property
    def text(self):
        return self.content.decode("utf-8")


class Interface:
    def __init__(self, files):
        self.files = files

    def get(self, uri):
        return Answer(self.files[uri])


class File:
    def __init__(self, path, content):
        self._uri = path
        self.content = content

    def id(self):
        return self._uri

    def attributes(self):
        return {"URI": self._uri, "path": self._uri, "Name": self._uri.split("/")[-1]}

    def get(self, destination):
        with open(destination, "wb") as f:
            f.write(self.content)


class Resource:
    def __init__(self, label, files):
        self._label = label
        self._files = files
        self._intf = Interface(files)

    def label(self):
        return self._label

    def files(self, pattern="*"):
        return [
            File(path, content)
            for path, content in self._files.items()
            if fnmatch.fnmatch(path, pattern)
        ]

    def file(self, path):
        return File(path, self._files[path])


def plain(value):
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    return value.item() if isinstance(value, np.generic) else value


def run(job):
    files = {path: base64.b64decode(data) for path, data in job["files"].items()}
    module = importlib.import_module("pyxnat.core.derivatives." + job["module"])
    try:
        frame = getattr(module, job["function"])(Resource(job["label"], files), **job["arguments"])
    except Exception as error:  # noqa: BLE001 - which one is the result
        return {"error": type(error).__name__}
    if job.get("hires"):
        frame = importlib.import_module("bx.download").__dict__["__fix_volumes__"](frame)
    if isinstance(frame, dict):
        frame = pd.DataFrame([frame])
    if not isinstance(frame, pd.DataFrame):
        frame = pd.DataFrame({"value": [frame]})
    rows = [[plain(value) for value in row] for row in frame.astype(object).values.tolist()]
    return {"columns": [str(name) for name in frame.columns], "rows": rows}


for line in sys.stdin:
    print(json.dumps([run(job) for job in json.loads(line)]), flush=True)
