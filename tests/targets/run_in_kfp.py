"""Runs rendered pipelines in the local orchestrator of the KFP SDK; started with the Python that has it.

Reads `[{"file", "root", "arguments"}]` as JSON from stdin and writes `[{"ok", "said"}]`. Two things the SDK does not do for components that are
containers are done here: start them as processes, and note outputs that they leave at their paths. A workflow without
conditions goes through the same orchestrator as one with them, for the other one gives up at the first failure.
"""

import contextlib
import io
import json
import sys
import traceback
import warnings
from pathlib import Path

from kfp import components, local
from kfp.local import executor_output_utils, pipeline_orchestrator, subprocess_task_handler  # noqa: F401
from kfp.local.orchestrator import dag_orchestrator, enhanced_dag_orchestrator

warnings.simplefilter("ignore")
subprocess_task_handler.SubprocessTaskHandler.validate_not_container_component = lambda self, command: None
dag_orchestrator.run_dag = enhanced_dag_orchestrator.run_enhanced_dag
_typed = executor_output_utils.add_type_to_executor_output


def _with_artifacts(executor_input, executor_output):
    for key, held in executor_input.outputs.artifacts.items():
        if key not in executor_output.artifacts:
            executor_output.artifacts[key].CopyFrom(held)
    return _typed(executor_input=executor_input, executor_output=executor_output)


executor_output_utils.add_type_to_executor_output = _with_artifacts


def run(one):
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            local.init(runner=local.SubprocessRunner(use_venv=False), pipeline_root=one["root"], raise_on_error=True)
            text = Path(one["file"]).read_text(encoding="utf-8")
            components.load_component_from_text(text)(**one["arguments"])
        except Exception:  # noqa: BLE001 - whatever it is, it is told
            traceback.print_exc(file=said)
            return {"ok": False, "said": said.getvalue()}
    return {"ok": True, "said": said.getvalue()}


json.dump([run(one) for one in json.load(sys.stdin)], sys.stdout)
