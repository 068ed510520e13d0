CREATE TABLE "mlspec_data"."person__32d7d0cc" AS
SELECT
  CAST("customer" AS BIGINT) AS "customer",
  CAST("changed" AS TIMESTAMP WITH TIME ZONE) AS "changed",
  CAST("seen" AS TIMESTAMP WITH TIME ZONE) AS "seen",
  CAST("city" AS VARCHAR(MAX)) AS "city",
  CAST("decade" AS INTEGER) AS "decade"
FROM (
  SELECT
    "customers"."customer" AS "customer",
    "customers"."changed" AS "changed",
    "customers"."seen" AS "seen",
    UPPER(TRIM("customers"."city")) AS "city",
    CAST(CASE
      WHEN (
        CAST(CAST(CAST(EXTRACT(YEAR FROM "customers"."born") AS BIGINT) AS DOUBLE PRECISION) / CAST(10 AS DOUBLE PRECISION) AS DOUBLE PRECISION) - FLOOR(
          CAST(CAST(CAST(EXTRACT(YEAR FROM "customers"."born") AS BIGINT) AS DOUBLE PRECISION) / CAST(10 AS DOUBLE PRECISION) AS DOUBLE PRECISION)
        )
      ) = CAST(0.5 AS DOUBLE PRECISION)
      THEN CAST(2 AS DOUBLE PRECISION) * ROUND(
        CAST(CAST(CAST(EXTRACT(YEAR FROM "customers"."born") AS BIGINT) AS DOUBLE PRECISION) / CAST(10 AS DOUBLE PRECISION) AS DOUBLE PRECISION) / CAST(2 AS DOUBLE PRECISION)
      )
      ELSE ROUND(
        CAST(CAST(CAST(EXTRACT(YEAR FROM "customers"."born") AS BIGINT) AS DOUBLE PRECISION) / CAST(10 AS DOUBLE PRECISION) AS DOUBLE PRECISION)
      )
    END AS INTEGER) AS "decade"
  FROM "mlspec_data"."customers__c8ce95ac" AS "customers"
) AS "made";
