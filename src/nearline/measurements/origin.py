"""The server as a run sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from nearline.errors import NearlineError
    from nearline.xnat.client import FileAnswer
    from nearline.xnat.inventory import Experiment, File, Resource

__all__ = ["Origin"]

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Origin(Protocol):
    """What a run asks for; `nearline.measurements.xnat_origin` asks an XNAT."""

    @property
    def server(self) -> str:
        """URL without credentials."""

    @property
    def user(self) -> str:
        """Who asks."""

    @property
    def offline(self) -> bool:
        """Whether nobody is asked."""

    @property
    def not_modified(self) -> bool:
        """Whether conditional requests are answered."""

    def experiments(self, project: str, *, shared: bool) -> Sequence[Experiment]:
        """List all experiments of a project."""

    def resources(
        self, experiments: Sequence[str], place: str
    ) -> tuple[Mapping[str, tuple[Resource, ...]], Mapping[str, NearlineError]]:
        """List the resources of experiments, and the errors of those that gave none."""

    def files(
        self, resources: Mapping[str, Resource]
    ) -> tuple[Mapping[str, tuple[File, ...]], Mapping[str, NearlineError]]:
        """List the files of one resource each, by experiment id; and the errors."""

    def file(self, uri: str, since: str | None) -> FileAnswer:
        """Return the bytes of a file, or none if it was not modified since."""

    def each(
        self, function: Callable[[Item], Outcome], items: Iterable[Item]
    ) -> Iterator[tuple[Item, Outcome | NearlineError]]:
        """Call a function for every item, several at once, and yield what it returned."""
