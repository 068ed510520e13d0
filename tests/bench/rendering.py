"""How long a pipeline of many steps takes to be rendered for each target, in seconds of the processor.

python tests/bench/rendering.py --steps 10000
"""

import argparse
import json
import time
from pathlib import Path

from mlspec.backends.pipelines.airflow import Airflow
from mlspec.backends.pipelines.argo import Argo
from mlspec.backends.pipelines.kubeflow import Kubeflow
from mlspec.backends.port import Place
from mlspec.ir.workflow import CommandStep, OutputType, Resources, Source, Workflow

_CHAIN = 50
TARGETS = {"argo": (Argo, {}), "kubeflow": (Kubeflow, {}), "airflow": (Airflow, {"store_claim": "steps"})}


def workflow(steps: int) -> Workflow:
    """Chains of fifty steps, each with two outputs, resources and retries, one in fifty with a condition."""
    made = []
    for number in range(steps):
        before = number % _CHAIN
        made.append(
            CommandStep(
                f"s{number}", (f"python train.py --number {number}",), (("x", Source(f"s{number - 1}", "out")),) if before else (),
                (("m", OutputType.METRICS), ("out", OutputType.ARTIFACT)), resources=Resources("500m", "1Gi"), retries=2, retry_delay=30.0,
                timeout=60.0, when=f"metrics.s{number - 1}.auc > 0.5" if before == 7 else "",
            )
        )  # fmt: skip
    return Workflow("many", tuple(made), (("mode", '"fast"'), ("n", "3")))


def measured(steps: int) -> list[dict[str, object]]:
    """Seconds and megabytes for each target."""
    asked, place, found = workflow(steps), Place(Path(), Path(".mlspec"), "prod", "bench"), []
    for name, (kind, options) in TARGETS.items():
        target = kind(kind.Settings(image="registry.example/i:1", **options), place)
        begin = time.process_time()
        files = target.render(asked)
        seconds = time.process_time() - begin
        found.append(
            {
                "target": name,
                "steps": steps,
                "cpu": round(seconds, 2),
                "mb": round(sum(len(f.text) for f in files) / 1e6, 1),
            }
        )
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=10_000)
    print(json.dumps(measured(parser.parse_args().steps), indent=1))
