"""Any YAML either validates or gives diagnostics, each with a place inside its file; nothing else is ever raised."""

import random
import tempfile
from pathlib import Path

import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mlspec.base.diag import Problems
from mlspec.session import KINDS, Session

SOUND = """\
kind: source
name: orders
files: {path: orders.csv, null_values: ["", "NA"]}
columns:
  customer: int64
  amount: {type: "decimal(10,2)", description: what was paid, tags: [money]}
  status: string
  at: timestamptz
event_time: at
available_time: at + INTERVAL 1 HOUR
keys: [customer, at]
checks:
  - {not_null: [customer]}
  - {range: {column: amount, min: 0}}
  - {expression: amount >= 0, severity: warn}
---
kind: entity
name: customer
keys: {customer: int64}
---
kind: feature_view
name: spending
entities: [customer]
source: orders
aggregations:
  - {function: sum, column: amount, name: spent, windows: [7d, 30d], where: status = 'paid'}
  - {function: count, name: orders, window: all}
---
kind: feature_view
name: last
entities: [customer]
sql: |
  SELECT customer, at, available_time, amount AS last_amount
  FROM orders o  -- all of them
  WHERE amount > (SELECT avg(amount) FROM orders)
event_time: at
available_time: available_time
ttl: 30d
---
kind: feature_set
name: buyer
features: [spending.*, last.last_amount]
---
kind: dataset
name: buyers
feature_set: buyer
labels: {sql: "SELECT customer, at AS event_time, amount > 100 AS large FROM orders", label: large}
split: {time: {test_from: 2024-06-01}}
---
kind: step
name: measure
command: python measure.py
inputs: {table: artifact}
outputs: {metrics: metrics}
parameters: {share: {type: float64, min: 0}, how: {type: string, default: mean, choices: [mean, median]}}
retries: 2
retry_delay: 10s
retry_factor: 2
cache: {ttl: 7d}
---
kind: pipeline
name: training
parameters:
  depth: {type: int64, default: 3, min: 1}
steps:
  data: {dataset: buyers}
  fit:
    command: [python, fit.py]
    inputs: {table: data.data}
    outputs: {model: model, metrics: metrics}
    resources: {cpu: 500m, memory: 1Gi}
  sizes:
    use: measure
    inputs: {table: data.data}
    each: {grid: {share: {range: [0.1, 0.5, 0.2]}}, parallel: 2, keep: {best: rows, mode: min}}
    on_error: continue
  last:
    command: "true"
    parameters: {depth: "${parameters.depth}", rows: {type: int64, value: "${metrics.sizes.rows}", max: 9}}
    after: [fit]
    when: metrics.sizes.rows > 3
  keep:
    register: {model: fit.model, metrics: fit.metrics}
schedule: 0 3 * * 1
---
kind: model
name: large_order
feature_set: buyer
label: large
framework: sklearn
pipeline: training
parameters: {depth: 4}
gates: {auc: {min: 0.6}}
---
kind: deployment
name: scoring
model: large_order
image: registry.example/scoring:1
replicas: {min: 1, max: 3}
resources: {cpu: 500m}
probes: {liveness: {path: /live}}
env: {LEVEL: "${vars.level}"}
---
kind: monitor
name: amounts
subject: orders
metric: missing_rate
columns: [amount]
threshold: {max: 0.1}
schedule: "@daily"
---
kind: policy
name: careful
when: change.action == "delete"
message: think again
enforce: warn
"""

PROJECT = """\
kind: project
name: shop
spec_version: 1
environments:
  dev:
    engine: {type: duckdb, path: .mlspec/w.duckdb}
    vars: {level: info}
    overrides:
      deployment.scoring: {port: 9000}
"""

KEYS = sorted({f.alias or n for k in KINDS.names() for n, f in KINDS.get(k).model_fields.items()})
_words = st.sampled_from(
    [*KEYS, *KINDS.names(), "orders", "customer", "large_order", "int64", "7d", "x.y", "*", "${vars.level}", "<<"]
)
_scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8), _words, st.just("SELECT customer FROM orders"), st.dates(),
)  # fmt: skip
_values = st.recursive(
    _scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words | st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)
_documents = st.one_of(
    st.fixed_dictionaries(
        {"kind": st.sampled_from(KINDS.names()), "name": st.sampled_from(["a", "orders", "buyer"]) | _scalars},
        optional={k: _values for k in KEYS if k not in {"kind", "name"}},
    ),
    st.dictionaries(_words, _values, max_size=5),
    _values,
)

NASTY = (
    "", "~", "- x", "{", "}", "[", "]", "*a", "&a x", "!t x", "|", ">", "'", '"', "\t", "#", "%", "@", "`", "{{ x }}", "${vars.x}",
    "${", "0", "-1", "1e999", ".inf", "9" * 400, "true", "null", "2024-01-01", "'01'", "\u00e9", "\U0001f600", "SELECT 1; DROP TABLE x",
    "SELECT * FROM orders, orders", "sum(", "a" * 70, "[[[[", "{file: ../x.sql}", "{env: X}", "struct<a: ", "decimal(99,1)", "?", ": :",
)  # fmt: skip


def check_validation(files: dict[str, str]) -> None:
    """Validate a project; every diagnostic must point at a place that exists."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "orders.csv").write_text("customer,amount,status,at\n", "utf-8")
        (root / "mlspec.yaml").write_text(PROJECT, "utf-8")
        for name, text in files.items():
            (root / name).write_text(text, "utf-8", newline="")
        try:
            found = Session(root).validate().warnings
        except Problems as problems:
            found = problems.diagnostics
            assert found
        for one in found:
            assert one.span is not None, one
            for span in (one.span, *(n.span for n in one.notes if n.span)):
                lines = (root / span.file).read_text("utf-8").split("\n")
                assert 1 <= span.line <= len(lines), one
                assert 1 <= span.column <= len(lines[span.line - 1]) + 1, one
                assert span.end_line in (0, span.line), one
                assert span.end_column <= max(len(lines[span.line - 1]) + 1, span.column + 1), one


SETTINGS = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def test_the_sound_project_is_sound():
    check_validation({"all.yaml": SOUND})
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "orders.csv").write_text("customer,amount,status,at\n", "utf-8")
        (root / "mlspec.yaml").write_text(PROJECT, "utf-8")
        (root / "all.yaml").write_text(SOUND, "utf-8")
        try:
            Session(root).validate()
        except Problems as problems:
            assert {d.code for d in problems.diagnostics} == {"unsupported-by-backend"}  # noqa: PT017 - a schedule needs a target


@given(st.lists(_documents, min_size=1, max_size=3))
@SETTINGS
def test_any_documents(documents):
    check_validation({"x.yaml": yaml.safe_dump_all(documents, allow_unicode=True, width=10_000)})


@given(st.text(max_size=60))
@example("\ufeff")
@example("? a\n: b\n")
@example("kind: team\nname: t\r\nrole: x\r\n")
@example("a: |\n")
@example("sql: |2\n    x\n")
@SETTINGS
def test_any_text(text):
    check_validation({"x.yaml": text})


@given(st.integers(0, 2**32))
@SETTINGS
def test_a_sound_project_with_damaged_lines(seed):
    random_ = random.Random(seed)
    check_validation({"all.yaml": _damaged(SOUND, random_)})


@given(st.integers(0, 2**32))
@settings(SETTINGS, max_examples=60)
def test_a_damaged_project_file(seed):
    random_ = random.Random(seed)
    check_validation({"all.yaml": SOUND, "mlspec.yaml": _damaged(PROJECT, random_)})


def _damaged(text: str, random_: random.Random) -> str:
    lines = text.split("\n")
    for _ in range(random_.randint(1, 3)):
        at = random_.randrange(len(lines))
        match random_.randrange(6):
            case 0:
                del lines[at]
            case 1:
                lines.insert(at, lines[at])
            case 2:
                other = random_.randrange(len(lines))
                lines[at], lines[other] = lines[other], lines[at]
            case 3 | 4:
                lines[at] = _replaced(lines[at], random_)
            case 5:
                cut = random_.randrange(len(lines[at]) + 1)
                lines[at] = lines[at][:cut] + random_.choice(NASTY) + lines[at][cut:]
        lines = lines or [""]
    return "\n".join(lines)


def _replaced(line: str, random_: random.Random) -> str:
    """The line with one of its words replaced by another of the project, or by something nasty."""
    words = line.split(" ")
    at = random_.randrange(len(words))
    everything = SOUND.split()
    words[at] = random_.choice(NASTY) if random_.random() < 0.5 else random_.choice(everything)
    return " ".join(words)
