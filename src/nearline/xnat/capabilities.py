"""What a server can do, as a value."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Capabilities"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What was found out about a server; None where there was nothing to try it on.

    Attributes
    ----------
    version : str or None
        Of XNAT.
    resource_lists, file_lists : bool or None
        Whether resources, and files, of several experiments come in one answer.
    most_resources, most_files : int or None
        Ids in the longest list that was answered in full, or None if no list was.
    digests : bool or None
        Whether listings of files tell digests.
    not_modified : bool or None
        Whether a file that was not modified is answered with 304.
    folder_zip : bool or None
        Whether one folder of a resource comes as a zip.
    """

    version: str | None = None
    resource_lists: bool | None = None
    file_lists: bool | None = None
    most_resources: int | None = None
    most_files: int | None = None
    digests: bool | None = None
    not_modified: bool | None = None
    folder_zip: bool | None = None

    @property
    def comma_lists(self) -> bool | None:
        """Whether lists of ids are known, for resources and for files."""
        if False in (self.resource_lists, self.file_lists):
            return False
        return self.resource_lists if self.file_lists is None else self.file_lists
