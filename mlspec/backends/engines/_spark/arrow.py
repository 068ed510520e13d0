"""Arrow tables to Spark and from it. Spark 4 does that in public; Spark 3.5 only behind what it has for pandas."""

from importlib import import_module
from typing import Any


def arrow_of(frame: Any) -> Any:
    """The rows of a frame as an Arrow table."""
    if not _old():
        return frame.toArrow()
    from pyspark.sql.pandas.types import to_arrow_schema  # noqa: PLC0415 - heavy, and loaded already

    wanted = to_arrow_schema(frame.schema)
    return (_fetched(frame) if _remote(frame) else _collected(frame, wanted)).cast(wanted)


def frame_of(session: Any, rows: Any) -> Any:
    """An Arrow table as a frame; times without a zone stay without one."""
    from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema  # noqa: PLC0415 - heavy, and loaded already

    schema = from_arrow_schema(rows.schema, prefer_timestamp_ntz=True)
    if not _old():
        return session.createDataFrame(rows, schema=schema)
    fitting = rows.cast(to_arrow_schema(schema))
    return (_sent if _remote(session) else _streamed)(session, fitting, schema.json())


def _old() -> bool:
    """Whether this is Spark 3.5, whose inner ways do not change any more."""
    import pyspark  # noqa: PLC0415 - heavy, and loaded already

    return bool(pyspark.__version__.startswith("3."))


def _remote(thing: Any) -> bool:
    return type(thing).__module__.startswith("pyspark.sql.connect.")


def _collected(frame: Any, wanted: Any) -> Any:
    import pyarrow as pa  # noqa: PLC0415 - heavy, and loaded already

    batches = frame._collect_as_arrow()  # noqa: SLF001 - what `toPandas` calls
    return pa.Table.from_batches(batches) if batches else wanted.empty_table()


def _fetched(frame: Any) -> Any:
    client = frame._session.client  # noqa: SLF001 - what `toPandas` calls
    return client.to_table(frame._plan.to_proto(client))[0]  # noqa: SLF001 - as above


def _streamed(session: Any, rows: Any, schema: str) -> Any:
    from pyspark.sql import DataFrame  # noqa: PLC0415 - heavy, and loaded already
    from pyspark.sql.pandas.serializers import ArrowStreamSerializer  # noqa: PLC0415 - as above

    java = session._jvm  # noqa: SLF001 - what `createDataFrame` calls for pandas
    made = session.sparkContext._serialize_to_jvm(  # noqa: SLF001 - as above
        rows.to_batches(),
        ArrowStreamSerializer(),
        java.PythonSQLUtils.readArrowStreamFromFile,
        java.ArrowIteratorServer,
    )
    return DataFrame(java.PythonSQLUtils.toDataFrame(made, schema, session._jsparkSession), session)  # noqa: SLF001 - as above


def _sent(session: Any, rows: Any, schema: str) -> Any:
    plans: Any = import_module("pyspark.sql.connect.plan")
    frames: Any = import_module("pyspark.sql.connect.dataframe")
    plan = plans.LocalRelation(rows, schema=schema)
    (most,) = session.client.get_configs("spark.sql.session.localRelationCacheThreshold")
    if most is not None and int(most) <= rows.nbytes:  # more than fits into one message
        plan = plans.CachedLocalRelation(session._cache_local_relation(plan))  # noqa: SLF001 - what `createDataFrame` calls
    return frames.DataFrame.withPlan(plan, session)
