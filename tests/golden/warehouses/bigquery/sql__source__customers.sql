CREATE VIEW `mlspec_data`.`customers__c8ce95ac` AS
SELECT
  CAST(`customer` AS INT64) AS `customer`,
  CAST(`city` AS STRING) AS `city`,
  CAST(`born` AS DATE) AS `born`,
  CAST(`changed` AS TIMESTAMP) AS `changed`,
  CAST(`seen` AS TIMESTAMP) AS `seen`
FROM (
  SELECT
    `customer` AS `customer`,
    `city` AS `city`,
    `born` AS `born`,
    `changed` AS `changed`,
    `seen` AS `seen`
  FROM (
    SELECT
      CAST(`customer` AS INT64) AS `customer`,
      CAST(`city` AS STRING) AS `city`,
      CAST(`born` AS DATE) AS `born`,
      CAST(`changed` AS TIMESTAMP) AS `changed`,
      CAST(`seen` AS TIMESTAMP) AS `seen`
    FROM `shop`.`customers`
  ) AS `scan`
) AS `made`;
