CREATE TABLE "mlspec_data"."orders_before__e420787f" AS
SELECT
  CAST("customer" AS BIGINT) AS "customer",
  CAST("event_time" AS TIMESTAMPTZ) AS "event_time",
  CAST("orders_30d" AS BIGINT) AS "orders_30d",
  CAST("orders_all" AS BIGINT) AS "orders_all",
  CAST("spent_30d" AS DECIMAL(38, 2)) AS "spent_30d",
  CAST("spent_all" AS DECIMAL(38, 2)) AS "spent_all",
  CAST("vouchers" AS BIGINT) AS "vouchers"
FROM (
  WITH __events AS (
    SELECT
      "customer",
      "ordered_at" AS "__time",
      "ordered_at" AS "__available",
      COALESCE(CAST(1 AS BIGINT), CAST(0 AS BIGINT)) AS "__v0",
      COALESCE(CASE WHEN NOT "amount" IS NULL THEN CAST(1 AS BIGINT) END, CAST(0 AS BIGINT)) AS "__v1",
      CAST(COALESCE(CAST("amount" AS DECIMAL(38, 2)), 0) AS DECIMAL(38, 2)) AS "__v2",
      COALESCE(CASE WHEN NOT "voucher" IS NULL THEN CAST(1 AS BIGINT) END, CAST(0 AS BIGINT)) AS "__v3"
    FROM "mlspec_data"."orders__242638d2"
    WHERE
      NOT "customer" IS NULL AND NOT "ordered_at" IS NULL
  ), __points AS (
    SELECT
      "customer",
      CASE
        WHEN "__time" IS NULL OR "__available" IS NULL
        THEN NULL
        ELSE GREATEST("__time", "__available")
      END AS "__at",
      CASE
        WHEN "__time" + INTERVAL '2592000000000' MICROSECOND > CASE
          WHEN "__time" IS NULL OR "__available" IS NULL
          THEN NULL
          ELSE GREATEST("__time", "__available")
        END
        THEN "__v0"
        ELSE 0
      END AS "__r0",
      "__v0" AS "__r1",
      CASE
        WHEN "__time" + INTERVAL '2592000000000' MICROSECOND > CASE
          WHEN "__time" IS NULL OR "__available" IS NULL
          THEN NULL
          ELSE GREATEST("__time", "__available")
        END
        THEN "__v1"
        ELSE 0
      END AS "__r2",
      CASE
        WHEN "__time" + INTERVAL '2592000000000' MICROSECOND > CASE
          WHEN "__time" IS NULL OR "__available" IS NULL
          THEN NULL
          ELSE GREATEST("__time", "__available")
        END
        THEN "__v2"
        ELSE 0
      END AS "__r3",
      "__v1" AS "__r4",
      "__v2" AS "__r5",
      "__v3" AS "__r6"
    FROM __events
    UNION ALL
    SELECT
      "customer",
      "__time" + INTERVAL '2592000000000' MICROSECOND AS "__at",
      -CASE
        WHEN "__time" + INTERVAL '2592000000000' MICROSECOND > CASE
          WHEN "__time" IS NULL OR "__available" IS NULL
          THEN NULL
          ELSE GREATEST("__time", "__available")
        END
        THEN "__v0"
        ELSE 0
      END AS "__r0",
      0 AS "__r1",
      -CASE
        WHEN "__time" + INTERVAL '2592000000000' MICROSECOND > CASE
          WHEN "__time" IS NULL OR "__available" IS NULL
          THEN NULL
          ELSE GREATEST("__time", "__available")
        END
        THEN "__v1"
        ELSE 0
      END AS "__r2",
      -CASE
        WHEN "__time" + INTERVAL '2592000000000' MICROSECOND > CASE
          WHEN "__time" IS NULL OR "__available" IS NULL
          THEN NULL
          ELSE GREATEST("__time", "__available")
        END
        THEN "__v2"
        ELSE 0
      END AS "__r3",
      0 AS "__r4",
      0 AS "__r5",
      0 AS "__r6"
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
      SUM("__r3") AS "__r3",
      SUM("__r4") AS "__r4",
      SUM("__r5") AS "__r5",
      SUM("__r6") AS "__r6"
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
      SUM("__r3") OVER (PARTITION BY "customer" ORDER BY "__at") AS "__r3",
      SUM("__r4") OVER (PARTITION BY "customer" ORDER BY "__at") AS "__r4",
      SUM("__r5") OVER (PARTITION BY "customer" ORDER BY "__at") AS "__r5",
      SUM("__r6") OVER (PARTITION BY "customer" ORDER BY "__at") AS "__r6"
    FROM __changes
  )
  SELECT
    "customer",
    "__at" AS "event_time",
    CAST("__r0" AS BIGINT) AS "orders_30d",
    CAST("__r1" AS BIGINT) AS "orders_all",
    CASE WHEN "__r2" > 0 THEN CAST("__r3" AS DECIMAL(38, 2)) END AS "spent_30d",
    CASE WHEN "__r4" > 0 THEN CAST("__r5" AS DECIMAL(38, 2)) END AS "spent_all",
    CAST("__r6" AS BIGINT) AS "vouchers"
  FROM __running
) AS made;
