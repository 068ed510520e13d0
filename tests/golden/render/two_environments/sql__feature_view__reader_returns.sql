CREATE TABLE "mlspec_data"."reader_returns__57337363" AS
SELECT
  CAST("reader" AS BIGINT) AS "reader",
  CAST("event_time" AS TIMESTAMPTZ) AS "event_time",
  CAST("returns_90d" AS BIGINT) AS "returns_90d",
  CAST("late_rate_90d" AS DOUBLE) AS "late_rate_90d"
FROM (
  WITH __events AS (
    SELECT
      "reader",
      "returned_at" AS "__time",
      "returned_at" AS "__available",
      COALESCE(CAST(1 AS BIGINT), CAST(0 AS BIGINT)) AS "__v0",
      COALESCE(CASE WHEN NOT "late" IS NULL THEN CAST(1 AS BIGINT) END, CAST(0 AS BIGINT)) AS "__v1",
      CAST(COALESCE(CAST(CAST((
        "late"
      ) AS INT) AS INT128), 0) AS INT128) AS "__v2"
    FROM "mlspec_data"."returns__4194e46f"
    WHERE
      NOT "reader" IS NULL AND NOT "returned_at" IS NULL
  ), __points AS (
    SELECT
      "reader",
      CASE
        WHEN "__time" IS NULL OR "__available" IS NULL
        THEN NULL
        ELSE GREATEST("__time", "__available")
      END AS "__at",
      CASE
        WHEN "__time" + INTERVAL '7776000000000' MICROSECOND > CASE
          WHEN "__time" IS NULL OR "__available" IS NULL
          THEN NULL
          ELSE GREATEST("__time", "__available")
        END
        THEN "__v0"
        ELSE 0
      END AS "__r0",
      CASE
        WHEN "__time" + INTERVAL '7776000000000' MICROSECOND > CASE
          WHEN "__time" IS NULL OR "__available" IS NULL
          THEN NULL
          ELSE GREATEST("__time", "__available")
        END
        THEN "__v1"
        ELSE 0
      END AS "__r1",
      CASE
        WHEN "__time" + INTERVAL '7776000000000' MICROSECOND > CASE
          WHEN "__time" IS NULL OR "__available" IS NULL
          THEN NULL
          ELSE GREATEST("__time", "__available")
        END
        THEN "__v2"
        ELSE 0
      END AS "__r2"
    FROM __events
    UNION ALL
    SELECT
      "reader",
      "__time" + INTERVAL '7776000000000' MICROSECOND AS "__at",
      -CASE
        WHEN "__time" + INTERVAL '7776000000000' MICROSECOND > CASE
          WHEN "__time" IS NULL OR "__available" IS NULL
          THEN NULL
          ELSE GREATEST("__time", "__available")
        END
        THEN "__v0"
        ELSE 0
      END AS "__r0",
      -CASE
        WHEN "__time" + INTERVAL '7776000000000' MICROSECOND > CASE
          WHEN "__time" IS NULL OR "__available" IS NULL
          THEN NULL
          ELSE GREATEST("__time", "__available")
        END
        THEN "__v1"
        ELSE 0
      END AS "__r1",
      -CASE
        WHEN "__time" + INTERVAL '7776000000000' MICROSECOND > CASE
          WHEN "__time" IS NULL OR "__available" IS NULL
          THEN NULL
          ELSE GREATEST("__time", "__available")
        END
        THEN "__v2"
        ELSE 0
      END AS "__r2"
    FROM __events
    WHERE
      "__time" + INTERVAL '7776000000000' MICROSECOND > CASE
        WHEN "__time" IS NULL OR "__available" IS NULL
        THEN NULL
        ELSE GREATEST("__time", "__available")
      END
  ), __changes AS (
    SELECT
      "reader",
      "__at",
      SUM("__r0") AS "__r0",
      SUM("__r1") AS "__r1",
      SUM("__r2") AS "__r2"
    FROM __points
    GROUP BY
      "reader",
      "__at"
  ), __running AS (
    SELECT
      "reader",
      "__at",
      SUM("__r0") OVER (PARTITION BY "reader" ORDER BY "__at") AS "__r0",
      SUM("__r1") OVER (PARTITION BY "reader" ORDER BY "__at") AS "__r1",
      SUM("__r2") OVER (PARTITION BY "reader" ORDER BY "__at") AS "__r2"
    FROM __changes
  )
  SELECT
    "reader",
    "__at" AS "event_time",
    CAST("__r0" AS BIGINT) AS "returns_90d",
    CASE WHEN "__r1" > 0 THEN CAST("__r2" AS DOUBLE) / CAST("__r1" AS DOUBLE) END AS "late_rate_90d"
  FROM __running
) AS made;
