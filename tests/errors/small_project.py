"""A small sound project for the tests of errors, and how a changed copy of it is validated."""

from pathlib import Path

from mlspec.base.diag import Diagnostic, Problems
from mlspec.session import Session

FILES = {
    "mlspec.yaml": """\
kind: project
name: shop
spec_version: 1
environments:
  dev:
    vars: {days: 7}
""",
    "team.yaml": """\
kind: team
name: growth
role: data_science
""",
    "sources.yaml": """\
kind: source
name: orders
owner: growth
files: orders.csv
columns:
  customer: int64
  amount: float64
  status: string
  day: date
  at: timestamptz
event_time: at
available_time: at
---
kind: source
name: customers
files: customers.csv
columns:
  customer: int64
  country: string
  since: timestamptz
event_time: since
keys: [customer]
""",
    "features.yaml": """\
kind: entity
name: customer
keys:
  customer: int64
---
kind: feature_view
name: spending
entities: [customer]
source: orders
aggregations:
  - {function: sum, column: amount, name: spent, windows: [7d, 30d]}
  - {function: count, name: orders, window: 7d}
---
kind: feature_view
name: profile
entities: [customer]
sql: |
  SELECT customer, country, since
  FROM customers
event_time: since
---
kind: feature_set
name: buyer
features: [spending.*, profile.country]
""",
    "training.yaml": """\
kind: dataset
name: buyers
feature_set: buyer
labels:
  sql: |
    SELECT customer, at AS event_time, amount > 100 AS large
    FROM orders
  label: large
---
kind: pipeline
name: training
steps:
  data: {dataset: buyers}
  fit:
    command: python fit.py
    inputs: {table: data.data}
    outputs: {model: model, metrics: metrics}
  keep:
    register: {model: fit.model, metrics: fit.metrics}
---
kind: model
name: large_order
feature_set: buyer
label: large
framework: sklearn
pipeline: training
gates:
  auc: {min: 0.6}
""",
    "orders.csv": "customer,amount,status,day,at,order,group,end\n1,10.5,paid,2024-01-01,2024-01-01T10:00:00Z,1,a,2\n",
    "customers.csv": "customer,country,since\n1,NO,2023-01-01T00:00:00Z\n",
}


def write(root: Path, files: dict[str, str | bytes]) -> None:
    """Put files below a folder."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())


def found(root: Path) -> tuple[Diagnostic, ...]:
    """What `validate` says about the project in a folder: its errors with the warnings among them."""
    try:
        return Session(root).validate().warnings
    except Problems as problems:
        return problems.diagnostics
