"""The same pipelines on every target that can be had: what each step saw, which ran, how often, and how it ended.

Kubeflow's local orchestrator and Airflow are programs of environments of their own: `MLSPEC_KFP` and `MLSPEC_AIRFLOW` name the Python of each.
"""

import pytest
import running
from cases import CASES
from running import make_place

from mlspec.backends.needs import needs
from mlspec.backends.pipelines.airflow import Airflow
from mlspec.backends.pipelines.kubeflow import Kubeflow
from mlspec.backends.pipelines.local import Local


def lacking(name: str, kind, tmp_path) -> set[str]:
    """What a case asks for that a target has not."""
    return {str(need) for need, _ in needs(CASES[name].workflow(name, tmp_path)) if need not in kind.capabilities}


def ended(name: str, found):
    """How a case came to its end, which must be as it should: what each step saw, and how often it ran."""
    assert found[name].ok is CASES[name].ends_well
    return found[name].steps


@pytest.fixture(scope="module")
def on_local(tmp_path_factory):
    root = tmp_path_factory.mktemp("local")
    return running.on_local({n: c for n, c in CASES.items() if not lacking(n, Local, root)}, root)


@pytest.fixture(scope="module")
def on_argo(tmp_path_factory):
    return running.on_argo({n: c for n, c in CASES.items() if "argo" not in c.refused}, tmp_path_factory.mktemp("argo"))


@pytest.fixture(scope="module")
def on_kubeflow(tmp_path_factory):
    return running.on_kubeflow(
        {n: c for n, c in CASES.items() if "kubeflow" not in c.refused}, tmp_path_factory.mktemp("kubeflow")
    )


@pytest.fixture(scope="module")
def on_airflow(tmp_path_factory):
    return running.on_airflow(CASES, tmp_path_factory.mktemp("airflow"))


@pytest.mark.xdist_group("targets")
@pytest.mark.parametrize("name", CASES)
def test_the_local_runner_ends_as_it_should(name, on_local):
    if name not in on_local:
        pytest.skip("the local runner cannot do this yet")
    assert on_local[name].ok is CASES[name].ends_well


def test_there_are_enough_of_them():
    assert len(CASES) >= 15


@pytest.mark.xdist_group("targets")
@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "argo" not in case.refused])
def test_an_interpreter_of_argo_comes_to_the_same(name, on_local, on_argo):
    assert ended(name, on_argo) == ended(name, on_local)


@pytest.mark.slow
@pytest.mark.xdist_group("targets")
@pytest.mark.parametrize("name", CASES)
def test_kubeflow_comes_to_the_same(name, on_local, on_kubeflow, tmp_path):
    case = CASES[name]
    if "kubeflow" in case.refused:
        target = Kubeflow(Kubeflow.Settings(image="i"), make_place(tmp_path))
        assert lacking(name, Kubeflow, tmp_path) or list(target.refused(case.workflow(name, tmp_path)))
        return
    assert ended(name, on_kubeflow) == ended(name, on_local)


@pytest.mark.slow
@pytest.mark.xdist_group("targets")
@pytest.mark.parametrize("name", CASES)
def test_airflow_comes_to_the_same(name, on_local, on_airflow):
    assert "airflow" not in CASES[name].refused
    assert not lacking(name, Airflow, running.HERE)
    assert ended(name, on_airflow) == ended(name, on_local)
