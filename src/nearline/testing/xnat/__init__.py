"""For tests of programs that read from an XNAT: one that is simulated, and misbehaves.

`SimulatedXnat` serves an `Archive` on loopback to unmodified clients (pyxnat, xnatpy, bx);
`nearline.testing.xnat.faults` lists what may go wrong, `Behaviour` what kind of server it is,
and `freesurfer_session` makes the files of a session.
"""

from nearline.testing.xnat.archive import Archive
from nearline.testing.xnat.behaviour import Behaviour
from nearline.testing.xnat.freesurfer import freesurfer_session
from nearline.testing.xnat.server import SimulatedXnat

__all__ = ["Archive", "Behaviour", "SimulatedXnat", "freesurfer_session"]
