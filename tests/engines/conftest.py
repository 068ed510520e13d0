"""What the tests of engines share."""

import pytest
from spark_here import ENGINE

from mlspec.backends.engines._spark.session import opened


@pytest.fixture(scope="session")
def spark():
    """A session of the one Spark of this process."""
    return opened(ENGINE["master"], "", {})
