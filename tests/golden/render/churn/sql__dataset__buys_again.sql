CREATE TABLE "mlspec_data"."buys_again__004e195d" AS
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
  WITH __spine AS (
    SELECT
      ROW_NUMBER() OVER () AS "__row",
      *
    FROM (
      SELECT
        *
      FROM (
        SELECT
          "o"."order_id" AS "order_id",
          "o"."customer" AS "customer",
          "o"."amount" AS "amount",
          "o"."voucher" AS "voucher",
          "o"."ordered_at" AS "event_time",
          COUNT("later"."order_id") > 0 AS "again"
        FROM "mlspec_data"."orders__242638d2" AS "o"
        LEFT JOIN "mlspec_data"."orders__242638d2" AS "later"
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
  )
  SELECT
    "__s"."order_id",
    "__s"."customer",
    "__s"."amount",
    "__s"."voucher",
    "__s"."event_time",
    "__s"."again",
    COALESCE("__f0"."__v0", 0) AS "orders_before__orders_30d",
    COALESCE("__f0"."__v1", 0) AS "orders_before__orders_all",
    "__f0"."__v2" AS "orders_before__spent_30d",
    "__f0"."__v3" AS "orders_before__spent_all",
    COALESCE("__f0"."__v4", 0) AS "orders_before__vouchers",
    "__f1"."__v0" AS "visits_before__pages",
    "__f1"."__v1" AS "visits_before__pages_a_day",
    CAST("__s"."amount" AS DOUBLE) AS "this_order__amount",
    NOT "__s"."voucher" IS NULL AS "this_order__with_voucher",
    CASE
      WHEN CAST('0x' || LEFT(MD5(CONCAT_WS('|', 'split', COALESCE(CAST("__s"."customer" AS TEXT), ''))), 8) AS BIGINT) / 4294967296.0 < 0.7
      THEN 'train'
      ELSE 'test'
    END AS "split"
  FROM __spine AS __s
  ASOF LEFT JOIN (
    SELECT
      "customer",
      TRUE AS "__found",
      "orders_30d" AS "__v0",
      "orders_all" AS "__v1",
      "spent_30d" AS "__v2",
      "spent_all" AS "__v3",
      "vouchers" AS "__v4",
      "event_time" AS "__event",
      "event_time" AS "__known"
    FROM "mlspec_data"."orders_before__e420787f"
    WHERE
      NOT "event_time" IS NULL
  ) AS "__f0"
    ON "__s"."customer" = "__f0"."customer" AND "__s"."event_time" > "__f0"."__known"
  ASOF LEFT JOIN (
    SELECT
      "customer",
      TRUE AS "__found",
      "pages" AS "__v0",
      "pages_a_day" AS "__v1",
      "event_time" AS "__event",
      "event_time" AS "__known"
    FROM "mlspec_data"."visits_before__8ca4fded"
    WHERE
      NOT "event_time" IS NULL
  ) AS "__f1"
    ON "__s"."customer" = "__f1"."customer" AND "__s"."event_time" > "__f1"."__known"
  ORDER BY
    "__s"."__row"
) AS made;
