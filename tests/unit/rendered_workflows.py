"""Workflows for the tests of the targets that render: one that uses every field of the form, and small ones."""

from pathlib import Path

from mlspec.backends.pipelines.airflow import Airflow
from mlspec.backends.pipelines.argo import Argo
from mlspec.backends.pipelines.kubeflow import Kubeflow
from mlspec.backends.port import Place
from mlspec.ir.workflow import (
    Allowed,
    CommandStep,
    DatasetStep,
    FanOut,
    Gate,
    Mode,
    OfMetric,
    OfParameter,
    OutputType,
    RegisterStep,
    Resources,
    Schedule,
    Secret,
    Source,
    StepParameter,
    Workflow,
    Written,
)

IMAGE = "ghcr.io/acme/project:1.2"
VERSION = "0123456789abcdef0123456789abcdef"
ROWS = DatasetStep("rows", "dataset.churn", "d1", "csv")
TRAIN = CommandStep(
    "train",
    ('python3 train.py --name "it\'s {{workflow.name}} $(id)"',),
    (("rows", Source("rows", "data")),),
    (("metrics", OutputType.METRICS), ("model", OutputType.MODEL)),
    (("MODE", "on"),),
    (("TOKEN", Secret("kubernetes", "warehouse/api.token")),),
    (("code/train.py", ""),),
    "ghcr.io/acme/train@sha256:00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff",
    Resources("500m", "1Gi", 1, "2", "2Gi"),
    retries=3,
    retry_delay=30.0,
    timeout=3600.0,
    parameters=(StepParameter("rate", OfParameter("share"), Allowed("float64")), StepParameter("loss", Written('"log"'), Allowed("string"))),
    retry_factor=2.0,
    retry_max_delay=600.0,
    idle_timeout=300.0,
    cache_ttl=86400.0,
    each=FanOut(((("depth", "2"),), (("depth", "8"),)), 1, "auc", Mode.MAX),
)  # fmt: skip
CHECK = CommandStep(
    "check_it",
    ("python3", "check.py"),
    (("model", Source("train", "model")),),
    (("metrics", OutputType.METRICS),),
    when='metrics.train.auc > 0.8 && parameters.mode in ["fast", "slow"]',
    parameters=(StepParameter("auc", OfMetric("train", "auc"), Allowed("float64")),),
)
REGISTER = RegisterStep("register", "", Source("train", "model"), Source("train", "metrics"))
TIDY = CommandStep("tidy", ("echo done",), after=("train",))
PARAMETERS = (("flag", "true"), ("mode", '"fast"'), ("n", "3"), ("share", "0.5"))
ALLOWED = (("mode", Allowed("string", choices=('"fast"', '"slow"'))), ("share", Allowed("float64", 0.0, 1.0)))
EARLY = CommandStep("early", ("echo first",))
FULL = Workflow("churn_train", (EARLY, ROWS, TRAIN, CHECK, REGISTER, TIDY), PARAMETERS, allowed=ALLOWED)
MODEL = Workflow(
    "churn",
    (ROWS, TRAIN, CHECK, RegisterStep("register", "churn", Source("train", "model"), Source("train", "metrics"), (Gate("auc", 0.7),), "sklearn")),
    PARAMETERS,
    run_on_apply=True,
    version=VERSION,
    allowed=ALLOWED,
)  # fmt: skip
SCHEDULE = Schedule("0 3 * * 1", "Europe/Helsinki")
SMALL = Workflow("small", (CommandStep("only", ("echo hello",)),))
TARGETS = {
    "argo": (Argo, {"image": IMAGE, "cache_claim": "kept", "namespace": "ml", "service_account": "runs"}),
    "kubeflow": (Kubeflow, {"image": IMAGE, "cache_claim": "kept"}),
    "airflow": (Airflow, {"image": IMAGE, "store_claim": "steps", "namespace": "ml"}),
    "airflow_processes": (Airflow, {"run": "processes", "project": "/srv/project", "store": "/srv/store"}),
}


def make(name: str, root: Path, environment: str = "prod", **settings: object):
    """A target by its name in `TARGETS`."""
    kind, options = TARGETS[name]
    return kind(kind.Settings(**{**options, **settings}), Place(root, root / ".mlspec", environment, "shop"))


def texts(target, workflow) -> dict[str, str]:
    """The rendered files by name."""
    return {a.path.rpartition("/")[2]: a.text for a in target.render(workflow)}
