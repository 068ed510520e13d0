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
    CAST("ordered_at" AS TIMESTAMP) AT TIME ZONE 'Europe/Berlin' AS "ordered_at",
    "amount" AS "amount",
    "voucher" AS "voucher"
  FROM (
    SELECT
      CASE
        WHEN CONTAINS(CASE WHEN "order_id" IN ('', 'NA') THEN NULL ELSE "order_id" END, '.')
        OR CONTAINS(LOWER(CASE WHEN "order_id" IN ('', 'NA') THEN NULL ELSE "order_id" END), 'e')
        THEN ERROR('a value is no int64')
        ELSE CAST(CASE WHEN "order_id" IN ('', 'NA') THEN NULL ELSE "order_id" END AS BIGINT)
      END AS "order_id",
      CASE
        WHEN CONTAINS(CASE WHEN "customer_id" IN ('', 'NA') THEN NULL ELSE "customer_id" END, '.')
        OR CONTAINS(LOWER(CASE WHEN "customer_id" IN ('', 'NA') THEN NULL ELSE "customer_id" END), 'e')
        THEN ERROR('a value is no int64')
        ELSE CAST(CASE WHEN "customer_id" IN ('', 'NA') THEN NULL ELSE "customer_id" END AS BIGINT)
      END AS "customer_id",
      CASE
        WHEN REGEXP_MATCHES(
          SUBSTRING(CASE WHEN "ordered_at" IN ('', 'NA') THEN NULL ELSE "ordered_at" END, 12),
          '[A-Za-z+-]'
        )
        THEN ERROR('a value is no timestamp')
        ELSE CAST(CASE WHEN "ordered_at" IN ('', 'NA') THEN NULL ELSE "ordered_at" END AS TIMESTAMP)
      END AS "ordered_at",
      CASE
        WHEN LENGTH(
          RTRIM(
            SPLIT_PART(CASE WHEN "amount" IN ('', 'NA') THEN NULL ELSE "amount" END, '.', 2),
            '0 '
          )
        ) > 2
        THEN ERROR('a value is no decimal(10,2)')
        ELSE CAST(CASE WHEN "amount" IN ('', 'NA') THEN NULL ELSE "amount" END AS DECIMAL(10, 2))
      END AS "amount",
      CASE WHEN "voucher" IN ('', 'NA') THEN NULL ELSE "voucher" END AS "voucher"
    FROM READ_CSV(
      ['data/orders.csv'],
      auto_detect = FALSE,
      "columns" = {'order_id': 'VARCHAR', 'customer_id': 'VARCHAR', 'ordered_at': 'VARCHAR', 'amount': 'VARCHAR', 'voucher': 'VARCHAR'},
      delim = ',',
      quote = '"',
      escape = '"',
      header = TRUE,
      nullstr = ['no text is null'],
      allow_quoted_nulls = TRUE,
      strict_mode = TRUE,
      null_padding = FALSE,
      ignore_errors = FALSE,
      hive_partitioning = FALSE
    )
  ) AS scan
) AS made;
