"""Asking about many ids: by lists while the server takes them, one by one where it does not."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Generic, Literal, TypeAlias, TypeVar

from nearline.errors import AccessDenied, NearlineError, NotFound

from .batches import halves
from .client import Client, ListRefused, Unanswered
from .rows import segment

__all__ = ["Ask", "Lists"]

Row = TypeVar("Row")

_SURE = 2
"""Ids that must be there, each by itself, before a list of them that was not is blamed."""


Ask: TypeAlias = Callable[[tuple[str, ...]], dict[str, list[Row]]]
"""Asks about one list of ids; returns rows by id, without the ids that a list skipped."""


class Lists(Generic[Row]):
    """Asks until every id is either answered for or in error.

    A list that is refused is halved. What a list skips is asked for by itself, and so is every
    id of a list that the server takes for the name of something that is not there.

    Parameters
    ----------
    client : Client
        Whom to ask.
    kind : {"resources", "files"}
        What about; limits are learned for each.
    ask : Ask
        Sends one request.
    known : bool or None, optional
        Whether the server knows lists; None: as far as the client has learned.
    skipped_rightly : collection of str, optional
        Ids that have no rows, as is known: lists skip them.
    owner : callable, optional
        Returns the experiment that an id stands for; by default it is one's.
    """

    def __init__(
        self,
        client: Client,
        kind: Literal["resources", "files"],
        ask: Ask[Row],
        known: bool | None = None,
        skipped_rightly: Collection[str] = (),
        owner: Callable[[str], str] = str,
    ) -> None:
        self._client = client
        self._learned = client.learned[kind]
        self._send = ask
        self._skipped_rightly = skipped_rightly
        self._owner = owner
        self._lock = threading.Lock()
        self._unknown: dict[str, int] = {}
        self._there: Counter[int] = Counter()
        if known is not None:
            self._learned.known = known

    def run(
        self, lists: Iterable[tuple[str, ...]]
    ) -> tuple[dict[str, list[Row]], dict[str, NearlineError]]:
        """Return rows and errors by id."""
        found: dict[str, list[Row]] = {}
        errors: dict[str, NearlineError] = {}
        for told, failed in self.each(lists):
            found |= told
            errors |= failed
        return found, errors

    def each(
        self, lists: Iterable[tuple[str, ...]]
    ) -> Iterator[tuple[dict[str, list[Row]], dict[str, NearlineError]]]:
        """Yield rows and errors by id, as they are answered: each id in one of them, once."""
        waiting = list(lists)
        while waiting:
            after: list[tuple[str, ...]] = []
            for batch, outcome in self._client.each(self._ask, waiting):
                found: dict[str, list[Row]] = {}
                errors: dict[str, NearlineError] = {}
                after += self._settle(batch, outcome, found, errors)
                if found or errors:
                    yield found, errors
            waiting = after

    def _ask(self, batch: tuple[str, ...]) -> dict[str, list[Row]] | ListRefused:
        """Ask about one list; runs in a worker."""
        if len(batch) == 1:
            try:
                return self._send(batch)
            except Unanswered:
                self._exists(self._owner(batch[0]))
                raise
        if self._learned.known is False:
            return ListRefused(404)
        if self._learned.longest is not None and len(batch) > self._learned.longest:
            return ListRefused(414)
        try:
            return self._send(batch)
        except ListRefused as refusal:
            with self._lock:
                shorter, longest = (len(batch) + 1) // 2, self._learned.longest
                self._learned.longest = shorter if longest is None else min(longest, shorter)
            return refusal
        except NotFound:
            return ListRefused(404)
        except AccessDenied:
            return ListRefused(403)

    def _settle(
        self,
        batch: tuple[str, ...],
        outcome: dict[str, list[Row]] | ListRefused | NearlineError,
        found: dict[str, list[Row]],
        errors: dict[str, NearlineError],
    ) -> list[tuple[str, ...]]:
        """Put down what was answered; return what to ask next."""
        if isinstance(outcome, ListRefused):
            if outcome.status not in (204, 403, 404):
                return halves(batch)
            if self._learned.known is None and outcome.status != 403:
                self._unknown |= dict.fromkeys(batch, len(self._unknown))
            return [(one,) for one in batch]
        if isinstance(outcome, NearlineError):
            errors |= dict.fromkeys(batch, outcome)
            return []
        found |= outcome
        if len(batch) == 1:
            self._blame(batch[0])
            return []
        if outcome:
            self._learned.known = True
            self._learned.most = max(self._learned.most or 0, len(batch))
        skipped = [one for one in batch if one not in outcome]
        found |= {one: [] for one in skipped if one in self._skipped_rightly}
        return [(one,) for one in skipped if one not in self._skipped_rightly]

    def _exists(self, owner: str) -> None:
        """Raise what is wrong with a session that has no good answer: gone, or forbidden."""
        path = f"/data/experiments/{segment(owner)}"
        self._client.text(path, about=f"session {owner}", params={"format": "json"})

    def _blame(self, one: str) -> None:
        """Conclude that lists are unknown from ids that are there although a list was not."""
        if one in self._unknown and self._learned.known is None:
            refused = self._unknown[one]
            self._there[refused] += 1
            if self._there[refused] >= _SURE:
                self._learned.known = False
