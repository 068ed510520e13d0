CREATE VIEW "mlspec_data"."customers__c8ce95ac" AS
SELECT
  CAST("customer" AS BIGINT) AS "customer",
  CAST("city" AS VARCHAR(MAX)) AS "city",
  CAST("born" AS DATE) AS "born",
  CAST("changed" AS TIMESTAMP WITH TIME ZONE) AS "changed",
  CAST("seen" AS TIMESTAMP WITH TIME ZONE) AS "seen"
FROM (
  SELECT
    "customer" AS "customer",
    "city" AS "city",
    "born" AS "born",
    "changed" AS "changed",
    "seen" AS "seen"
  FROM (
    SELECT
      CAST("customer" AS BIGINT) AS "customer",
      CAST("city" AS VARCHAR(MAX)) AS "city",
      CAST("born" AS DATE) AS "born",
      CAST("changed" AS TIMESTAMP WITH TIME ZONE) AS "changed",
      CAST("seen" AS TIMESTAMP WITH TIME ZONE) AS "seen"
    FROM "shop"."customers"
  ) AS "scan"
) AS "made";
