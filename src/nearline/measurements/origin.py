"""The server as a run sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from nearline.errors import NearlineError
    from nearline.xnat.client import FileAnswer
    from nearline.xnat.inventory import Experiment, File, Resource

    from .sync import Place

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
    def not_modified(self) -> bool | None:
        """Whether conditional requests are answered; None while that is unknown."""

    def try_conditions(self, uri: str, *, about: str) -> None:
        """Find out."""

    def experiments(self, project: str, *, shared: bool, place: Place) -> Sequence[Experiment]:
        """List all experiments of a project."""

    def resources(
        self, experiments: Sequence[str], place: Place, known_empty: Iterable[str] = ()
    ) -> tuple[Mapping[str, tuple[Resource, ...]], Mapping[str, NearlineError]]:
        """List the resources of experiments, and the errors of those that gave none.

        Of `known_empty` it is known that they had no resource at all.
        """

    def files(
        self, resources: Mapping[str, Resource]
    ) -> Iterator[tuple[Mapping[str, tuple[File, ...]], Mapping[str, NearlineError]]]:
        """List the files of one resource each; yield them and errors, by experiment id.

        They come as they are answered, each experiment in one part at most, and are iterated in
        any thread, in one at a time.
        """

    def file(self, uri: str, since: str | None, *, about: str, size: int | None) -> FileAnswer:
        """Return the bytes of a file, or none if it was not modified since.

        `about` names it in messages, `size` is what is listed.
        """

    def each(
        self, function: Callable[[Item], Outcome], items: Iterable[Item]
    ) -> Iterator[tuple[Item, Outcome | NearlineError]]:
        """Call a function for every item, several at once, and yield what it returned."""
