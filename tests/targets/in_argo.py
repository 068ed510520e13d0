"""A small interpreter of what is rendered for Argo, after its documentation: containers become processes, artifacts are copied.

It knows what our templates use, and raises for anything else: `depends` with its words, `when` as an expression, arguments, retries. Values are put into
a template as Argo does it, into its JSON, so that what could break out does.
"""

import ast
import json
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

_TAG = re.compile(r"\{\{(.*?)\}\}")
_END = re.compile(r"([a-z0-9][a-z0-9-]*)\.(Succeeded|Failed|Errored|Skipped|Omitted)")
_OPERATORS = {
    ast.And: all, ast.Or: any, ast.Gt: lambda a, b: a > b, ast.GtE: lambda a, b: a >= b, ast.Lt: lambda a, b: a < b, ast.LtE: lambda a, b: a <= b,
    ast.Eq: lambda a, b: a == b, ast.NotEq: lambda a, b: a != b, ast.Mult: lambda a, b: a * b, ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b, ast.Div: lambda a, b: a / b,
}  # fmt: skip


@dataclass
class Pod:
    """What became of a task: its end, and what it left."""

    end: str
    parameters: dict[str, str] = field(default_factory=dict)
    artifacts: dict[str, Path] = field(default_factory=dict)


class Argo:
    """Runs one workflow in a folder."""

    def __init__(self, spec: dict, given: dict[str, str], root: Path) -> None:
        self.templates = {t["name"]: t for t in spec["templates"]}
        self.given = {
            p["name"]: given.get(p["name"], p["value"]) for p in spec.get("arguments", {}).get("parameters", ())
        }
        self.root, self.pods = root, {}
        self.graph = self.templates[spec["entrypoint"]]["dag"]

    def run(self) -> bool:
        """Run the graph; whether it succeeded, which is whether no task failed."""
        waiting = {t["name"]: t for t in self.graph["tasks"]}
        while waiting:
            ready = [
                t for t in waiting.values() if {n for n, _ in _END.findall(t.get("depends", ""))} <= self.pods.keys()
            ]
            assert ready, f"these wait for each other: {sorted(waiting)}"
            for task in ready:
                self.pods[task["name"]] = self.task(task)
                del waiting[task["name"]]
        return not any(pod.end in {"Failed", "Errored"} for pod in self.pods.values())

    def task(self, task: dict) -> Pod:
        failed = any(pod.end == "Failed" for pod in self.pods.values())
        if self.graph["failFast"] and failed:
            return Pod("Omitted")
        if not self.depends(task.get("depends", "")):
            return Pod("Omitted")
        if "when" in task and not self.expression(re.fullmatch(r"\{\{=(.*)\}\}", task["when"])[1]):
            return Pod("Skipped")
        arguments = task.get("arguments", {})
        values = {p["name"]: _TAG.sub(lambda m: self.output(m[1]), p["value"]) for p in arguments.get("parameters", ())}
        files = {a["name"]: self.artifact(_TAG.fullmatch(a["from"])[1]) for a in arguments.get("artifacts", ())}
        template = self.templates[task["template"]]
        attempts = int(template.get("retryStrategy", {}).get("limit", 0)) + 1
        for attempt in range(attempts):
            pod = self.pod(template, values, files, self.root / task["name"] / str(attempt))
            if pod.end == "Succeeded":
                break
        return pod

    def depends(self, text: str) -> bool:
        told = _END.sub(lambda m: str(self.pods[m[1]].end == m[2]), text)
        return not text or bool(_python(told, {}))

    def expression(self, text: str) -> bool:
        text = re.sub(r"(?<!')\b(true|false)\b(?!')", lambda m: m[1].capitalize(), text)
        tasks = {name: {"outputs": {"parameters": pod.parameters}} for name, pod in self.pods.items()}
        text = re.sub(
            r"tasks\['([^']+)'\]\.outputs\.parameters\['([^']+)'\]", lambda m: f"TASKS({m[1]!r}, {m[2]!r})", text
        )
        text = re.sub(r"workflow\.parameters\['([^']+)'\]", lambda m: f"GIVEN({m[1]!r})", text)
        names = {
            "TASKS": lambda t, p: tasks[t]["outputs"]["parameters"][p],
            "GIVEN": lambda p: self.given[p],
            "asFloat": float,
        }
        return bool(_python(text, names))

    def output(self, tag: str) -> str:
        _, task, _, _, name = tag.split(".")
        return self.pods[task].parameters[name]

    def artifact(self, tag: str) -> Path:
        _, task, _, _, name = tag.split(".")
        return self.pods[task].artifacts[name]

    def pod(self, template: dict, values: dict[str, str], files: dict[str, Path], folder: Path) -> Pod:
        """Put values in, give it its artifacts, start it, take what it left; paths of containers are below `folder`."""
        known = {f"inputs.parameters.{k}": v for k, v in values.items()} | {
            f"workflow.parameters.{k}": v for k, v in self.given.items()
        }
        text = json.dumps(template["container"])
        text = _TAG.sub(lambda m: json.dumps(known[m[1]])[1:-1] if m[1] in known else m[0], text)
        container = json.loads(text.replace("/tmp/mlspec-", f"{folder}/mlspec-"))  # noqa: S108 - in the container
        where = lambda path: Path(path.replace("/tmp/mlspec-", f"{folder}/mlspec-"))  # noqa: E731, S108 - as above
        folder.mkdir(parents=True)
        for one in template.get("inputs", {}).get("artifacts", ()):
            _copy(files[one["name"]], where(one["path"]))
        variables = {e["name"]: _expanded(e["value"]) for e in container["env"]}
        done = subprocess.run(
            [*container["command"], *container["args"]], env=variables, capture_output=True, text=True, check=False
        )
        (folder / "log").write_text(done.stdout + done.stderr)
        if done.returncode:
            return Pod("Failed")
        outputs = template.get("outputs", {})
        return Pod(
            "Succeeded",
            {p["name"]: where(p["valueFrom"]["path"]).read_text().rstrip("\n") for p in outputs.get("parameters", ())},
            {a["name"]: where(a["path"]) for a in outputs.get("artifacts", ()) if where(a["path"]).exists()},
        )


def _expanded(value: str) -> str:
    """What Kubernetes does to the value of a variable; none of ours may hold anything of it."""
    assert "$(" not in value
    assert "$$" not in value
    return value


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copyfile(source, target)


def _python(text: str, names: dict) -> object:
    """Evaluate an expression of comparisons, `&&`, `||`, `!` and calls, without `eval`."""
    text = text.replace("&&", " and ").replace("||", " or ")
    return _value(ast.parse(re.sub(r"!(?!=)", " not ", text).strip(), mode="eval").body, names)


def _value(node: ast.expr, names: dict) -> object:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.BoolOp(op=op, values=values):
            return _OPERATORS[type(op)](_value(one, names) for one in values)
        case ast.UnaryOp(op=ast.Not(), operand=one):
            return not _value(one, names)
        case ast.UnaryOp(op=ast.USub(), operand=one):
            return -_value(one, names)
        case ast.BinOp(op=op, left=left, right=right):
            return _OPERATORS[type(op)](_value(left, names), _value(right, names))
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _OPERATORS[type(op)](_value(left, names), _value(right, names))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return names[name](*(_value(one, names) for one in arguments))
    raise AssertionError(ast.dump(node))
