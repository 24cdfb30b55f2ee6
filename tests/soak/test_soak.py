"""A short soak finds nothing wrong, and the same soak finds each defect that is planted."""

from __future__ import annotations

from pathlib import Path

import pytest

from soak.plants import PLANTS
from soak.run import Plan, soak


def test_nothing_is_wrong_under_fire(tmp_path: Path) -> None:
    outcome = soak(Plan(operations=2_000, collections=8), tmp_path)
    assert outcome.wrong == []
    assert outcome.operations >= 2_000
    assert outcome.done["image"] > 200
    assert outcome.done["file"] > 200
    assert outcome.done["collected"] > 1
    assert outcome.faults.total() > 60
    assert len(outcome.faults) > 12


@pytest.mark.parametrize("plant", PLANTS)
def test_a_planted_defect_is_found(plant: str, tmp_path: Path) -> None:
    sessions = plant == "a session dropped"
    plan = Plan(
        operations=0 if sessions else 40_000,
        collections=5 if sessions else 0,
        plant=plant,
        stop_when_wrong=True,
    )
    assert soak(plan, tmp_path).wrong
