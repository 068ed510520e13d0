CREATE TABLE "mlspec_data"."buys_again__420cbb97" AS
SELECT
  CAST("order_id" AS BIGINT) AS "order_id",
  CAST("customer" AS BIGINT) AS "customer",
  CAST("amount" AS DECIMAL(10, 2)) AS "amount",
  CAST("voucher" AS TEXT) AS "voucher",
  CAST("event_time" AS TIMESTAMPTZ) AS "event_time",
  CAST("again" AS BOOLEAN) AS "again",
  CAST("orders_before__orders_30d" AS BIGINT) AS "orders_before__orders_30d",
  CAST("orders_before__orders_all" AS BIGINT) AS "orders_before__orders_all",
  CAST("orders_before__spent_30d" AS DECIMAL(38, 2)) AS "orders_before__spent_30d",
  CAST("orders_before__spent_all" AS DECIMAL(38, 2)) AS "orders_before__spent_all",
  CAST("orders_before__vouchers" AS BIGINT) AS "orders_before__vouchers",
  CAST("visits_before__pages" AS BIGINT) AS "visits_before__pages",
  CAST("visits_before__pages_a_day" AS DOUBLE) AS "visits_before__pages_a_day",
  CAST("this_order__amount" AS DOUBLE) AS "this_order__amount",
  CAST("this_order__with_voucher" AS BOOLEAN) AS "this_order__with_voucher",
  CAST("split" AS TEXT) AS "split"
FROM (
  WITH __spine AS MATERIALIZED (
    SELECT
      *,
      ROW_NUMBER() OVER () AS "__row"
    FROM (
      SELECT
        "order_id" AS "order_id",
        "customer" AS "customer",
        "amount" AS "amount",
        "voucher" AS "voucher",
        "event_time" AS "event_time",
        "again" AS "again"
      FROM (
        SELECT
          "o"."order_id" AS "order_id",
          "o"."customer" AS "customer",
          "o"."amount" AS "amount",
          "o"."voucher" AS "voucher",
          "o"."ordered_at" AS "event_time",
          COUNT("later"."order_id") > 0 AS "again"
        FROM "mlspec_data"."orders__f8caf1b5" AS "o"
        LEFT JOIN "mlspec_data"."orders__f8caf1b5" AS "later"
          ON "later"."customer" = "o"."customer"
          AND "later"."ordered_at" > "o"."ordered_at"
          AND "later"."ordered_at" <= "o"."ordered_at" + INTERVAL '30' DAY
        GROUP BY
          "o"."order_id",
          "o"."customer",
          "o"."amount",
          "o"."voucher",
          "o"."ordered_at"
      ) AS rows
      WHERE
        "event_time" < CAST('2024-06-01T00:00:00+00:00' AS TIMESTAMPTZ)
    ) AS __asked
  ), __q0 AS MATERIALIZED (
    SELECT DISTINCT
      "customer" AS "__k0",
      EPOCH_US(CAST("event_time" AS TIMESTAMPTZ)) AS "__t"
    FROM __spine
    WHERE
      NOT "customer" IS NULL AND NOT "event_time" IS NULL
  ), __q1 AS MATERIALIZED (
    SELECT DISTINCT
      "customer" AS "__k0",
      EPOCH_US(CAST("event_time" AS TIMESTAMPTZ)) AS "__t"
    FROM __spine
    WHERE
      NOT "customer" IS NULL AND NOT "event_time" IS NULL
  )
  SELECT
    "__s"."order_id",
    "__s"."customer",
    "__s"."amount",
    "__s"."voucher",
    "__s"."event_time",
    "__s"."again",
    COALESCE("__f0_0"."orders_30d", 0) AS "orders_before__orders_30d",
    COALESCE("__f0_0"."orders_all", 0) AS "orders_before__orders_all",
    "__f0_0"."spent_30d" AS "orders_before__spent_30d",
    "__f0_0"."spent_all" AS "orders_before__spent_all",
    COALESCE("__f0_0"."vouchers", 0) AS "orders_before__vouchers",
    "__f1_0"."pages" AS "visits_before__pages",
    "__f1_0"."pages_a_day" AS "visits_before__pages_a_day",
    CAST("__s"."amount" AS DOUBLE) AS "this_order__amount",
    NOT "__s"."voucher" IS NULL AS "this_order__with_voucher",
    CASE
      WHEN CAST('0x' || LEFT(MD5(CONCAT_WS('|', 'split', COALESCE(CAST("__s"."customer" AS TEXT), ''))), 8) AS BIGINT) / 4294967296.0 < 0.7
      THEN 'train'
      ELSE 'test'
    END AS "split"
  FROM __spine AS __s
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
      FROM __q0
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
      FROM __q0
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
  ) AS "__f0_0"
    ON "__s"."customer" = "__f0_0"."__k0"
    AND EPOCH_US(CAST("__s"."event_time" AS TIMESTAMPTZ)) = "__f0_0"."__t"
  LEFT JOIN (
    WITH __events AS (
      SELECT
        "customer" AS "__k0",
        EPOCH_US(CAST("day" AS TIMESTAMPTZ)) AS "__us",
        EPOCH_US(CAST("available_time" AS TIMESTAMPTZ)) AS "__known",
        CASE WHEN NOT (
          "pages"
        ) IS NULL THEN 1 ELSE 0 END AS "__v0",
        COALESCE((
          "pages"
        ), 0) AS "__v1"
      FROM "mlspec_data"."visits__2c2d8381"
      WHERE
        NOT "customer" IS NULL AND NOT "day" IS NULL AND NOT "available_time" IS NULL
    ), __stream AS (
      SELECT
        "__k0",
        (
          CASE
            WHEN "__us" IS NULL OR "__known" IS NULL
            THEN NULL
            ELSE GREATEST("__us", "__known")
          END
        ) * CAST(2 AS BIGINT) + CAST(1 AS BIGINT) AS "__at",
        CAST(NULL AS BIGINT) AS "__t",
        CAST(NULL AS INT) AS "__end",
        CASE
          WHEN (
            "__us" + CAST(604800000000 AS BIGINT)
          ) > CASE
            WHEN "__us" IS NULL OR "__known" IS NULL
            THEN NULL
            ELSE GREATEST("__us", "__known")
          END
          THEN "__v0"
          ELSE 0
        END AS "__r0",
        0 AS "__r1",
        CASE
          WHEN (
            "__us" + CAST(604800000000 AS BIGINT)
          ) > CASE
            WHEN "__us" IS NULL OR "__known" IS NULL
            THEN NULL
            ELSE GREATEST("__us", "__known")
          END
          THEN "__v1"
          ELSE 0
        END AS "__r2",
        0 AS "__r3",
        CASE
          WHEN (
            "__us" + CAST(2592000000000 AS BIGINT)
          ) > CASE
            WHEN "__us" IS NULL OR "__known" IS NULL
            THEN NULL
            ELSE GREATEST("__us", "__known")
          END
          THEN "__v0"
          ELSE 0
        END AS "__r4",
        0 AS "__r5",
        CASE
          WHEN (
            "__us" + CAST(2592000000000 AS BIGINT)
          ) > CASE
            WHEN "__us" IS NULL OR "__known" IS NULL
            THEN NULL
            ELSE GREATEST("__us", "__known")
          END
          THEN "__v1"
          ELSE 0
        END AS "__r6",
        0 AS "__r7"
      FROM __events
      UNION ALL
      SELECT
        "__k0",
        (
          "__us"
        ) * CAST(2 AS BIGINT) + CAST(1 AS BIGINT) AS "__at",
        CAST(NULL AS BIGINT) AS "__t",
        CAST(NULL AS INT) AS "__end",
        0 AS "__r0",
        CASE
          WHEN (
            "__us" + CAST(604800000000 AS BIGINT)
          ) > CASE
            WHEN "__us" IS NULL OR "__known" IS NULL
            THEN NULL
            ELSE GREATEST("__us", "__known")
          END
          THEN "__v0"
          ELSE 0
        END AS "__r1",
        0 AS "__r2",
        CASE
          WHEN (
            "__us" + CAST(604800000000 AS BIGINT)
          ) > CASE
            WHEN "__us" IS NULL OR "__known" IS NULL
            THEN NULL
            ELSE GREATEST("__us", "__known")
          END
          THEN "__v1"
          ELSE 0
        END AS "__r3",
        0 AS "__r4",
        CASE
          WHEN (
            "__us" + CAST(2592000000000 AS BIGINT)
          ) > CASE
            WHEN "__us" IS NULL OR "__known" IS NULL
            THEN NULL
            ELSE GREATEST("__us", "__known")
          END
          THEN "__v0"
          ELSE 0
        END AS "__r5",
        0 AS "__r6",
        CASE
          WHEN (
            "__us" + CAST(2592000000000 AS BIGINT)
          ) > CASE
            WHEN "__us" IS NULL OR "__known" IS NULL
            THEN NULL
            ELSE GREATEST("__us", "__known")
          END
          THEN "__v1"
          ELSE 0
        END AS "__r7"
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
        0 AS "__r3",
        0 AS "__r4",
        0 AS "__r5",
        0 AS "__r6",
        0 AS "__r7"
      FROM __q1
      UNION ALL
      SELECT
        "__k0",
        (
          "__t" - CAST(604800000000 AS BIGINT)
        ) * CAST(2 AS BIGINT) AS "__at",
        "__t" AS "__t",
        1 AS "__end",
        0 AS "__r0",
        0 AS "__r1",
        0 AS "__r2",
        0 AS "__r3",
        0 AS "__r4",
        0 AS "__r5",
        0 AS "__r6",
        0 AS "__r7"
      FROM __q1
      UNION ALL
      SELECT
        "__k0",
        (
          "__t" - CAST(2592000000000 AS BIGINT)
        ) * CAST(2 AS BIGINT) AS "__at",
        "__t" AS "__t",
        2 AS "__end",
        0 AS "__r0",
        0 AS "__r1",
        0 AS "__r2",
        0 AS "__r3",
        0 AS "__r4",
        0 AS "__r5",
        0 AS "__r6",
        0 AS "__r7"
      FROM __q1
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
        SUM("__r3") OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "__r3",
        SUM("__r4") OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "__r4",
        SUM("__r5") OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "__r5",
        SUM("__r6") OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "__r6",
        SUM("__r7") OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS "__r7"
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
      CASE
        WHEN (
          MAX(CASE WHEN "__end" = 0 THEN "__r0" END) - MAX(CASE WHEN "__end" = 1 THEN "__r1" END)
        ) > 0
        THEN CAST((
          MAX(CASE WHEN "__end" = 0 THEN "__r2" END) - MAX(CASE WHEN "__end" = 1 THEN "__r3" END)
        ) AS BIGINT)
      END AS "pages",
      CASE
        WHEN (
          MAX(CASE WHEN "__end" = 0 THEN "__r4" END) - MAX(CASE WHEN "__end" = 2 THEN "__r5" END)
        ) > 0
        THEN CAST((
          MAX(CASE WHEN "__end" = 0 THEN "__r6" END) - MAX(CASE WHEN "__end" = 2 THEN "__r7" END)
        ) AS DOUBLE) / CAST((
          MAX(CASE WHEN "__end" = 0 THEN "__r4" END) - MAX(CASE WHEN "__end" = 2 THEN "__r5" END)
        ) AS DOUBLE)
      END AS "pages_a_day"
    FROM __running
    WHERE
      NOT "__end" IS NULL
    GROUP BY
      "__k0",
      "__t"
  ) AS "__f1_0"
    ON "__s"."customer" = "__f1_0"."__k0"
    AND EPOCH_US(CAST("__s"."event_time" AS TIMESTAMPTZ)) = "__f1_0"."__t"
  ORDER BY
    "__s"."__row"
) AS made;
