"""Plans bring every missing byte within their bounds, whatever is wanted and held."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from nearline.fetch.plan import PlannedRequest, Policy, plan
from nearline.ranges import ByteRange, subtract, total

KIB = 1 << 10
MIB = 1 << 20


@st.composite
def byte_ranges(draw: st.DrawFn, largest: int = 40 * MIB) -> list[ByteRange]:
    """Ranges of very different lengths at very different distances."""
    found = []
    position = draw(st.integers(0, largest))
    for _ in range(draw(st.integers(0, 40))):
        step = draw(st.sampled_from([-100 * KIB, 0, 1, 5 * KIB, 70 * KIB, 300 * KIB, 3 * MIB]))
        length = draw(st.sampled_from([0, 1, 8, 9 * KIB, 17 * KIB, 200 * KIB, 2 * MIB]))
        position = max(position + step, 0)
        found.append(ByteRange(position, position + length))
        position += length
    return draw(st.permutations(found))


policies = st.builds(
    Policy,
    parallel=st.integers(1, 40),
    small_gap=st.sampled_from([0, 64 * KIB]),
    overhead=st.sampled_from([1.0, 1.15, 3.0]),
    largest_request=st.sampled_from([100 * KIB, 16 * MIB]),
    smallest_split=st.sampled_from([50 * KIB, MIB]),
)


def gap_bytes(request: PlannedRequest) -> int:
    """Bytes asked for that nobody wants."""
    return request.span.length - total(request.wanted)


@given(byte_ranges(), byte_ranges(), policies)
def test_every_missing_byte_is_asked_for_once(
    wanted: list[ByteRange], held: list[ByteRange], policy: Policy
) -> None:
    requests = plan(wanted, held, policy)
    parts = [part for request in requests for part in request.wanted]
    assert total(parts) == total(subtract(wanted, held))
    assert not subtract(subtract(wanted, held), parts)


@given(byte_ranges(), byte_ranges(), policies)
def test_requests_are_sorted_disjoint_and_begin_and_end_with_wanted_bytes(
    wanted: list[ByteRange], held: list[ByteRange], policy: Policy
) -> None:
    position = 0
    for request in plan(wanted, held, policy):
        assert position <= request.span.start < request.span.stop
        assert request.wanted[0].start == request.span.start
        assert request.wanted[-1].stop == request.span.stop
        assert all(part.length > 0 for part in request.wanted)
        position = request.span.stop


@given(byte_ranges(), byte_ranges(), policies)
def test_bounds_hold(wanted: list[ByteRange], held: list[ByteRange], policy: Policy) -> None:
    requests = plan(wanted, held, policy)
    missing = total(subtract(wanted, held))
    assert sum(request.span.length for request in requests) <= policy.overhead * missing
    assert sum(map(gap_bytes, requests)) <= (policy.overhead - 1) * missing + 1e-6
    assert all(request.span.length <= policy.largest_request for request in requests)


@given(byte_ranges(), byte_ranges(), policies)
def test_nothing_is_left_to_ask_once_the_plan_is_carried_out(
    wanted: list[ByteRange], held: list[ByteRange], policy: Policy
) -> None:
    requests = plan(wanted, held, policy)
    assert plan(wanted, [*held, *(request.span for request in requests)], policy) == ()


@given(byte_ranges(), policies)
def test_gaps_that_stay_could_not_be_joined(wanted: list[ByteRange], policy: Policy) -> None:
    # Splitting may cut at a gap; policies without splits show the joins alone.
    policy = Policy(parallel=1, small_gap=policy.small_gap, overhead=policy.overhead,
                    largest_request=1 << 40)  # fmt: skip
    requests = plan(wanted, (), policy)
    missing = total(subtract(wanted, ()))
    spare = (policy.overhead - 1) * missing - sum(map(gap_bytes, requests))
    if len(requests) > 1:
        gaps = [b.span.start - a.span.stop for a, b in pairwise(requests)]
        assert min(gaps) > spare - 1


def test_small_gaps_are_joined_even_when_all_requests_could_run() -> None:
    wanted = [ByteRange(0, MIB), ByteRange(MIB + 60 * KIB, 2 * MIB)]
    (request,) = plan(wanted, (), Policy(smallest_split=4 * MIB))
    assert request.span == ByteRange(0, 2 * MIB)
    assert gap_bytes(request) == 60 * KIB


def test_large_gaps_are_joined_only_while_more_requests_wait_than_may_run() -> None:
    wanted = [ByteRange(i * 900 * KIB, i * 900 * KIB + 800 * KIB) for i in range(10)]
    assert len(plan(wanted, (), Policy(parallel=10))) == 10
    assert len(plan(wanted, (), Policy(parallel=4))) == 4


def test_gaps_never_cost_more_than_their_share() -> None:
    wanted = [ByteRange(i * 60 * KIB, i * 60 * KIB + 17 * KIB) for i in range(300)]
    requests = plan(wanted, (), Policy(parallel=4))
    assert sum(request.span.length for request in requests) <= 1.15 * total(wanted)


def test_a_long_span_uses_all_requests_that_may_run() -> None:
    requests = plan([ByteRange(0, 64 * MIB)], (), Policy(parallel=32))
    assert len(requests) == 32
    assert {request.span.length for request in requests} == {2 * MIB}


def test_no_request_is_longer_than_the_bound() -> None:
    requests = plan([ByteRange(0, 1 << 30)], (), Policy(parallel=4))
    assert {request.span.length for request in requests} == {16 * MIB}


def test_short_spans_are_not_split() -> None:
    assert len(plan([ByteRange(0, MIB)], (), Policy())) == 1


def test_nothing_wanted_needs_nothing() -> None:
    assert plan([], ()) == ()
    assert plan([ByteRange(5, 5)], ()) == ()
