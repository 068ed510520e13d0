"""Feast's answer to the same question, measured: run by a Python that has `feast[duckdb]`, not by the one of the benches.

    PYTHON tests/bench/feast_reference.py FOLDER ANSWER [--store file|duckdb]

Reads `spine.parquet` and `view0.parquet` … of a folder that `data.py` wrote, writes the answer as Parquet and prints its
cost as JSON. `file` is Feast's default offline store, on dask.
"""

import argparse
import json
import logging
import tempfile
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import pandas as pd
from feast import Entity, FeatureStore, FeatureView, Field, FileSource, ValueType
from feast.infra.offline_stores.dask import DaskOfflineStoreConfig
from feast.infra.offline_stores.duckdb import DuckDBOfflineStoreConfig
from feast.repo_config import RegistryConfig, RepoConfig
from feast.types import Float64, Int64
from measure import measured

TTL = timedelta(days=30)
STORES = {"file": DaskOfflineStoreConfig, "duckdb": DuckDBOfflineStoreConfig}


def store(folder: Path, kind: str, views: list[Path]) -> tuple[FeatureStore, list[str]]:
    """A feature store over the files, and its features; the last view lives for thirty days, the others for ever."""
    made = FeatureStore(
        config=RepoConfig(
            project="bench",
            provider="local",
            registry=RegistryConfig(path=str(folder / "registry.db")),
            offline_store=STORES[kind](),
            entity_key_serialization_version=3,
        )
    )
    key = Entity(name="key", join_keys=["k"], value_type=ValueType.INT64)
    declared = [
        FeatureView(
            name=path.stem,
            entities=[key],
            ttl=TTL if path == views[-1] else timedelta(0),
            schema=[Field(name="v", dtype=Int64), Field(name="x", dtype=Float64)],
            source=FileSource(path=str(path), timestamp_field="event_time", created_timestamp_column="created"),
        )
        for path in views
    ]
    made.apply([key, *declared])
    return made, [f"{path.stem}:{name}" for path in views for name in ("v", "x")]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("answer", type=Path)
    parser.add_argument("--store", choices=sorted(STORES), default="file")
    asked = parser.parse_args()
    logging.disable(logging.WARNING)
    views = sorted(asked.folder.glob("view?.parquet"))
    spine = pd.read_parquet(asked.folder / "spine.parquet").rename(columns={"event_time": "event_timestamp"})
    spine["event_timestamp"] = pd.to_datetime(spine["event_timestamp"], utc=True)
    found: list[pd.DataFrame] = []
    with tempfile.TemporaryDirectory() as folder:
        feast, features = store(Path(folder), asked.store, views)

        def work() -> int:
            question = feast.get_historical_features(entity_df=spine, features=features, full_feature_names=True)
            found.append(question.to_df())
            return len(found[0])

        cost = measured(work)
    names = {f"{view.stem}__{name}": f"{name}{i}" for i, view in enumerate(views) for name in ("v", "x")}
    answer = found[0].rename(columns={**names, "event_timestamp": "event_time"})
    answer["event_time"] = pd.to_datetime(answer["event_time"], utc=True).dt.tz_localize(None)
    answer.to_parquet(asked.answer, coerce_timestamps="us")
    print(json.dumps(asdict(cost)))


if __name__ == "__main__":
    main()
