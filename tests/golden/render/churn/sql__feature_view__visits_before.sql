CREATE TABLE "mlspec_data"."visits_before__8ca4fded" AS
SELECT
  CAST("customer" AS BIGINT) AS "customer",
  CAST("event_time" AS TIMESTAMPTZ) AS "event_time",
  CAST("pages" AS BIGINT) AS "pages",
  CAST("pages_a_day" AS DOUBLE) AS "pages_a_day"
FROM (
  WITH __events AS (
    SELECT
      "customer",
      "day" AS "__time",
      "available_time" AS "__available",
      COALESCE(CASE WHEN NOT "pages" IS NULL THEN CAST(1 AS BIGINT) END, CAST(0 AS BIGINT)) AS "__v0",
      CAST(COALESCE(CAST("pages" AS INT128), 0) AS INT128) AS "__v1"
    FROM "mlspec_data"."visits__5b7246b1"
    WHERE
      NOT "customer" IS NULL AND NOT "day" IS NULL AND NOT "available_time" IS NULL
  ), __points AS (
    SELECT
      "customer",
      CASE
        WHEN "__time" IS NULL OR "__available" IS NULL
        THEN NULL
        ELSE GREATEST("__time", "__available")
      END AS "__at",
      CASE
        WHEN "__time" + INTERVAL '604800000000' MICROSECOND > CASE
          WHEN "__time" IS NULL OR "__available" IS NULL
          THEN NULL
          ELSE GREATEST("__time", "__available")
        END
        THEN "__v0"
        ELSE 0
      END AS "__r0",
      CASE
        WHEN "__time" + INTERVAL '604800000000' MICROSECOND > CASE
          WHEN "__time" IS NULL OR "__available" IS NULL
          THEN NULL
          ELSE GREATEST("__time", "__available")
        END
        THEN "__v1"
        ELSE 0
      END AS "__r1",
      CASE
        WHEN "__time" + INTERVAL '2592000000000' MICROSECOND > CASE
          WHEN "__time" IS NULL OR "__available" IS NULL
          THEN NULL
          ELSE GREATEST("__time", "__available")
        END
        THEN "__v0"
        ELSE 0
      END AS "__r2",
      CASE
        WHEN "__time" + INTERVAL '2592000000000' MICROSECOND > CASE
          WHEN "__time" IS NULL OR "__available" IS NULL
          THEN NULL
          ELSE GREATEST("__time", "__available")
        END
        THEN "__v1"
        ELSE 0
      END AS "__r3"
    FROM __events
    UNION ALL
    SELECT
      "customer",
      "__time" + INTERVAL '604800000000' MICROSECOND AS "__at",
      -CASE
        WHEN "__time" + INTERVAL '604800000000' MICROSECOND > CASE
          WHEN "__time" IS NULL OR "__available" IS NULL
          THEN NULL
          ELSE GREATEST("__time", "__available")
        END
        THEN "__v0"
        ELSE 0
      END AS "__r0",
      -CASE
        WHEN "__time" + INTERVAL '604800000000' MICROSECOND > CASE
          WHEN "__time" IS NULL OR "__available" IS NULL
          THEN NULL
          ELSE GREATEST("__time", "__available")
        END
        THEN "__v1"
        ELSE 0
      END AS "__r1",
      0 AS "__r2",
      0 AS "__r3"
    FROM __events
    WHERE
      "__time" + INTERVAL '604800000000' MICROSECOND > CASE
        WHEN "__time" IS NULL OR "__available" IS NULL
        THEN NULL
        ELSE GREATEST("__time", "__available")
      END
    UNION ALL
    SELECT
      "customer",
      "__time" + INTERVAL '2592000000000' MICROSECOND AS "__at",
      0 AS "__r0",
      0 AS "__r1",
      -CASE
        WHEN "__time" + INTERVAL '2592000000000' MICROSECOND > CASE
          WHEN "__time" IS NULL OR "__available" IS NULL
          THEN NULL
          ELSE GREATEST("__time", "__available")
        END
        THEN "__v0"
        ELSE 0
      END AS "__r2",
      -CASE
        WHEN "__time" + INTERVAL '2592000000000' MICROSECOND > CASE
          WHEN "__time" IS NULL OR "__available" IS NULL
          THEN NULL
          ELSE GREATEST("__time", "__available")
        END
        THEN "__v1"
        ELSE 0
      END AS "__r3"
    FROM __events
    WHERE
      "__time" + INTERVAL '2592000000000' MICROSECOND > CASE
        WHEN "__time" IS NULL OR "__available" IS NULL
        THEN NULL
        ELSE GREATEST("__time", "__available")
      END
  ), __changes AS (
    SELECT
      "customer",
      "__at",
      SUM("__r0") AS "__r0",
      SUM("__r1") AS "__r1",
      SUM("__r2") AS "__r2",
      SUM("__r3") AS "__r3"
    FROM __points
    GROUP BY
      "customer",
      "__at"
  ), __running AS (
    SELECT
      "customer",
      "__at",
      SUM("__r0") OVER (PARTITION BY "customer" ORDER BY "__at") AS "__r0",
      SUM("__r1") OVER (PARTITION BY "customer" ORDER BY "__at") AS "__r1",
      SUM("__r2") OVER (PARTITION BY "customer" ORDER BY "__at") AS "__r2",
      SUM("__r3") OVER (PARTITION BY "customer" ORDER BY "__at") AS "__r3"
    FROM __changes
  )
  SELECT
    "customer",
    "__at" AS "event_time",
    CASE WHEN "__r0" > 0 THEN CAST("__r1" AS BIGINT) END AS "pages",
    CASE WHEN "__r2" > 0 THEN CAST("__r3" AS DOUBLE) / CAST("__r2" AS DOUBLE) END AS "pages_a_day"
  FROM __running
) AS made;
