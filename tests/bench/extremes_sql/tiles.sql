-- Least and most of each hour and each day that has events; the rows themselves only at both ends of a window.
WITH asked AS (SELECT id, k, epoch_us(event_time) AS us FROM spine WHERE k IS NOT NULL AND event_time IS NOT NULL),
happened AS (
  SELECT k, epoch_us(event_time) AS us, epoch_us(event_time) // 3600000000 AS hour, v AS least, v AS most FROM view0 WHERE k IS NOT NULL AND event_time IS NOT NULL
),
hours AS MATERIALIZED (SELECT k, hour, hour // 24 AS day, min(least) AS least, max(most) AS most FROM happened GROUP BY ALL),
days AS MATERIALIZED (SELECT k, day, min(least) AS least, max(most) AS most FROM hours GROUP BY ALL),
this_hour AS (
  SELECT s.id, min(t.least) AS least, max(t.most) AS most FROM asked AS s JOIN happened AS t ON s.k = t.k AND s.us // 3600000000 = t.hour AND t.us < s.us GROUP BY s.id
),
this_day AS (
  SELECT s.id, min(t.least) AS least, max(t.most) AS most FROM asked AS s JOIN hours AS t ON s.k = t.k AND s.us // 86400000000 = t.day AND t.hour < s.us // 3600000000 GROUP BY s.id
),
rows_1h AS (
  SELECT s.id, min(t.least) AS least, max(t.most) AS most FROM asked AS s JOIN happened AS t ON s.k = t.k AND (s.us - 3600000000) // 3600000000 = t.hour AND t.us >= s.us - 3600000000 GROUP BY s.id
),
rows_1d AS (
  SELECT s.id, min(t.least) AS least, max(t.most) AS most FROM asked AS s JOIN happened AS t ON s.k = t.k AND (s.us - 86400000000) // 3600000000 = t.hour AND t.us >= s.us - 86400000000 GROUP BY s.id
),
hours_1d AS (
  SELECT s.id, min(t.least) AS least, max(t.most) AS most FROM (SELECT *, unnest([us // 86400000000, us // 86400000000 - 1]) AS day FROM asked) AS s JOIN hours AS t ON s.k = t.k AND s.day = t.day AND t.hour > (s.us - 86400000000) // 3600000000 AND t.hour < s.us // 3600000000 GROUP BY s.id
),
rows_7d AS (
  SELECT s.id, min(t.least) AS least, max(t.most) AS most FROM asked AS s JOIN happened AS t ON s.k = t.k AND (s.us - 604800000000) // 3600000000 = t.hour AND t.us >= s.us - 604800000000 GROUP BY s.id
),
hours_7d AS (
  SELECT s.id, min(t.least) AS least, max(t.most) AS most FROM asked AS s JOIN hours AS t ON s.k = t.k AND (s.us - 604800000000) // 86400000000 = t.day AND t.hour > (s.us - 604800000000) // 3600000000 GROUP BY s.id
),
days_7d AS (
  SELECT s.id, min(t.least) AS least, max(t.most) AS most FROM (SELECT *, unnest([us // 604800000000, us // 604800000000 - 1]) AS bucket FROM asked) AS s JOIN (SELECT *, day // 7 AS bucket FROM days) AS t ON s.k = t.k AND s.bucket = t.bucket AND t.day > (s.us - 604800000000) // 86400000000 AND t.day < s.us // 86400000000 GROUP BY s.id
),
rows_30d AS (
  SELECT s.id, min(t.least) AS least, max(t.most) AS most FROM asked AS s JOIN happened AS t ON s.k = t.k AND (s.us - 2592000000000) // 3600000000 = t.hour AND t.us >= s.us - 2592000000000 GROUP BY s.id
),
hours_30d AS (
  SELECT s.id, min(t.least) AS least, max(t.most) AS most FROM asked AS s JOIN hours AS t ON s.k = t.k AND (s.us - 2592000000000) // 86400000000 = t.day AND t.hour > (s.us - 2592000000000) // 3600000000 GROUP BY s.id
),
days_30d AS (
  SELECT s.id, min(t.least) AS least, max(t.most) AS most FROM (SELECT *, unnest([us // 2592000000000, us // 2592000000000 - 1]) AS bucket FROM asked) AS s JOIN (SELECT *, day // 30 AS bucket FROM days) AS t ON s.k = t.k AND s.bucket = t.bucket AND t.day > (s.us - 2592000000000) // 86400000000 AND t.day < s.us // 86400000000 GROUP BY s.id
)
SELECT s.id, s.k, s.event_time,
  least(this_hour.least, rows_1h.least) AS min_1h,
  greatest(this_hour.most, rows_1h.most) AS max_1h,
  least(this_hour.least, rows_1d.least, hours_1d.least) AS min_1d,
  greatest(this_hour.most, rows_1d.most, hours_1d.most) AS max_1d,
  least(this_hour.least, rows_7d.least, this_day.least, hours_7d.least, days_7d.least) AS min_7d,
  greatest(this_hour.most, rows_7d.most, this_day.most, hours_7d.most, days_7d.most) AS max_7d,
  least(this_hour.least, rows_30d.least, this_day.least, hours_30d.least, days_30d.least) AS min_30d,
  greatest(this_hour.most, rows_30d.most, this_day.most, hours_30d.most, days_30d.most) AS max_30d
FROM spine AS s
LEFT JOIN this_hour USING (id)
LEFT JOIN this_day USING (id)
LEFT JOIN rows_1h USING (id)
LEFT JOIN rows_1d USING (id)
LEFT JOIN hours_1d USING (id)
LEFT JOIN rows_7d USING (id)
LEFT JOIN hours_7d USING (id)
LEFT JOIN days_7d USING (id)
LEFT JOIN rows_30d USING (id)
LEFT JOIN hours_30d USING (id)
LEFT JOIN days_30d USING (id)
