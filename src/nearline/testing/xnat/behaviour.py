"""What kind of XNAT is simulated: things in which servers, and proxies before them, differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Behaviour"]


@dataclass(slots=True)
class Behaviour:
    """Differences between servers; may be changed while one runs.

    Attributes
    ----------
    version : str
        As ``/xapi/siteConfig/buildInfo`` tells it.
    comma_lists : bool
        Whether ``/experiments/E1,E2/...`` is understood (XNATTemplate.java:145-203).
    unknown_list : int
        Otherwise the status of the answer: 404, or 200 with an empty body.
    longest_list : int or None
        Lists of more ids are refused with `list_refusal`, as by a proxy before the server.
    list_refusal : int
        400, 413, 414, 431, 502 or 504.
    missing_experiment : int or None
        Status of resources and files of an experiment that nobody has. None: as the source says,
        200 with an empty body for resources (CatalogResourceList.java:139-145) and 500 for files
        (FileList.java:503-540, where no project is found).
    longest_target : int
        Request targets of more bytes are refused with 414.
    folder_zip : bool
        Whether one folder of a resource comes as a zip (FileList.java:549-551, 1015-1025).
    not_modified : bool
        Whether If-Modified-Since is honoured (SecureResource.java:569-578).
    digest_column : bool
        Whether listings of files have it (CatalogUtils.java:79).
    id_key : {"both", "ID", "xpath"}
        Under which names rows of experiments tell the id, when they are of one type: ``ID``, its
        path such as ``xnat:mrsessiondata/id``, or both (QueryOrganizerResource.formatHeaders).
    require_login : bool
        False: who is not signed in is the guest (SiteConfigPreferences requireLogin).
    session_limit : int
        Sessions of one user at once (SiteConfigPreferences.java:1039, default 1000).
    session_requests : int or None
        A session ends after so many requests.
    """

    version: str = "1.8.10"
    comma_lists: bool = True
    unknown_list: int = 404
    longest_list: int | None = None
    list_refusal: int = 414
    missing_experiment: int | None = None
    longest_target: int = 8000
    folder_zip: bool = True
    not_modified: bool = True
    digest_column: bool = True
    id_key: Literal["both", "ID", "xpath"] = "both"
    require_login: bool = True
    session_limit: int = 1000
    session_requests: int | None = None
