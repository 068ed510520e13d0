"""What is rendered for Argo: its own models take every field of it, and everything that refers to something refers to what is there."""

import re
from dataclasses import replace

import pytest
import yaml
from cases import CASES
from hera.workflows import models
from rendered_workflows import FULL, MODEL, SCHEDULE, make, texts

from mlspec.ir.workflow import CommandStep, OnError, Overlap, Schedule, Workflow

REFERENCE = re.compile(r"\{\{(?!=)(.*?)\}\}")
ENDS = {"Succeeded", "Failed", "Errored", "Skipped", "Omitted"}
KINDS = {"WorkflowTemplate": models.WorkflowTemplate, "CronWorkflow": models.CronWorkflow, "Workflow": models.Workflow}


def strict(document: dict) -> None:
    """Read a document with Argo's own model, and see that it took every field: the model itself passes what it does not know."""
    read = KINDS[document["kind"]].model_validate(document)
    kept = read.model_dump(by_alias=True, exclude_none=True, mode="json")
    assert missing(document, kept, document["kind"]) == []


def missing(sent, kept, where: str) -> list[str]:
    """What was sent and is not in what was read."""
    match sent:
        case dict():
            lost = [f"{where}.{key}" for key in sent if not isinstance(kept, dict) or key not in kept]
            return lost or [m for key in sent for m in missing(sent[key], kept[key], f"{where}.{key}")]
        case list():
            assert len(sent) == len(kept), where
            return [m for i, (s, k) in enumerate(zip(sent, kept, strict=True)) for m in missing(s, k, f"{where}[{i}]")]
    return [] if str(sent) == str(kept) else [f"{where}: {sent!r} became {kept!r}"]


class References:
    """The graph of a template, checked as nothing that can be had without a cluster does."""

    def __init__(self, spec: dict) -> None:
        self.parameters = {p["name"] for p in spec.get("arguments", {}).get("parameters", ())}
        self.templates = {t["name"]: t for t in spec["templates"]}
        assert len(self.templates) == len(spec["templates"])
        self.tasks = {t["name"]: t for t in self.templates[spec["entrypoint"]]["dag"]["tasks"]}
        for name in (*self.templates, *self.tasks):
            assert re.fullmatch(r"[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?", name)

    def check(self) -> None:
        for task in self.tasks.values():
            self.check_task(task)
        for template in self.templates.values():
            if "container" in template:
                self.check_template(template)

    def above(self, name: str) -> set[str]:
        """The tasks that are through when a task is looked at."""
        found, todo = set(), [name]
        while todo:
            for other in re.findall(r"([a-z0-9-]+)\.[A-Z]", self.tasks[todo.pop()].get("depends", "")):
                if other not in found:
                    found.add(other)
                    todo.append(other)
        return found

    def check_task(self, task: dict) -> None:
        template = self.templates[task["template"]]
        for other, end in re.findall(r"([a-z0-9-]+)\.([A-Za-z]+)", task.get("depends", "")):
            assert other in self.tasks
            assert other != task["name"]
            assert end in ENDS
        above = self.above(task["name"])
        assert task["name"] not in above, "waits for itself"
        arguments = task.get("arguments", {})
        for kind in ("parameters", "artifacts"):
            given = {a["name"] for a in arguments.get(kind, ())}
            assert given == {i["name"] for i in template.get("inputs", {}).get(kind, ())}
        for found in REFERENCE.findall(str(arguments)):
            self.check_output(
                *re.fullmatch(r"tasks\.([a-z0-9-]+)\.outputs\.(parameters|artifacts)\.(\w+)", found).groups(), above
            )
        for other, name in re.findall(r"tasks\['([^']+)'\]\.outputs\.parameters\['([^']+)'\]", task.get("when", "")):
            self.check_output(other, "parameters", name, above)
        for name in re.findall(r"workflow\.parameters\['([^']+)'\]", task.get("when", "")):
            assert name in self.parameters

    def check_output(self, task: str, kind: str, name: str, above: set[str]) -> None:
        assert task in above, f"`{task}` may not be through"
        assert name in {o["name"] for o in self.templates[self.tasks[task]["template"]]["outputs"][kind]}

    def check_template(self, template: dict) -> None:
        inputs, outputs = template.get("inputs", {}), template.get("outputs", {})
        known = {f"inputs.parameters.{p['name']}" for p in inputs.get("parameters", ())} | {
            f"workflow.parameters.{p}" for p in self.parameters
        }
        assert set(REFERENCE.findall(str(template["container"]))) <= known
        told = [a for a in template["container"]["args"] if a.startswith(("--input=", "--output=", "--value="))]
        where = {a["path"] for a in (*inputs.get("artifacts", ()), *outputs.get("artifacts", ()))}
        where |= {p["valueFrom"]["path"] for p in outputs.get("parameters", ())}
        assert {a.rpartition("=")[2] for a in told} == where


def check(workflow: Workflow, tmp_path) -> dict[str, dict]:
    target = make("argo", tmp_path)
    assert list(target.refused(workflow)) == []
    found = {name: yaml.safe_load(text) for name, text in texts(target, workflow).items()}
    for document in found.values():
        strict(document)
    References(found["workflowtemplate.yaml"]["spec"]).check()
    return found


@pytest.mark.parametrize(
    "workflow", [FULL, MODEL, replace(FULL, schedule=SCHEDULE)], ids=["full", "model", "scheduled"]
)
def test_the_full_workflow(workflow, tmp_path):
    found = check(workflow, tmp_path)
    expected = {"workflowtemplate.yaml"}
    expected |= {"workflow.yaml"} if workflow.run_on_apply else set()
    expected |= {"cronworkflow.yaml"} if workflow.schedule else set()
    assert set(found) == expected


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if "argo" not in case.refused])
def test_the_cases_of_all_targets(name, tmp_path):
    check(CASES[name].workflow(name, tmp_path), tmp_path)


def test_the_check_finds_what_is_wrong(tmp_path):
    document = check(FULL, tmp_path)["workflowtemplate.yaml"]
    document["spec"]["templates"][1]["retrystrategy"] = {"limit": 3}
    with pytest.raises(AssertionError, match="retrystrategy"):
        strict(document)
    del document["spec"]["templates"][1]["retrystrategy"]
    document["spec"]["templates"][0]["dag"]["tasks"][-1]["depends"] = "nobody.Succeeded"
    with pytest.raises(AssertionError):
        References(document["spec"]).check()


@pytest.mark.parametrize(
    ("overlap", "policy", "mutex"),
    [
        (Overlap.SKIP, "Forbid", False),
        (Overlap.REPLACE, "Replace", False),
        (Overlap.ALLOW, "Allow", False),
        (Overlap.QUEUE, "Allow", True),
    ],
)
def test_runs_that_overlap(overlap, policy, mutex, tmp_path):
    spec = check(replace(FULL, schedule=Schedule("0 3 * * *", "UTC", overlap)), tmp_path)["cronworkflow.yaml"]["spec"]
    assert spec["concurrencyPolicy"] == policy
    assert ("synchronization" in spec["workflowSpec"]) is mutex


def test_what_a_failure_means(tmp_path):
    steps = (CommandStep("a", ("x",)), CommandStep("b", ("y",)))
    for fate, fast in ((OnError.STOP, True), (OnError.SKIP_DOWNSTREAM, False)):
        found = check(Workflow("w", steps, on_error=fate), tmp_path)["workflowtemplate.yaml"]
        assert found["spec"]["templates"][0]["dag"]["failFast"] is fast
