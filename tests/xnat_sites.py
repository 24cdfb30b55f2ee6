"""A small archive that several tests of the simulated XNAT read, and a client without manners."""

from __future__ import annotations

import requests

from nearline.testing.xnat import Archive, SimulatedXnat, ashs_session, freesurfer_session

__all__ = ["client", "rows", "small_archive"]


def small_archive() -> Archive:
    """ALFA: four sessions, the last without FreeSurfer; BETA shares the first; GAMMA is public.

    Ids: sessions XNAT_E00001, 3, 5, 7; the assessor of each has the next number. GAMMA's session
    is XNAT_E00009.
    """
    archive = Archive()
    for project in ("ALFA", "BETA"):
        archive.add_project(project)
    archive.add_project("GAMMA", access="public")
    for number in range(1, 5):
        subject = f"{number:04d}"
        session = archive.add_session("ALFA", subject=subject, label=f"{subject}_MR1")
        if number < 4:
            files = freesurfer_session(number, subject=subject)
            archive.put_files(session, "FREESURFER6", files)
        archive.put_files(session, "ASHS", ashs_session(number, subject=subject))
        assessor = archive.add_assessor(session, label=f"{subject}_FS")
        archive.put_files(assessor, "DATA", freesurfer_session(number, "5.3.0", subject=subject))
    archive.share("XNAT_E00001", "BETA", label="renamed")
    public = archive.add_session(
        "GAMMA", subject="g1", label="g1_PET", xsi_type="xnat:petSessionData"
    )
    archive.put_files(public, "FREESURFER6", freesurfer_session("g1", subject="g1"))
    return archive


def client(server: SimulatedXnat, user: str = "admin", password: str = "admin"):
    """Return a function that sends requests in a session of its own."""
    session = requests.Session()
    if user:
        session.auth = (user, password)

    def send(path: str, method: str = "GET", **more) -> requests.Response:
        return session.request(method, server.address + path, timeout=20, **more)

    send.session = session
    return send


def rows(answer: requests.Response) -> list[dict[str, str]]:
    """Return the rows of a table."""
    answer.raise_for_status()
    return answer.json()["ResultSet"]["Result"]
