"""The reference project, trained here and by Airflow: the same model, to the last digit of every metric.

Here with few flights and trees; `tests/bench/flights_on_airflow.py` does it with all of them.
"""

import flights_on_airflow as flights
import pytest
from running import python_with

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("targets")]


def test_airflow_trains_the_model_that_is_trained_here(tmp_path):
    python = python_with("MLSPEC_AIRFLOW")
    pytest.importorskip("sklearn", reason="the model of the reference project needs scikit-learn")
    here, there = flights.compared(tmp_path, python, small=True)
    assert there.states == dict.fromkeys(("data", "train", "evaluate", "register"), "success")
    assert there.version == here.version
    assert there.metrics == here.metrics
    assert {"train_auc", "train_log_loss"} <= here.metrics["train"].keys()
    assert {"auc", "log_loss", "auc_jfk", "auc_ewr", "auc_lga", "auc_oct"} <= here.metrics["evaluate"].keys()
