SELECT flight_id, carrier, flight, origin, dest, tailnum,
       CASE WHEN cancelled THEN sched_dep_ts
            WHEN diverted THEN sched_arr_ts + INTERVAL 3 HOUR
            ELSE arr_ts
       END AS known_at,
       arr_delay, cancelled,
       cancelled OR diverted OR arr_delay > 15 AS late
FROM flights
