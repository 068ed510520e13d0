CREATE TABLE "mlspec_data"."orders__242638d2" AS
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
      CAST("order_id" AS BIGINT) AS "order_id",
      CAST("customer_id" AS BIGINT) AS "customer_id",
      CAST("ordered_at" AS TIMESTAMP) AS "ordered_at",
      CAST("amount" AS DECIMAL(10, 2)) AS "amount",
      CAST("voucher" AS TEXT) AS "voucher"
    FROM READ_CSV(
      ['data/orders.csv'],
      all_varchar = TRUE,
      delim = ',',
      quote = '"',
      escape = '"',
      header = TRUE,
      nullstr = ['', 'NA'],
      strict_mode = TRUE,
      null_padding = FALSE,
      ignore_errors = FALSE
    )
  ) AS scan
) AS made;
