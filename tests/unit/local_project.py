"""A project for the tests of the local runner, and steps for it in few words."""

import json
from pathlib import Path

import pytest

from mlspec.backends.pipelines.local import Local
from mlspec.backends.port import BackendError, Place, Tools
from mlspec.backends.registries.file import File
from mlspec.ir.workflow import CommandStep, DatasetStep, Gate, OutputType, RegisterStep, Source, Workflow

ARTIFACT, METRICS, MODEL = OutputType.ARTIFACT, OutputType.METRICS, OutputType.MODEL
VERSION = "ab" * 16
BEATS = "(while :; do echo x >> beats; sleep 0.05; done)"


class Project:
    """A folder, a runner and a registry; counts the exports and keeps what was said."""

    def __init__(self, root: Path, **settings: object) -> None:
        root.mkdir(exist_ok=True)
        self.root, self.said, self.exports = root, [], 0
        place = Place(root, root / ".mlspec", "dev", "p")
        self.local = Local(Local.Settings(**settings), place)
        self.registry = File(File.Settings(), place)
        self.tools = Tools(self.export, self.registry, self.said.append, {"dataset.d": "d1"})

    def export(self, step: DatasetStep, folder: Path) -> None:
        self.exports += 1
        (folder / "data.csv").write_text(f"{step.digest}\n")

    def run(self, *steps, **more):
        return self.local.run(Workflow("w", steps, version=VERSION, **more), self.tools)

    def statuses(self, *steps, **more):
        return {step.name: step.status for step in self.run(*steps, **more).steps}

    def fails(self, *steps, **more) -> BackendError:
        with pytest.raises(BackendError) as caught:
            self.run(*steps, **more)
        return caught.value

    def record(self) -> dict:
        return json.loads(self.file("run.json"))

    def file(self, pattern: str) -> str:
        return max(self.root.glob(f".mlspec/runs/dev/*/{pattern}")).read_text()


def command(name: str, line: str, outputs=(), inputs=(), **more) -> CommandStep:
    sources = tuple((key, Source(*where.split("."))) for key, where in inputs)
    return CommandStep(name, (line,), sources, tuple(outputs), **more)


def makes(name: str, line: str = "date +%N", inputs=(), **more) -> CommandStep:
    return command(name, f'({line}) > "$MLSPEC_OUTPUT_OUT/f"', [("out", ARTIFACT)], inputs, **more)


def measures(name: str, metrics: str, inputs=(), **more) -> CommandStep:
    return command(name, f"echo '{metrics}' > $MLSPEC_OUTPUT_M", [("m", METRICS)], inputs, **more)


def model_steps(metrics: str, *gates: Gate) -> tuple:
    return (
        DatasetStep("rows", "dataset.d", "d1", "csv"),
        makes("train", "cat $MLSPEC_INPUT_ROWS/data.csv; date +%N", [("rows", "rows.data")]),
        measures("evaluate", metrics, [("model", "train.out")]),
        RegisterStep("register", "delay", Source("train", "out"), Source("evaluate", "m"), gates, "pickle"),
    )
