"""Pipelines of a valohai.yaml: nodes become steps that use a step, edges become inputs, parameters and order."""

import re
from collections.abc import Mapping
from typing import Any

from mlspec.base.value import dataclass, field
from mlspec.foreign.commands import command
from mlspec.foreign.reading import Fields, Names, Path
from mlspec.foreign.searches import each_of
from mlspec.foreign.steps import ON_CHILD_ERROR, Known

_ON_ERROR = {"stop-all": "stop", "stop-next": "skip_downstream", "continue": "continue"}
_CONDITION = re.compile(r"\s*metadata\.([A-Za-z_]\w*)\s*(<=|>=|==|!=|<|>)\s*([+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))\s*")
_OPPOSITE = {"<": ">=", ">": "<=", "<=": ">", ">=": "<", "==": "!=", "!=": "=="}
_URL = re.compile(r"https?://\S+")
METRICS = "metrics"
End = tuple[str, str, str]
"""A node, what of it, and its name."""


@dataclass
class Making:
    """One pipeline while it is taken over."""

    fields: Fields
    steps: Mapping[str, Known]
    tasks: Mapping[str, Fields]
    nodes: Names = field(default_factory=Names)
    knowns: dict[str, Known] = field(default_factory=dict)
    made: dict[str, dict[str, Any]] = field(default_factory=dict)
    fed: dict[tuple[str, str], list[str]] = field(default_factory=dict)
    measured: set[str] = field(default_factory=set)
    parameters: dict[str, Any] = field(default_factory=dict)

    def document(self, name: str) -> dict[str, Any]:
        """The pipeline as a document."""
        one = self.fields
        conditions = [found for node in one.parts("nodes") for found in self._node(node)]
        if not self.made:
            one.say("a pipeline without a node that runs something is left out", "nodes")
            return {}
        edges = one.take("edges", [])
        for index, edge in enumerate(edges if isinstance(edges, list) else ()):
            self._edge(edge, index)
        self._parameters()
        self._inputs()
        for node, when in conditions:
            self._stop(node, when)
        for node in sorted(self.measured):
            self._measure(node)
        if one.take("reuse-executions", default=True) is False:
            one.say(
                "what is unchanged is taken from the cache",
                "reuse-executions",
                "`cache: false` in a step runs it every time",
            )
        one.take("name")
        one.leave("a pipeline")
        found: dict[str, Any] = {"kind": "pipeline", "name": name}
        return found | ({"parameters": self.parameters} if self.parameters else {}) | {"steps": self.made}

    # -- nodes ---------------------------------------------------------------------------------------------------------

    def _node(self, node: Fields) -> list[tuple[str, str]]:
        name, kind = node.text("name"), node.text("type") or "execution"
        task = self.tasks.get(node.text("task")) if kind == "task" else None
        wanted = node.text("step") or (task.text("step") if task else "")
        known = self.steps.get(wanted)
        if kind not in {"execution", "task"} or known is None:
            why = (
                "a `deployment` document says what is served"
                if kind == "deployment"
                else f"there is no step `{wanted}`"
            )
            node.say(f"node `{name}` of type `{kind}` is left out", "name", why)
            node.taken |= set(node.data)
            return []
        ours = self.nodes.of(name)
        self.knowns[ours] = known
        made: dict[str, Any] = {"use": known.document["name"]}
        self.made[ours] = made
        if task is not None:
            if each := each_of(task, known):
                made["each"] = each
            error = ON_CHILD_ERROR.get(task.text("on-child-error"))
            if error:
                made["on_error"] = error
        self._on_error(node, made)
        self._override(node.part("override"), known, made)
        found = self._actions(node, ours)
        if node.take("edge-merge-mode") == "append":
            node.say("values of edges take the place of others", "edge-merge-mode")
        node.leave("a node", commit="steps are those of these files", template="")
        return found

    def _on_error(self, node: Fields, made: dict[str, Any]) -> None:
        written = node.text("on-error")
        if written == "retry":
            made["retries"] = 1
            node.say(
                "how often it is tried again is not said there: once, here",
                "on-error",
                "`retries: 3`, and `retry_delay`",
            )
        elif written:
            made["on_error"] = _ON_ERROR.get(written, "skip_downstream")

    def _override(self, over: Fields, known: Known, made: dict[str, Any]) -> None:
        if image := over.text("image"):
            made["image"] = image
        for each in over.parts("parameters"):
            name, value = each.text("name"), each.take("default")
            if self._has(known, name, each):
                known.numbered(name, each)
                made.setdefault("parameters", {})[known.parameters.of(name)] = value
            each.leave("an override", rules="", style="")
        for each in over.parts("environment-variables"):
            made.setdefault("env", {})[each.text("name")] = str(each.take("default", ""))
            each.leave("an override")
        for each in over.parts("inputs"):
            known.defaults[each.text("name")] = tuple(str(d) for d in each.listed("default"))
            each.leave("an override")
        if lines := [str(line) for line in over.listed("command")]:
            made["command"] = command(lines, known.passed, known.inputs.known, over.at("command"))
        over.leave("an override")

    def _actions(self, node: Fields, ours: str) -> list[tuple[str, str]]:
        found = []
        for action in node.parts("actions"):
            when, condition, then = action.take("when"), action.text("if"), action.take("then")
            stops = then in ("stop-pipeline", ["stop-pipeline"]) and when in ("node-complete", ["node-complete"])
            match = _CONDITION.fullmatch(condition)
            if stops and match:
                number = match[3].lstrip("+")
                number = re.sub(r"^(-?)\.", r"\g<1>0.", number) + ("" if "." in number else ".0")
                found.append((ours, f"metrics.{ours}.{match[1]} {_OPPOSITE[match[2]]} {number.removesuffix('.')}"))
            else:
                action.say("this action is left out", "if", "`when` of a step says under which condition it runs")
            action.leave("an action")
        return found

    # -- edges ---------------------------------------------------------------------------------------------------------

    def _edge(self, edge: Any, index: int) -> None:
        path = (*self.fields.path, "edges", index)
        ends = [edge.get("source"), edge.get("target")] if isinstance(edge, dict) else edge
        told = [str(end).split(".", 2) for end in ends] if isinstance(ends, list) else []
        if [len(t) for t in told] != [3, 3]:
            self.fields.reading.say(path, "this edge is not read")
            return
        (source, gives, what), (target, takes, where) = told
        parent, child = self.nodes.known.get(source), self.nodes.known.get(target)
        if parent is None or child is None:
            self.fields.reading.say(path, f"the edge from `{source}` to `{target}` is left out: one of them is")
            return
        if isinstance(edge, dict) and edge.keys() - {"source", "target"}:
            self.fields.reading.say(path, "of this edge, only `source` and `target` are taken over")
        self._joined(path, (parent, gives.removesuffix("s"), what), (child, takes.removesuffix("s"), where))

    def _joined(self, path: Path, source: End, target: End) -> None:
        (parent, gives, what), (child, takes, where) = source, target
        match gives, takes:
            case "output", "input":
                self._whole(path, what)
                self.fed.setdefault((child, where), []).append(f"{parent}.outputs")
            case "input", "input":
                self.fed.setdefault((child, where), []).append(f"={parent}.{what.rstrip('*')}")
            case "metadata", "parameter":
                self._metric(parent, what, child, where)
            case "environment-variable", "environment-variable":
                self._variable(path, parent, what, (child, where))
            case "parameter", "parameter":
                self._hand_on(parent, what, child, where)
            case ("dependency", _) | (_, "dependency"):
                self.made[child].setdefault("after", []).append(parent)
            case _:
                self.fields.reading.say(path, f"an edge from `{gives}` to `{takes}` has no counterpart")

    def _whole(self, path: Path, what: str) -> None:
        if what not in {"*", "**", "**/*"}:
            message = f"not `{what}` alone but the whole folder of outputs is handed on"
            self.fields.reading.say(path, message, "the step that reads it can choose")

    def _metric(self, parent: str, what: str, child: str, where: str) -> None:
        if self._has(self.knowns[child], where, self.fields):
            self.measured.add(parent)
            self.knowns[child].numbered(where, self.fields)
            self._give(child, where, f"${{metrics.{parent}.{what}}}")

    def _variable(self, path: Path, parent: str, what: str, target: tuple[str, str]) -> None:
        held = self.knowns[parent].document.get("env", {}) | self.made[parent].get("env", {})
        if what in held:
            self.made[target[0]].setdefault("env", {})[target[1]] = held[what]
        else:
            self.fields.reading.say(path, f"node `{parent}` has no value for `{what}`")

    def _has(self, known: Known, name: str, by: Fields) -> bool:
        """Whether the step takes such a parameter; one that it does not take is told."""
        if name not in known.parameters.known:
            by.say(f"step `{known.document['name']}` has no parameter `{name}`: it is given none")
        return name in known.parameters.known

    def _give(self, child: str, name: str, value: Any) -> None:
        self.made[child].setdefault("parameters", {})[self.knowns[child].parameters.of(name)] = value

    def _hand_on(self, parent: str, what: str, child: str, where: str) -> None:
        if not self._has(self.knowns[parent], what, self.fields) or not self._has(
            self.knowns[child], where, self.fields
        ):
            return
        ours = self.knowns[parent].parameters.of(what)
        value = self.made[parent].get("parameters", {}).get(ours)
        if value is None:
            value = self.knowns[parent].document.get("parameters", {}).get(ours, {}).get("default", "")
        self._give(child, where, value)

    def _parameters(self) -> None:
        names = Names()
        for one in self.fields.parts("parameters"):
            ours, default = names.of(one.text("name")), one.take("default")
            kinds = []
            targets = [one.take(key) for key in ("targets", "target") if key in one.data]
            for target in [t for some in targets for t in (some if isinstance(some, list) else [some])]:
                node, _, name = str(target).split(".", 2) if str(target).count(".") > 1 else ("", "", "")
                if (child := self.nodes.known.get(node)) is None:
                    one.say(f"`{target}` is no parameter of a node here", "targets")
                    continue
                known = self.knowns[child]
                if not self._has(known, name, one):
                    continue
                declared = known.document.get("parameters", {}).get(known.parameters.of(name), {})
                kinds.append(declared)
                self._give(child, name, f"${{parameters.{ours}}}")
            kind = kinds[0]["type"] if kinds and kinds[0] else "string"
            if default is None and kinds:
                default = kinds[0].get("default")
            value = ",".join(map(str, default)) if isinstance(default, list) else default
            value = "" if value is None else value
            self.parameters[ours] = {"type": kind, "default": str(value) if kind == "string" else value}
            one.take("description")
            one.leave("a parameter of a pipeline")

    def _inputs(self) -> None:
        """Where each input comes from: an edge, several of them, or what the step would take where nothing feeds it."""
        for child, known in self.knowns.items():
            for theirs, ours in known.inputs.known.items():
                sources = self._sources(child, theirs)
                step = f"{child}_{ours}"
                if len(sources) > 1:
                    names = {f"from_{n}": source for n, source in enumerate(sources, 1)}
                    copies = [f'cp -r "$MLSPEC_INPUT_{name.upper()}"/. "$MLSPEC_OUTPUT_OUTPUTS"' for name in names]
                    text = "set -e\n" + "\n".join(copies) + "\n"
                    self.made[step] = {"command": text, "inputs": names, "outputs": {"outputs": "artifact"}}
                elif not sources:
                    self.made[step] = self._fetched(child, theirs, known)
                self.made[child].setdefault("inputs", {})[ours] = sources[0] if len(sources) == 1 else f"{step}.outputs"

    def _sources(self, child: str, theirs: str, depth: int = 0) -> list[str]:
        found: list[str] = []
        for source in self.fed.get((child, theirs), []):
            if source.startswith("=") and depth < len(self.knowns):
                parent, _, name = source[1:].partition(".")
                above = self._sources(parent, name, depth + 1)
                found += above or [f"{parent}_{self.knowns[parent].inputs.of(name)}.outputs"]
            else:
                found.append(source)
        return list(dict.fromkeys(found))

    def _fetched(self, child: str, theirs: str, known: Known) -> dict[str, Any]:
        urls = known.defaults.get(theirs, ())
        lines, text = [], "set -e\n"
        for url in urls:
            if _URL.fullmatch(url) and "'" not in url and "*" not in url:
                lines.append(f"curl --fail --silent --show-error --location --remote-name '{url}'")
            else:
                message = f"input `{theirs}` of node `{child}` comes from `{url}`, which is not fetched"
                self.fields.say(
                    message,
                    "nodes",
                    f"let step `{child}_{known.inputs.of(theirs)}` write it to `$MLSPEC_OUTPUT_OUTPUTS`",
                )
                lines.append(f"echo 'fetch {_plain(url)} here' >&2; exit 1")
        if not urls:
            if theirs not in known.optional:
                self.fields.say(f"nothing feeds input `{theirs}` of node `{child}`", "nodes", "take it from a step")
            lines.append("echo 'nothing' > none")
        text += 'cd "$MLSPEC_OUTPUT_OUTPUTS"\n' + "\n".join(lines) + "\n"
        return {"command": text, "outputs": {"outputs": "artifact"}}

    # -- conditions and metrics ----------------------------------------------------------------------------------------

    def _stop(self, node: str, when: str) -> None:
        """What takes something of the node runs only while the condition holds; what needs that follows."""
        self.measured.add(node)
        for made in self.made.values():
            taken = {str(source).partition(".")[0] for source in made.get("inputs", {}).values()}
            asked = any(f"${{metrics.{node}." in str(v) for v in made.get("parameters", {}).values())
            if node in taken or asked or node in made.get("after", ()):
                made["when"] = f"{made['when']} && {when}" if "when" in made else when

    def _measure(self, node: str) -> None:
        document = self.knowns[node].document
        if METRICS not in document["outputs"]:
            document["outputs"][METRICS] = "metrics"
            message = f"metadata of node `{node}` is printed; here a step writes its metrics"
            self.fields.say(
                message,
                "edges" if "edges" in self.fields.data else "nodes",
                'write one JSON object of numbers to the file "$MLSPEC_OUTPUT_METRICS"',
            )


def _plain(text: str) -> str:
    return re.sub(r"[^\w:/.*-]", "?", text)
