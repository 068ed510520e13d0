-- The reference: each row beside all events of its longest window, then grouped.
SELECT s.id, s.k, s.event_time,
  min(e.v) FILTER (WHERE e.event_time >= s.event_time - to_microseconds(3600000000)) AS min_1h,
  max(e.v) FILTER (WHERE e.event_time >= s.event_time - to_microseconds(3600000000)) AS max_1h,
  min(e.v) FILTER (WHERE e.event_time >= s.event_time - to_microseconds(86400000000)) AS min_1d,
  max(e.v) FILTER (WHERE e.event_time >= s.event_time - to_microseconds(86400000000)) AS max_1d,
  min(e.v) FILTER (WHERE e.event_time >= s.event_time - to_microseconds(604800000000)) AS min_7d,
  max(e.v) FILTER (WHERE e.event_time >= s.event_time - to_microseconds(604800000000)) AS max_7d,
  min(e.v) FILTER (WHERE e.event_time >= s.event_time - to_microseconds(2592000000000)) AS min_30d,
  max(e.v) FILTER (WHERE e.event_time >= s.event_time - to_microseconds(2592000000000)) AS max_30d
FROM spine AS s
LEFT JOIN view0 AS e ON e.k = s.k AND e.event_time < s.event_time AND e.event_time >= s.event_time - to_microseconds(2592000000000)
GROUP BY ALL
