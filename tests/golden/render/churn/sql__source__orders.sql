CREATE TABLE "mlspec_data"."orders__f8caf1b5" AS
SELECT
  CAST("order_id" AS BIGINT) AS "order_id",
  CAST("customer" AS BIGINT) AS "customer",
  CAST("ordered_at" AS TIMESTAMPTZ) AS "ordered_at",
  CAST("amount" AS DECIMAL(10, 2)) AS "amount",
  CAST("voucher" AS TEXT) AS "voucher"
FROM (
  SELECT
    "order_id" AS "order_id",
    "customer_id" AS "customer",
    "ordered_at" AT TIME ZONE 'Europe/Berlin' AS "ordered_at",
    "amount" AS "amount",
    "voucher" AS "voucher"
  FROM (
    SELECT
      CASE
        WHEN CONTAINS("order_id", '.') OR CONTAINS(LOWER("order_id"), 'e')
        THEN ERROR('a value is no int64')
        ELSE CAST("order_id" AS BIGINT)
      END AS "order_id",
      CASE
        WHEN CONTAINS("customer_id", '.') OR CONTAINS(LOWER("customer_id"), 'e')
        THEN ERROR('a value is no int64')
        ELSE CAST("customer_id" AS BIGINT)
      END AS "customer_id",
      CASE
        WHEN REGEXP_MATCHES(SUBSTRING("ordered_at", 12), '[A-Za-z+-]')
        THEN ERROR('a value is no timestamp')
        ELSE CAST("ordered_at" AS TIMESTAMP)
      END AS "ordered_at",
      CASE
        WHEN LENGTH(RTRIM(SPLIT_PART("amount", '.', 2), '0 ')) > 2
        THEN ERROR('a value is no decimal(10,2)')
        ELSE CAST("amount" AS DECIMAL(10, 2))
      END AS "amount",
      CAST("voucher" AS TEXT) AS "voucher"
    FROM READ_CSV(
      ['data/orders.csv'],
      auto_detect = FALSE,
      "columns" = {'order_id': 'VARCHAR', 'customer_id': 'VARCHAR', 'ordered_at': 'VARCHAR', 'amount': 'VARCHAR', 'voucher': 'VARCHAR'},
      delim = ',',
      quote = '"',
      escape = '"',
      header = TRUE,
      nullstr = ['', 'NA'],
      allow_quoted_nulls = TRUE,
      strict_mode = TRUE,
      null_padding = FALSE,
      ignore_errors = FALSE,
      hive_partitioning = FALSE
    )
  ) AS scan
) AS made;
