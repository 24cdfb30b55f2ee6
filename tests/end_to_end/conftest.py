"""One slide for all servers."""

from __future__ import annotations

import pytest

from end_to_end.job import Job


@pytest.fixture(scope="session")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    """The slide and its oracle."""
    return Job.prepare(tmp_path_factory.mktemp("job"))
