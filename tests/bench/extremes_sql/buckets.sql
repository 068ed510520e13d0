-- A join of equal buckets for each window: one as long as the window touches two of them.
WITH asked AS (SELECT id, k, epoch_us(event_time) AS us FROM spine WHERE k IS NOT NULL AND event_time IS NOT NULL),
happened AS (SELECT k, epoch_us(event_time) AS us, v FROM view0 WHERE k IS NOT NULL AND event_time IS NOT NULL),
w_1h AS (
  SELECT s.id, min(e.v) AS min_1h, max(e.v) AS max_1h
  FROM (SELECT id, k, us, unnest([us // 3600000000, us // 3600000000 - 1]) AS bucket FROM asked) AS s
  JOIN (SELECT *, us // 3600000000 AS bucket FROM happened) AS e ON s.k = e.k AND s.bucket = e.bucket AND e.us < s.us AND e.us >= s.us - 3600000000
  GROUP BY s.id
),
w_1d AS (
  SELECT s.id, min(e.v) AS min_1d, max(e.v) AS max_1d
  FROM (SELECT id, k, us, unnest([us // 86400000000, us // 86400000000 - 1]) AS bucket FROM asked) AS s
  JOIN (SELECT *, us // 86400000000 AS bucket FROM happened) AS e ON s.k = e.k AND s.bucket = e.bucket AND e.us < s.us AND e.us >= s.us - 86400000000
  GROUP BY s.id
),
w_7d AS (
  SELECT s.id, min(e.v) AS min_7d, max(e.v) AS max_7d
  FROM (SELECT id, k, us, unnest([us // 604800000000, us // 604800000000 - 1]) AS bucket FROM asked) AS s
  JOIN (SELECT *, us // 604800000000 AS bucket FROM happened) AS e ON s.k = e.k AND s.bucket = e.bucket AND e.us < s.us AND e.us >= s.us - 604800000000
  GROUP BY s.id
),
w_30d AS (
  SELECT s.id, min(e.v) AS min_30d, max(e.v) AS max_30d
  FROM (SELECT id, k, us, unnest([us // 2592000000000, us // 2592000000000 - 1]) AS bucket FROM asked) AS s
  JOIN (SELECT *, us // 2592000000000 AS bucket FROM happened) AS e ON s.k = e.k AND s.bucket = e.bucket AND e.us < s.us AND e.us >= s.us - 2592000000000
  GROUP BY s.id
)
SELECT s.id, s.k, s.event_time, min_1h, max_1h, min_1d, max_1d, min_7d, max_7d, min_30d, max_30d
FROM spine AS s LEFT JOIN w_1h USING (id) LEFT JOIN w_1d USING (id) LEFT JOIN w_7d USING (id) LEFT JOIN w_30d USING (id)
