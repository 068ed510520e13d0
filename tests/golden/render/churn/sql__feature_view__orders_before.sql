CREATE VIEW "mlspec_data"."orders_before__97ccfcf9" AS
SELECT
  CAST("customer" AS BIGINT) AS "customer",
  CAST("event_time" AS TIMESTAMPTZ) AS "event_time",
  CAST("orders_30d" AS BIGINT) AS "orders_30d",
  CAST("orders_all" AS BIGINT) AS "orders_all",
  CAST("spent_30d" AS DECIMAL(38, 2)) AS "spent_30d",
  CAST("spent_all" AS DECIMAL(38, 2)) AS "spent_all",
  CAST("vouchers" AS BIGINT) AS "vouchers"
FROM (
  WITH __questions AS MATERIALIZED (
    WITH __happened AS (
      SELECT
        "customer" AS "__k0",
        EPOCH_US(CAST("ordered_at" AS TIMESTAMPTZ)) AS "__us"
      FROM "mlspec_data"."orders__f8caf1b5"
      WHERE
        NOT "customer" IS NULL AND NOT "ordered_at" IS NULL
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
          "__us" + CAST(2592000000000 AS BIGINT)
        ) + CAST(1 AS BIGINT) AS "__t"
      FROM __happened
    ) AS __moments
  )
  SELECT
    "__q"."__k0" AS "customer",
    MAKE_TIMESTAMP("__q"."__t" - CAST(1 AS BIGINT)) AT TIME ZONE 'UTC' AS "event_time",
    COALESCE("__a0"."orders_30d", 0) AS "orders_30d",
    COALESCE("__a0"."orders_all", 0) AS "orders_all",
    "__a0"."spent_30d" AS "spent_30d",
    "__a0"."spent_all" AS "spent_all",
    COALESCE("__a0"."vouchers", 0) AS "vouchers"
  FROM __questions AS __q
  LEFT JOIN (
    WITH __events AS (
      SELECT
        "customer" AS "__k0",
        EPOCH_US(CAST("ordered_at" AS TIMESTAMPTZ)) AS "__us",
        1 AS "__v0",
        CASE WHEN NOT (
          "amount"
        ) IS NULL THEN 1 ELSE 0 END AS "__v1",
        COALESCE((
          "amount"
        ), 0) AS "__v2",
        CASE WHEN (
          NOT "voucher" IS NULL
        ) THEN 1 ELSE 0 END AS "__v3"
      FROM "mlspec_data"."orders__f8caf1b5"
      WHERE
        NOT "customer" IS NULL AND NOT "ordered_at" IS NULL
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
        "__v2" AS "__r2",
        "__v3" AS "__r3"
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
        0 AS "__r2",
        0 AS "__r3"
      FROM __questions
      UNION ALL
      SELECT
        "__k0",
        (
          "__t" - CAST(2592000000000 AS BIGINT)
        ) * CAST(2 AS BIGINT) AS "__at",
        "__t" AS "__t",
        1 AS "__end",
        0 AS "__r0",
        0 AS "__r1",
        0 AS "__r2",
        0 AS "__r3"
      FROM __questions
      UNION ALL
      SELECT
        "__k0",
        (
          CAST(-2305843009213693952 AS BIGINT)
        ) * CAST(2 AS BIGINT) AS "__at",
        "__t" AS "__t",
        2 AS "__end",
        0 AS "__r0",
        0 AS "__r1",
        0 AS "__r2",
        0 AS "__r3"
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
        SUM("__r2") OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "__r2",
        SUM("__r3") OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "__r3"
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
      CAST(MAX(CASE WHEN "__end" = 0 THEN "__r0" END) - MAX(CASE WHEN "__end" = 1 THEN "__r0" END) AS BIGINT) AS "orders_30d",
      CAST(MAX(CASE WHEN "__end" = 0 THEN "__r0" END) - MAX(CASE WHEN "__end" = 2 THEN "__r0" END) AS BIGINT) AS "orders_all",
      CASE
        WHEN (
          MAX(CASE WHEN "__end" = 0 THEN "__r1" END) - MAX(CASE WHEN "__end" = 1 THEN "__r1" END)
        ) > 0
        THEN CAST((
          MAX(CASE WHEN "__end" = 0 THEN "__r2" END) - MAX(CASE WHEN "__end" = 1 THEN "__r2" END)
        ) AS DECIMAL(38, 2))
      END AS "spent_30d",
      CASE
        WHEN (
          MAX(CASE WHEN "__end" = 0 THEN "__r1" END) - MAX(CASE WHEN "__end" = 2 THEN "__r1" END)
        ) > 0
        THEN CAST((
          MAX(CASE WHEN "__end" = 0 THEN "__r2" END) - MAX(CASE WHEN "__end" = 2 THEN "__r2" END)
        ) AS DECIMAL(38, 2))
      END AS "spent_all",
      CAST(MAX(CASE WHEN "__end" = 0 THEN "__r3" END) - MAX(CASE WHEN "__end" = 2 THEN "__r3" END) AS BIGINT) AS "vouchers"
    FROM __running
    WHERE
      NOT "__end" IS NULL
    GROUP BY
      "__k0",
      "__t"
  ) AS "__a0"
    ON "__q"."__k0" = "__a0"."__k0" AND "__q"."__t" = "__a0"."__t"
) AS made;
