"""Whether Spark can be had on this machine; tests that need it are skipped loudly where not."""

import importlib.util
import shutil

import pytest

MISSING = [n for n in ("pyspark", "grpc", "pyarrow") if importlib.util.find_spec(n) is None]
MISSING += [] if shutil.which("java") else ["java"]

needs_spark = [
    pytest.mark.skipif(bool(MISSING), reason=f"SPARK IS ABSENT: {', '.join(MISSING)} is not installed"),
    pytest.mark.xdist_group("spark"),
]
ENGINE = {"type": "spark", "master": "local[2]"}
