CREATE VIEW "mlspec_data"."reader_returns__e3f504c0" AS
SELECT
  CAST("reader" AS BIGINT) AS "reader",
  CAST("event_time" AS TIMESTAMPTZ) AS "event_time",
  CAST("returns_90d" AS BIGINT) AS "returns_90d",
  CAST("late_rate_90d" AS DOUBLE) AS "late_rate_90d"
FROM (
  WITH __questions AS MATERIALIZED (
    WITH __happened AS (
      SELECT
        "reader" AS "__k0",
        EPOCH_US(CAST("returned_at" AS TIMESTAMPTZ)) AS "__us",
        "loan_id" AS "__order"
      FROM "mlspec_data"."returns__1ecafc10"
      WHERE
        NOT "reader" IS NULL AND NOT "returned_at" IS NULL
    )
    SELECT DISTINCT
      "__k0",
      "__t"
    FROM (
      SELECT
        "__k0",
        (
          "__us"
        ) + CAST(1 AS BIGINT) AS "__t"
      FROM __happened
      UNION ALL
      SELECT
        "__k0",
        (
          "__us" + CAST(7776000000000 AS BIGINT)
        ) + CAST(1 AS BIGINT) AS "__t"
      FROM __happened
    ) AS __moments
  )
  SELECT
    "__q"."__k0" AS "reader",
    MAKE_TIMESTAMP("__q"."__t" - CAST(1 AS BIGINT)) AT TIME ZONE 'UTC' AS "event_time",
    COALESCE("__a0"."returns_90d", 0) AS "returns_90d",
    "__a0"."late_rate_90d" AS "late_rate_90d"
  FROM __questions AS __q
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
      FROM __questions
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
      FROM __questions
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
  ) AS "__a0"
    ON "__q"."__k0" = "__a0"."__k0" AND "__q"."__t" = "__a0"."__t"
) AS made;
