"""Reads an XNAT with pyxnat, unmodified: an interpreter that has it runs this.

Reads JSON: the server's URL. Writes JSON: what pyxnat found.
"""

import json
import sys
import tempfile
from pathlib import Path

import pyxnat

server = json.load(sys.stdin)
with tempfile.TemporaryDirectory() as folder:
    c = pyxnat.Interface(server, "admin", "admin")
    experiments = c.array.experiments(project_id="ALFA", columns=["subject_label"]).data
    resource = c.select.experiment("XNAT_E00001").resource("FREESURFER6")
    (file,) = resource.files("*aseg.stats")
    kept = Path(file.get(f"{folder}/aseg.stats")).read_bytes()
    there = c.select.project("ALFA").subject("0001").experiment("0001_MR1").resources().get()
    json.dump(
        {
            "experiments": [[e["ID"], e["subject_label"]] for e in experiments],
            "projects": list(c.select.projects().get()),
            "subjects": c.select.project("ALFA").subjects().get(),
            "exists": [
                resource.exists(),
                c.select.experiment("XNAT_E00007").resource("FREESURFER6").exists(),
                c.select.project("NOPE").exists(),
            ],
            "resource": [resource.id(), resource.label()],
            "resources": list(there),
            "files": len(list(resource.files())),
            "aseg": resource.aseg().astype(str).to_numpy().tolist(),
            "aparc": len(resource.aparc()),
            "destrieux": len(resource.aparc(atlas="destrieux")),
            "hippoSfVolumes": len(resource.hippoSfVolumes()),
            "bytes": kept.decode(),
            "size": file.size(),
            "last_modified": file.last_modified(),
            "unzipped": len(resource.get(folder, extract=True)),
            "version": c.version()["version"],
        },
        sys.stdout,
    )
    c.disconnect()
