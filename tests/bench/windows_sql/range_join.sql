-- The reference: each row beside all events of its longest window, then grouped.
SELECT s.id, s.k, s.event_time,
  count(e.v) FILTER (WHERE e.event_time >= s.event_time - to_microseconds(3600000000)) AS count_1h,
  sum(e.v) FILTER (WHERE e.event_time >= s.event_time - to_microseconds(3600000000))::BIGINT AS sum_1h,
  avg(e.v) FILTER (WHERE e.event_time >= s.event_time - to_microseconds(3600000000)) AS avg_1h,
  count(e.v) FILTER (WHERE e.event_time >= s.event_time - to_microseconds(86400000000)) AS count_1d,
  sum(e.v) FILTER (WHERE e.event_time >= s.event_time - to_microseconds(86400000000))::BIGINT AS sum_1d,
  avg(e.v) FILTER (WHERE e.event_time >= s.event_time - to_microseconds(86400000000)) AS avg_1d,
  count(e.v) FILTER (WHERE e.event_time >= s.event_time - to_microseconds(604800000000)) AS count_7d,
  sum(e.v) FILTER (WHERE e.event_time >= s.event_time - to_microseconds(604800000000))::BIGINT AS sum_7d,
  avg(e.v) FILTER (WHERE e.event_time >= s.event_time - to_microseconds(604800000000)) AS avg_7d,
  count(e.v) FILTER (WHERE e.event_time >= s.event_time - to_microseconds(2592000000000)) AS count_30d,
  sum(e.v) FILTER (WHERE e.event_time >= s.event_time - to_microseconds(2592000000000))::BIGINT AS sum_30d,
  avg(e.v) FILTER (WHERE e.event_time >= s.event_time - to_microseconds(2592000000000)) AS avg_30d
FROM spine AS s
LEFT JOIN view0 AS e ON e.k = s.k AND e.event_time < s.event_time AND e.event_time >= s.event_time - to_microseconds(2592000000000)
GROUP BY ALL
