"""The pipeline targets that render: every field reaches the files or is refused; values arrive as they are; files are kept and taken away."""

import ast
import dataclasses
import json
from dataclasses import replace
from types import SimpleNamespace

import pytest
import yaml
from rendered_workflows import CHECK, FULL, IMAGE, MODEL, SCHEDULE, SMALL, TARGETS, TRAIN, VERSION, make, texts

from mlspec.backends import cluster
from mlspec.backends.needs import needs
from mlspec.backends.pipelines._airflow.code import BELOW
from mlspec.backends.pipelines._step.task import Task
from mlspec.backends.pipelines._step.wire import NotUnderstood, inert_text, packed, unpack
from mlspec.backends.port import BackendError, ModelVersion, Tools
from mlspec.ir.workflow import (
    Allowed,
    CommandStep,
    FanOut,
    Mode,
    OnError,
    OutputType,
    Overlap,
    Resources,
    Schedule,
    Secret,
    Sees,
    Source,
    StepParameter,
    Workflow,
    Written,
)

CONTAINERS = ["airflow", "argo", "kubeflow"]
NASTY = (
    "{{workflow.name}}",
    "{{=1}}",
    "{% x %}",
    "{# x #}",
    "$(id)",
    "$$",
    "it's",
    '"',
    "'''",
    "\\",
    "a\nb",
    "n",
    "1e3",
    "on",
    "",
    "é\U0001f600",
    "`id`",
    "*/",
)
OTHER_STEP = {
    "name": "fit",
    "command": ("python3", "other.py"),
    "inputs": (("data", Source("rows", "data")),),
    "outputs": (("metrics", OutputType.METRICS), ("model", OutputType.ARTIFACT)),
    "env": (("MODE", "off"),),
    "secrets": (("TOKEN", Secret("kubernetes", "warehouse/other")),),
    "code": (("code/other.py", ""),),
    "image": "ghcr.io/acme/other:2",
    "resources": Resources("250m"),
    "retries": 4,
    "retry_delay": 31.0,
    "timeout": 60.0,
    "when": "parameters.n > 1.5",
    "cache": False,
    "parameters": (StepParameter("rate", Written("0.25"), Allowed("float64")),),
    "after": ("early",),
    "each": FanOut(((("depth", "3"),),), 2, "auc"),
    "retry_factor": 3.0,
    "retry_max_delay": 700.0,
    "idle_timeout": 301.0,
    "on_error": OnError.STOP,
    "cache_ttl": 60.0,
    "sees": Sees(("n",)),
    "measures": ("auc",),
}
OTHER_FAN = {"items": ((("depth", "5"),), (("depth", "6"),)), "parallel": 0, "best": "f1", "mode": Mode.MIN}
OTHER_RESOURCES = {
    "cpu": "750m",
    "memory": "1536Mi",
    "gpu": 2,
    "cpu_limit": "3",
    "memory_limit": "3Gi",
    "storage": "20Gi",
    "storage_limit": "30Gi",
}
OTHER_SCHEDULE = {"cron": "5 4 * * *", "timezone": "Asia/Tokyo", "overlap": Overlap.REPLACE, "catchup": True}
OTHER_WORKFLOW = {
    "name": "other",
    "steps": FULL.steps[:4],
    "parameters": (*FULL.parameters, ("z", "1")),
    "schedule": SCHEDULE,
    "run_on_apply": True,
    "version": VERSION,
    "allowed": (("share", Allowed("float64", 0.1, 0.9)),),
    "triggers": ("dataset.churn",),
    "on_error": OnError.CONTINUE,
}


def changed_step(**fields) -> Workflow:
    step = replace(TRAIN, **fields)
    steps = tuple(step if s is TRAIN else s for s in FULL.steps)
    if step.name != TRAIN.name:  # what takes from it follows
        steps = tuple(s for s in steps if s.name in {step.name, "early", "rows"})
    return replace(FULL, steps=steps)


def changes():
    """Each field of the form, with a workflow in which it is another one."""
    for group, kind, other, build in (
        ("step", CommandStep, OTHER_STEP, lambda f: changed_step(**f)),
        ("each", FanOut, OTHER_FAN, lambda f: changed_step(each=replace(TRAIN.each, **f))),
        ("resources", Resources, OTHER_RESOURCES, lambda f: changed_step(resources=replace(TRAIN.resources, **f))),
        ("schedule", Schedule, OTHER_SCHEDULE, lambda f: replace(FULL, schedule=replace(SCHEDULE, **f))),
        ("workflow", Workflow, OTHER_WORKFLOW, lambda f: replace(FULL, **f)),
    ):
        assert set(other) == {f.name for f in dataclasses.fields(kind)}, f"a field of {kind.__name__} has no test here"
        for name, value in other.items():
            yield pytest.param(group, name, build({name: value}), id=f"{group}-{name}")


def refused(target, workflow) -> list[str]:
    lacking = [".".join(map(str, at)) for need, at in needs(workflow) if need not in target.capabilities]
    return lacking + [".".join(map(str, r.at)) + ": " + str(r) for r in target.refused(workflow)]


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize(("group", "field", "workflow"), list(changes()))
def test_every_field_reaches_the_files_or_is_refused(name, group, field, workflow, tmp_path):
    target = make(name, tmp_path)
    before = replace(FULL, schedule=SCHEDULE) if group == "schedule" else FULL
    if said := refused(target, workflow):
        assert any(field.split("_")[0] in one or group in one for one in said), said
        return
    assert texts(target, workflow) != texts(target, before)


@pytest.mark.parametrize("name", TARGETS)
def test_the_files_are_as_kept(name, tmp_path, golden):
    steps = tuple(s for s in FULL.steps)
    if name == "airflow_processes":
        plain = {"image": "", "resources": Resources(), "secrets": (("TOKEN", Secret("env", "TOKEN")),)}
        steps = tuple(replace(s, **plain) if s is TRAIN else s for s in steps)
    workflow = replace(FULL, steps=steps, schedule=None if name == "kubeflow" else SCHEDULE)
    target = make(name, tmp_path)
    assert refused(target, workflow) == []
    golden(f"pipelines/{name}", texts(target, workflow))
    if name != "airflow_processes":
        golden(f"pipelines/{name}_model", texts(target, MODEL))
    assert texts(target, workflow) == texts(make(name, tmp_path / "elsewhere"), workflow)


def shown(text: str) -> list[object]:
    """Every value in a file, by its own reader."""
    if text.startswith("# Rendered") and "import json" in text:
        return [node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)]
    found: list[object] = []
    todo: list[object] = list(yaml.safe_load_all(text))
    while todo:
        one = todo.pop()
        found.append(one)
        todo += list(one.values()) if isinstance(one, dict) else one if isinstance(one, list) else []
    return found


def tasks(text: str) -> list[Task]:
    return [
        unpack(Task, json.loads(one)) for one in shown(text) if isinstance(one, str) and one.startswith('{"step": ')
    ]


@pytest.mark.parametrize("name", TARGETS)
def test_values_that_try_to_break_out_are_in_the_manifest_as_they_are(name, tmp_path):
    steps = tuple(CommandStep(f"s{i}", (v or "true",), env=(("V", v),)) for i, v in enumerate(NASTY))
    workflow = Workflow("nasty", steps, tuple((f"p{i}", json.dumps(v)) for i, v in enumerate(NASTY)))
    (text,) = texts(make(name, tmp_path), workflow).values()
    found = {task.step.name: task for task in tasks(text)}
    for step in steps:
        assert found[step.name].step == step
        assert found[step.name].parameters == workflow.parameters
    templates = ("{{workflow.name}}", "{{=1}}", "{% x", "{# x", "$(id)")
    if name in {"argo", "kubeflow"}:  # in a DAG file, defaults of parameters are literals that no template is made of
        assert not any(sign in text for sign in templates)


def test_what_is_sent_to_the_wrapper_comes_back_whole():
    for step in (*FULL.steps, *MODEL.steps):
        task = Task(step, "w", FULL.parameters, FULL.allowed, VERSION, "prod", trained=True, item=0)
        text = packed(task)
        assert unpack(Task, json.loads(text)) == task
        assert text.isascii()
        assert "{{" not in text


@pytest.mark.parametrize("text", ["{}", '{"step": {"is": "other"}, "workflow": "w"}', '{"step": {"is": "commandstep", "name": 1}, "workflow": "w"}',
                                  '{"workflow": "w"}', '{"step": {"is": "commandstep", "name": "a", "command": ["b"], "new": 1}, "workflow": "w"}'])  # fmt: skip
def test_a_task_of_another_release_is_not_guessed_at(text):
    with pytest.raises(NotUnderstood):
        unpack(Task, json.loads(text))


def test_inert_text_is_json_that_means_the_same():
    for value in NASTY:
        assert json.loads(inert_text({"a": {value: [value]}})) == {"a": {value: [value]}}


@pytest.mark.parametrize("name", CONTAINERS)
@pytest.mark.parametrize(
    ("when", "why"),
    [("metrics.rows.n > size(parameters.mode)", "size"), ("metrics.nobody.x > 1", "nobody"), ("parameters.x", "`x`"), ("parameters.n + 1 > 3", "whole numbers"),
     ("parameters.n > 1 ? true : false", "?"), ("metrics.rows > 1", "metrics.<step>.<name>")],
)  # fmt: skip
def test_a_condition_that_only_cel_has_is_refused_with_its_place(name, when, why, tmp_path):
    workflow = replace(FULL, steps=(*FULL.steps[:3], replace(CHECK, when=when, parameters=())))
    said = list(make(name, tmp_path).refused(workflow))
    assert [one.at for one in said] == [("steps", "check_it", "when")]
    assert why in str(said[0])
    assert when in said[0].help


@pytest.mark.parametrize(
    ("name", "settings", "workflow", "said"),
    [
        ("argo", {"image": ""}, FULL, "step `rows` has no image: it writes a dataset"),
        ("kubeflow", {"image": ""}, SMALL, "step `only` has no image"),
        (
            "argo",
            {},
            replace(SMALL, steps=(CommandStep("only", ("x",), secrets=(("T", Secret("env", "T")),)),)),
            "which a cluster does not have",
        ),
        (
            "argo",
            {},
            changed_step(image="Ghcr/Acme:1"),
            "`Ghcr/Acme:1` is not the name of an image: a repository is written in small",
        ),
        ("kubeflow", {"image": "a b"}, SMALL, "it holds white space"),
        ("airflow", {"image": "ghcr.io/acme/train:"}, SMALL, "after `:` nothing stands"),
        ("argo", {}, changed_step(retry_factor=1.5), "Argo multiplies by whole numbers"),
        ("argo", {}, changed_step(on_error=OnError.STOP), "for the whole pipeline"),
        ("kubeflow", {}, changed_step(resources=Resources(storage="1Gi")), "disk"),
        ("airflow", {"store_claim": ""}, SMALL, "`store_claim`"),
        ("airflow", {}, replace(SMALL, schedule=replace(SCHEDULE, catchup=True)), "where catching up begins"),
        ("airflow", {}, changed_step(on_error=OnError.CONTINUE), "leave out items that failed"),
        ("airflow_processes", {}, FULL, "asks for an image"),
        ("airflow_processes", {"project": ""}, SMALL, "`project`"),
        ("airflow_processes", {"store": "relative"}, SMALL, "no absolute path"),
        ("airflow", {"start_date": "nope"}, SMALL, "`start_date: nope` is no day"),
        ("airflow", {"start_date": "2026-02-30"}, SMALL, "is no day"),
        ("airflow_processes", {"start_date": "20260131"}, SMALL, "is no day"),
    ],
)
def test_what_a_target_cannot_take_is_said_by_the_plan(name, settings, workflow, said, tmp_path):
    found = list(make(name, tmp_path, **settings).refused(workflow))
    assert any(said in str(one) for one in found), found
    assert all(one.help for one in found)


def test_a_template_that_no_cluster_keeps_is_refused(tmp_path):
    def many(count):
        return Workflow("w", tuple(CommandStep(f"s{n}", ("x",)) for n in range(count)))

    (said,) = make("argo", tmp_path).refused(many(5_500))
    assert "its WorkflowTemplate has 1.8 MB, and a cluster keeps no object of more than 1.5 MB" in str(said)
    assert "set `max_bytes`" in said.help
    assert list(make("argo", tmp_path).refused(many(500))) == []
    assert list(make("argo", tmp_path, max_bytes=100_000).refused(many(500))) != []
    (said,) = make("argo", tmp_path, max_bytes=9_000).refused(many(50))
    assert " bytes, and a cluster keeps no object of more than 9,000 bytes" in str(said)


@pytest.mark.parametrize(
    "text",
    [
        "python", "python:3", "ghcr.io/acme/train:1.4", "localhost/x", "localhost:5000/a/b", "Registry.Example.com/a__b/c-d.e:V1",
        "[::1]:5000/x", "a/b@sha256:" + "0f" * 32, "registry.example.com:443/a:1@sha256:" + "0f" * 32, "100200.dkr.ecr.eu.example.com/x:latest",
    ],
)  # fmt: skip
def test_names_of_images(text):
    assert cluster.unfit_image(text) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a b", "it holds white space"), ("a\n", "it holds white space"), ("Acme/x", "a repository is written in small letters"),
        ("ghcr.io/Acme/x:1", "a repository is written in small letters"), ("a:", "after `:` nothing stands"), ("a/b@", "after `@` nothing stands"),
        ("a:1:2", "it is written"), ("-a", "it is written"), ("a//b", "it is written"), ("a@sha256:12", "it is written"), ("a:.b", "it is written"),
        ("https://x/y", "it is written"), ("a:" + "x" * 129, "it is written"), ("a/", "it is written"),
    ],
)  # fmt: skip
def test_what_is_no_name_of_an_image(text, why):
    assert cluster.unfit_image(text).startswith(why)


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_step_that_no_command_line_can_carry_is_refused(name, tmp_path):
    for text, count in (("x" * 119_000, 0), ("x" * 121_000, 1), ("{" * 30_000, 1)):
        said = list(make(name, tmp_path).refused(Workflow("w", (CommandStep("long", (text,)),))))
        assert [one.at for one in said] == [("steps", "long")] * count


def test_kubeflow_refuses_conditions_that_overlap(tmp_path):
    measure = CommandStep("e", ("x",), outputs=(("m", OutputType.METRICS),))
    one, other = (
        CommandStep(n, ("x",), outputs=(("o", OutputType.ARTIFACT),), when=f"metrics.e.{n} > 1") for n in "ab"
    )
    both = CommandStep("both", ("x",), (("a", Source("a", "o")), ("b", Source("b", "o"))))
    (said,) = make("kubeflow", tmp_path).refused(Workflow("w", (measure, one, other, both)))
    assert "several conditions" in str(said)
    late = CommandStep("late", ("x",), after=("a",))
    (said,) = make("kubeflow", tmp_path).refused(Workflow("w", (measure, one, late)))
    assert said.at == ("steps", "late", "after")
    assert list(make("airflow", tmp_path).refused(Workflow("w", (measure, one, other, both, late)))) == []


@pytest.mark.parametrize("name", TARGETS)
def test_files_are_written_looked_at_and_taken_away(name, tmp_path):
    target = make(name, tmp_path)
    done = target.publish(SMALL)
    assert target.differences(done.outputs) == ()
    first = next(iter(done.outputs["files"]))
    assert first.startswith("pipelines/prod/pipeline.small/")
    assert target.publish(SMALL) == done
    path = tmp_path / first
    path.write_text(path.read_text() + "# mine\n")
    assert [d.what for d in target.differences(done.outputs)] == ["edited"]
    path.unlink()
    assert [d.what for d in target.differences(done.outputs)] == ["missing"]
    target.withdraw(target.publish(SMALL).outputs)
    assert not (tmp_path / "pipelines").exists()
    path.parent.mkdir(parents=True)
    path.write_text("somebody's own\n")
    with pytest.raises(BackendError) as caught:
        target.publish(SMALL)
    assert caught.value.code == "file-in-the-way"


class Registry:
    """One that knows at most one version."""

    def __init__(self, version=None):
        self.version = version

    def get(self, model, version):
        return self.version if self.version and self.version.version == version else None

    def aliases(self, model):
        return {}


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_model_is_trained_elsewhere_and_found_when_it_is_registered(name, tmp_path):
    target = make(name, tmp_path)
    tools = lambda registry: Tools(lambda *_: None, registry, lambda _: None)  # noqa: E731
    with pytest.raises(BackendError) as caught:
        target.run(MODEL, tools(Registry()))
    assert caught.value.code == "trained-elsewhere"
    assert list((tmp_path / "pipelines/prod/model.churn").iterdir())
    known = ModelVersion("churn", VERSION, "sklearn", {"auc": 0.8}, (), (), {}, "")
    run = target.run(MODEL, tools(Registry(known)))
    assert run.version is known
    target.withdraw(run.outputs)
    assert not (tmp_path / "pipelines").exists()
    with pytest.raises(BackendError, match="does not pass its gates"):
        target.run(MODEL, tools(Registry(replace(known, metrics={"auc": 0.6}))))


def test_a_dag_file_is_made_of_literals(tmp_path):
    for name in ("airflow", "airflow_processes"):
        (text,) = texts(make(name, tmp_path), SMALL).values()
        named = {n.targets[0].id: n.value for n in ast.parse(text).body if isinstance(n, ast.Assign)}
        assert ast.literal_eval(named["ABOUT"])["dag_id"] == "small-prod"
        assert [t["id"] for t in ast.literal_eval(named["TASKS"])] == ["only"]
        assert IMAGE not in text or name == "airflow"


class LeftOut(Exception):
    """What Airflow takes for being skipped."""


@pytest.mark.parametrize(("needs", "after"), [((), ()), ((), ("a",)), (("a",), ("b",))])
@pytest.mark.parametrize("kind", ["scheduled", "manual"])
def test_no_task_runs_in_a_run_that_overlap_leaves_out(needs, after, kind):
    """A task that only follows others is started by Airflow though they were skipped: it looks for itself."""
    known = {n: __import__(n) for n in ("datetime", "functools", "json", "operator", "shlex")}
    known |= {"AirflowSkipException": LeftOut, "ABOUT": {"schedule": {"skip": True}, "params": {}}}
    exec(BELOW, known)  # noqa: S102 - the code of every DAG file
    run = SimpleNamespace(run_type=kind, data_interval_end=1)
    one = SimpleNamespace(get_previous_dagrun=lambda: SimpleNamespace(end_date=2), xcom_pull=lambda task_ids: {})
    task = {"id": "x", "needs": needs, "after": after, "when": None, "metrics": {}}
    left_out = False
    try:
        known["look"]({"dag_run": run, "ti": one, "params": {}}, task)
    except LeftOut:
        left_out = True
    assert left_out is (kind == "scheduled")
