"""Reads an XNAT with xnatpy, unmodified.

Reads JSON: URL, user and password. Writes JSON: what xnatpy found.
"""

import json
import sys
import tempfile
import zipfile
from pathlib import Path

import xnat

server, user, password = json.load(sys.stdin)
with (
    tempfile.TemporaryDirectory() as folder,
    xnat.connect(server, user=user, password=password, loglevel="CRITICAL") as session,
):
    project = session.projects["ALFA"]
    experiment = project.experiments["0001_MR1"]
    resource = experiment.resources["FREESURFER6"]
    (file,) = (f for f in resource.files.values() if f.id.endswith("aseg.stats"))
    file.download(f"{folder}/aseg.stats", verbose=False)
    resource.download(f"{folder}/all.zip", verbose=False)
    table = project.experiments.tabulate(columns=["ID", "label", "last_modified"])
    json.dump(
        {
            "user": session.logged_in_user,
            "version": session.xnat_version,
            "projects": [p.id for p in session.projects.values()],
            "subjects": [s.label for s in project.subjects.values()],
            "experiments": [e.label for e in project.experiments.values()],
            "type": type(experiment).__name__,
            "resources": [r.label for r in experiment.resources.values()],
            "assessors": [a.label for a in experiment.assessors.values()],
            "files": len(resource.files),
            "digest": file.digest,
            "size": int(file.size),
            "bytes": Path(f"{folder}/aseg.stats").read_text(),
            "zipped": len(zipfile.ZipFile(f"{folder}/all.zip").namelist()),
            "table": [list(row) for row in table],
        },
        sys.stdout,
    )
