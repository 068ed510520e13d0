-- A stock: +1 when a flight becomes overdue, -1 when it leaves; the running sum is how many stand there.
WITH waiting AS (
  SELECT origin, sched_dep_ts + INTERVAL 15 MINUTE AS overdue_at, dep_ts AS left_at
  FROM flights
  WHERE dep_ts > sched_dep_ts + INTERVAL 15 MINUTE
), steps AS (
  SELECT origin, overdue_at AS changed_at, 1 AS step FROM waiting
  UNION ALL
  SELECT origin, left_at AS changed_at, -1 AS step FROM waiting
), changes AS (
  SELECT origin, changed_at, SUM(step) AS change
  FROM steps
  GROUP BY origin, changed_at
)
SELECT origin, changed_at,
       CAST(SUM(change) OVER (PARTITION BY origin ORDER BY changed_at) AS INTEGER) AS overdue
FROM changes
