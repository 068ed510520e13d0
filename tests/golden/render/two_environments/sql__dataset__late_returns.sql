CREATE TABLE "mlspec_data"."late_returns__e65bbbd2" AS
SELECT
  CAST("loan_id" AS BIGINT) AS "loan_id",
  CAST("reader" AS BIGINT) AS "reader",
  CAST("event_time" AS TIMESTAMPTZ) AS "event_time",
  CAST("late" AS BOOLEAN) AS "late",
  CAST("reader_returns__late_rate_90d" AS DOUBLE) AS "reader_returns__late_rate_90d",
  CAST("reader_returns__returns_90d" AS BIGINT) AS "reader_returns__returns_90d"
FROM (
  WITH __spine AS MATERIALIZED (
    SELECT
      *,
      ROW_NUMBER() OVER () AS "__row"
    FROM (
      SELECT
        "loan_id" AS "loan_id",
        "reader" AS "reader",
        "event_time" AS "event_time",
        "late" AS "late"
      FROM (
        SELECT
          "l"."loan_id" AS "loan_id",
          "l"."reader" AS "reader",
          "l"."lent_at" AS "event_time",
          "r"."late" AS "late"
        FROM "mlspec_data"."loans__d89496e5" AS "l"
        JOIN "mlspec_data"."returns__1ecafc10" AS "r"
          ON "r"."loan_id" = "l"."loan_id"
      ) AS rows
      WHERE
        "event_time" >= CAST('2024-01-01T00:00:00+00:00' AS TIMESTAMPTZ)
    ) AS __asked
  ), __q0 AS MATERIALIZED (
    SELECT DISTINCT
      "reader" AS "__k0",
      EPOCH_US(CAST("event_time" AS TIMESTAMPTZ)) AS "__t"
    FROM __spine
    WHERE
      NOT "reader" IS NULL AND NOT "event_time" IS NULL
  )
  SELECT
    "__s"."loan_id",
    "__s"."reader",
    "__s"."event_time",
    "__s"."late",
    "__f0_0"."late_rate_90d" AS "reader_returns__late_rate_90d",
    COALESCE("__f0_0"."returns_90d", 0) AS "reader_returns__returns_90d"
  FROM __spine AS __s
  LEFT JOIN (
    WITH __events AS (
      SELECT
        "reader" AS "__k0",
        EPOCH_US(CAST("returned_at" AS TIMESTAMPTZ)) AS "__us",
        "loan_id" AS "__order",
        1 AS "__v0",
        CASE WHEN NOT (
          "late"
        ) IS NULL THEN 1 ELSE 0 END AS "__v1",
        COALESCE(CAST((
          "late"
        ) AS INT), 0) AS "__v2"
      FROM "mlspec_data"."returns__1ecafc10"
      WHERE
        NOT "reader" IS NULL AND NOT "returned_at" IS NULL
    ), __stream AS (
      SELECT
        "__k0",
        (
          "__us"
        ) * CAST(2 AS BIGINT) + CAST(1 AS BIGINT) AS "__at",
        CAST(NULL AS BIGINT) AS "__t",
        CAST(NULL AS INT) AS "__end",
        "__v0" AS "__r0",
        "__v1" AS "__r1",
        "__v2" AS "__r2"
      FROM __events
      UNION ALL
      SELECT
        "__k0",
        (
          "__t"
        ) * CAST(2 AS BIGINT) AS "__at",
        "__t" AS "__t",
        0 AS "__end",
        0 AS "__r0",
        0 AS "__r1",
        0 AS "__r2"
      FROM __q0
      UNION ALL
      SELECT
        "__k0",
        (
          "__t" - CAST(7776000000000 AS BIGINT)
        ) * CAST(2 AS BIGINT) AS "__at",
        "__t" AS "__t",
        1 AS "__end",
        0 AS "__r0",
        0 AS "__r1",
        0 AS "__r2"
      FROM __q0
    ), __running AS (
      SELECT
        "__k0",
        "__t",
        CASE
          WHEN (
            "__p0" > "__k0" OR (
              "__p0" = "__k0" AND (
                "__p1" > "__at"
              )
            )
          )
          THEN CAST(ERROR('the rows of a stream came in another order than asked for') AS INT)
          ELSE "__end"
        END AS "__end",
        SUM("__r0") OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "__r0",
        SUM("__r1") OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "__r1",
        SUM("__r2") OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "__r2"
      FROM (
        SELECT
          *,
          LAG("__k0") OVER () AS "__p0",
          LAG("__at") OVER () AS "__p1"
        FROM (
          SELECT
            *
          FROM __stream
          ORDER BY
            "__k0",
            "__at"
        ) AS __ordered
      ) AS __beside
    )
    SELECT
      "__k0",
      "__t",
      CAST(MAX(CASE WHEN "__end" = 0 THEN "__r0" END) - MAX(CASE WHEN "__end" = 1 THEN "__r0" END) AS BIGINT) AS "returns_90d",
      CASE
        WHEN (
          MAX(CASE WHEN "__end" = 0 THEN "__r1" END) - MAX(CASE WHEN "__end" = 1 THEN "__r1" END)
        ) > 0
        THEN CAST((
          MAX(CASE WHEN "__end" = 0 THEN "__r2" END) - MAX(CASE WHEN "__end" = 1 THEN "__r2" END)
        ) AS DOUBLE) / CAST((
          MAX(CASE WHEN "__end" = 0 THEN "__r1" END) - MAX(CASE WHEN "__end" = 1 THEN "__r1" END)
        ) AS DOUBLE)
      END AS "late_rate_90d"
    FROM __running
    WHERE
      NOT "__end" IS NULL
    GROUP BY
      "__k0",
      "__t"
  ) AS "__f0_0"
    ON "__s"."reader" = "__f0_0"."__k0"
    AND EPOCH_US(CAST("__s"."event_time" AS TIMESTAMPTZ)) = "__f0_0"."__t"
  ORDER BY
    "__s"."__row"
) AS made;
