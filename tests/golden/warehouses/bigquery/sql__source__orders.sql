CREATE VIEW `mlspec_data`.`orders__040730c0` AS
SELECT
  CAST(`customer` AS INT64) AS `customer`,
  CAST(ROUND(CAST(`amount` AS NUMERIC), 2) AS NUMERIC) AS `amount`,
  CAST(`status` AS STRING) AS `status`,
  CAST(`at` AS TIMESTAMP) AS `at`
FROM (
  SELECT
    `customer` AS `customer`,
    `amount` AS `amount`,
    `status` AS `status`,
    `at` AS `at`
  FROM (
    SELECT
      CAST(`customer` AS INT64) AS `customer`,
      CAST(ROUND(CAST(`amount` AS NUMERIC), 2) AS NUMERIC) AS `amount`,
      CAST(`status` AS STRING) AS `status`,
      CAST(`at` AS TIMESTAMP) AS `at`
    FROM `shop`.`orders`
  ) AS `scan`
) AS `made`;
