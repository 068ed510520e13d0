"""What the tests of engines share: an engine to ask, and the one Spark."""

import pytest
from asking import ENGINES, opened_engine
from spark_here import ENGINE

from mlspec.backends.engines._spark.session import opened


@pytest.fixture(scope="session")
def spark():
    """A session of the one Spark of this process."""
    return opened(ENGINE["master"], "", {})


@pytest.fixture(scope="module", params=ENGINES)
def engine(request):
    """Each engine that can be had here, once a module."""
    found = opened_engine(request.param)
    yield found
    found.line.close()
