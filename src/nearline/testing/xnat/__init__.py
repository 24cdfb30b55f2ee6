"""For tests of programs that read from an XNAT: one that is simulated, and misbehaves.

`SimulatedXnat` serves an `Archive` on loopback to unmodified clients (pyxnat, xnatpy, bx);
`nearline.testing.xnat.faults` lists what may go wrong, `Behaviour` what kind of server it is,
`freesurfer_project` fills a project, `freesurfer_session` and `ashs_session` make the files
of one session.
"""

from nearline.testing.xnat.archive import Archive
from nearline.testing.xnat.behaviour import Behaviour
from nearline.testing.xnat.freesurfer import (
    ashs_session,
    freesurfer_project,
    freesurfer_session,
    with_etiv,
)
from nearline.testing.xnat.server import SimulatedXnat

__all__ = [
    "Archive",
    "Behaviour",
    "SimulatedXnat",
    "ashs_session",
    "freesurfer_project",
    "freesurfer_session",
    "with_etiv",
]
