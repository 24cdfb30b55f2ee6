from __future__ import annotations

from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nearline.errors import AccessDenied, NearlineError, NotFound, Unavailable
from nearline.xnat.batches import Learned, batches, halves
from nearline.xnat.client import ListRefused
from nearline.xnat.lists import Lists

IDS = st.lists(st.text("abcXYZ_019é", min_size=1, max_size=30), max_size=80)


@given(IDS, st.integers(1, 120), st.integers(0, 60), st.integers(1, 500))
def test_batches_lose_and_repeat_nothing_and_keep_their_bounds(ids, most, around, longest):
    made = batches(ids, most=most, around=around, longest=longest)
    assert [one for batch in made for one in batch] == list(dict.fromkeys(ids))
    for batch in made:
        assert 1 <= len(batch) <= most
        assert len(batch) == 1 or around + len(",".join(batch).encode()) <= longest


@given(IDS, st.integers(1, 120), st.integers(1, 500))
def test_batches_are_as_long_as_they_may_be(ids, most, longest):
    made = batches(ids, most=most, longest=longest)
    for batch, following in pairwise(made):
        longer = (*batch, following[0])
        assert len(longer) > most or len(",".join(longer).encode()) > longest


@given(st.lists(st.integers().map(str), unique=True, max_size=300))
def test_halving_ends_at_single_ids_and_loses_none(ids):
    waiting, singles, rounds = [tuple(ids)] if ids else [], [], 0
    while waiting:
        rounds += 1
        following = []
        for batch in waiting:
            parts = halves(batch)
            assert all(0 < len(part) < len(batch) for part in parts)
            following += parts
            singles += [] if parts else list(batch)
        waiting = following
    assert sorted(singles) == sorted(ids)
    assert rounds <= 10


class Imagined:
    """In place of a client and its server: what each id gives, and how lists fare."""

    def __init__(self, world, rule):
        self.world = world
        self.rule = rule
        self.learned = {"resources": Learned(), "files": Learned()}
        self.asked = Counter()

    def each(self, function, items):
        for item in items:
            try:
                yield item, function(item)
            except NearlineError as error:
                yield item, error

    def ask(self, batch):
        self.asked[batch] += 1
        if len(batch) == 1:
            told = self.world[batch[0]]
            if isinstance(told, Exception):
                raise told
            return {batch[0]: told}
        refusal = self.rule(len(batch))
        if refusal is not None:
            raise refusal
        return {one: self.world[one] for one in batch if isinstance(self.world[one], list)
                and self.world[one]}  # fmt: skip


RULES = st.one_of(
    st.just(lambda count: None),
    st.sampled_from([400, 414, 431, 502, 504, 0, 500, 204]).flatmap(
        lambda status: st.integers(1, 60).map(
            lambda longest: lambda count: ListRefused(status) if count > longest else None
        )
    ),
    st.sampled_from([NotFound("?"), AccessDenied("?")]).map(lambda error: lambda count: error),
)
OUTCOMES = st.sampled_from(
    [["row"], ["row", "row"], [], NotFound("gone"), AccessDenied("no"), Unavailable("ill")]
)


@settings(max_examples=300)
@given(st.dictionaries(st.integers(0, 999).map(str), OUTCOMES, max_size=70), RULES, st.data())
def test_every_id_is_answered_for_whatever_becomes_of_lists(world, rule, data):
    known = data.draw(st.sampled_from([None, True, False]))
    client = Imagined(world, rule)
    lists = batches(world, most=data.draw(st.integers(1, 70)))
    found, errors = Lists(client, "files", client.ask, known).run(lists)
    assert found.keys() | errors.keys() == world.keys()
    assert not found.keys() & errors.keys()
    for one, truth in world.items():
        assert (errors if isinstance(truth, Exception) else found)[one] == truth
    assert max(client.asked.values(), default=1) == 1
    assert sum(client.asked.values()) <= 3 * len(world)


def test_what_is_known_to_be_empty_is_not_asked_for_again():
    client = Imagined({"a": ["row"], "b": [], "c": []}, lambda count: None)
    found, _ = Lists(client, "resources", client.ask, None, {"b"}).run([("a", "b", "c")])
    assert found == {"a": ["row"], "b": [], "c": []}
    assert client.asked == {("a", "b", "c"): 1, ("c",): 1}


@pytest.mark.parametrize("refusal", [NotFound("?"), ListRefused(204)])
def test_a_server_without_lists_is_asked_for_one_list_only(refusal):
    client = Imagined({str(n): ["row"] for n in range(30)}, lambda count: refusal)
    lists = batches(client.world, most=10)
    Lists(client, "files", client.ask).run(lists[:1])
    assert client.learned["files"].known is False
    client.asked.clear()
    Lists(client, "files", client.ask).run(lists[1:])
    assert all(len(batch) == 1 for batch in client.asked)


def test_a_list_of_what_is_gone_does_not_discredit_lists():
    world = {str(n): NotFound("gone") for n in range(10)} | {"x": ["row"]}
    client = Imagined(world, lambda count: NotFound("?"))
    Lists(client, "files", client.ask).run([tuple(world)])
    assert client.learned["files"].known is None


def test_a_limit_once_met_is_remembered():
    client = Imagined(
        {str(n): ["row"] for n in range(100)}, lambda n: ListRefused(414) if n > 25 else None
    )
    Lists(client, "resources", client.ask).run(batches(client.world, most=50))
    refused = [batch for batch in client.asked if len(batch) > 25]
    assert len(refused) == 1
    assert client.learned["resources"].longest == 25
    assert client.learned["resources"].most == 25
