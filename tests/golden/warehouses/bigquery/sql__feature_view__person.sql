CREATE TABLE `mlspec_data`.`person__32d7d0cc` AS
SELECT
  CAST(`customer` AS INT64) AS `customer`,
  CAST(`changed` AS TIMESTAMP) AS `changed`,
  CAST(`seen` AS TIMESTAMP) AS `seen`,
  CAST(`city` AS STRING) AS `city`,
  CAST(`decade` AS INT64) AS `decade`
FROM (
  SELECT
    `customers`.`customer` AS `customer`,
    `customers`.`changed` AS `changed`,
    `customers`.`seen` AS `seen`,
    UPPER(TRIM(`customers`.`city`)) AS `city`,
    CAST(CASE
      WHEN (
        CAST(IEEE_DIVIDE(
          CAST(CAST(EXTRACT(YEAR FROM `customers`.`born`) AS INT64) AS FLOAT64),
          CAST(10 AS FLOAT64)
        ) AS FLOAT64) - FLOOR(
          CAST(IEEE_DIVIDE(
            CAST(CAST(EXTRACT(YEAR FROM `customers`.`born`) AS INT64) AS FLOAT64),
            CAST(10 AS FLOAT64)
          ) AS FLOAT64)
        )
      ) = CAST(0.5 AS FLOAT64)
      THEN CAST(2 AS FLOAT64) * ROUND(
        CAST(IEEE_DIVIDE(
          CAST(CAST(EXTRACT(YEAR FROM `customers`.`born`) AS INT64) AS FLOAT64),
          CAST(10 AS FLOAT64)
        ) AS FLOAT64) / CAST(2 AS FLOAT64)
      )
      ELSE ROUND(
        CAST(IEEE_DIVIDE(
          CAST(CAST(EXTRACT(YEAR FROM `customers`.`born`) AS INT64) AS FLOAT64),
          CAST(10 AS FLOAT64)
        ) AS FLOAT64)
      )
    END AS INT64) AS `decade`
  FROM `mlspec_data`.`customers__c8ce95ac` AS `customers`
) AS `made`;
