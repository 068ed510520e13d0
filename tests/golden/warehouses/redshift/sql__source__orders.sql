CREATE VIEW "mlspec_data"."orders__040730c0" AS
SELECT
  CAST("customer" AS BIGINT) AS "customer",
  CAST("amount" AS DECIMAL(10, 2)) AS "amount",
  CAST("status" AS VARCHAR(MAX)) AS "status",
  CAST("at" AS TIMESTAMP WITH TIME ZONE) AS "at"
FROM (
  SELECT
    "customer" AS "customer",
    "amount" AS "amount",
    "status" AS "status",
    "at" AS "at"
  FROM (
    SELECT
      CAST("customer" AS BIGINT) AS "customer",
      CAST("amount" AS DECIMAL(10, 2)) AS "amount",
      CAST("status" AS VARCHAR(MAX)) AS "status",
      CAST("at" AS TIMESTAMP WITH TIME ZONE) AS "at"
    FROM "shop"."orders"
  ) AS "scan"
) AS "made";
