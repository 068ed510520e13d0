CREATE TABLE `mlspec_data`.`person__32d7d0cc` AS
SELECT
  CAST(`customer` AS BIGINT) AS `customer`,
  CAST(`changed` AS TIMESTAMP) AS `changed`,
  CAST(`seen` AS TIMESTAMP) AS `seen`,
  CAST(`city` AS STRING) AS `city`,
  CAST(`decade` AS INT) AS `decade`
FROM (
  SELECT
    `customers`.`customer` AS `customer`,
    `customers`.`changed` AS `changed`,
    `customers`.`seen` AS `seen`,
    UPPER(TRIM(`customers`.`city`)) AS `city`,
    CAST(CASE
      WHEN (
        CAST(CAST(CAST(EXTRACT(YEAR FROM `customers`.`born`) AS BIGINT) AS DOUBLE) / CAST(10 AS DOUBLE) AS DOUBLE) - FLOOR(
          CAST(CAST(CAST(EXTRACT(YEAR FROM `customers`.`born`) AS BIGINT) AS DOUBLE) / CAST(10 AS DOUBLE) AS DOUBLE)
        )
      ) = CAST(0.5 AS DOUBLE)
      THEN CAST(2 AS DOUBLE) * ROUND(
        CAST(CAST(CAST(EXTRACT(YEAR FROM `customers`.`born`) AS BIGINT) AS DOUBLE) / CAST(10 AS DOUBLE) AS DOUBLE) / CAST(2 AS DOUBLE)
      )
      ELSE ROUND(
        CAST(CAST(CAST(EXTRACT(YEAR FROM `customers`.`born`) AS BIGINT) AS DOUBLE) / CAST(10 AS DOUBLE) AS DOUBLE)
      )
    END AS INT) AS `decade`
  FROM `mlspec_data`.`customers__c8ce95ac` AS `customers`
) AS `made`;
