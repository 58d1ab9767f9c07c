-- A year of flights from New York's airports: delays by hour beside the weather of that hour, by the
-- half hour over the last three, by the planes' makers, and by what the weather was. docs/FLIGHTS.md
-- walks through it.
--
--     sluice test delays_test.yaml
--     make demo-flights              fetches the data, runs this through kills, compares with DuckDB
SET 'interval' = '${INTERVAL:-1s}';

-- A file is a day, its rows in the order in which planes left. The event time is when they should
-- have left: the latest one was 21 h 41 min late, so windows wait for 22 hours.
CREATE TABLE flights (
    sched_dep TIMESTAMP(3),
    dep_delay BIGINT,
    arr_delay BIGINT,
    carrier   STRING,
    tailnum   STRING,
    origin    STRING,
    dest      STRING,
    distance  BIGINT,
    time_hour TIMESTAMP(3),
    WATERMARK FOR sched_dep AS sched_dep - INTERVAL '22' HOURS
) WITH (
    'connector'        = 'filesystem',
    'path'             = '${DAYS:-days}',
    'max_files'        = '${MAX_FILES:-10000}',
    'format'           = 'csv',
    'header'           = 'true',
    'csv.null-literal' = 'NA',
    'malformed'        = '${MALFORMED:-fail}'
);

-- One row an airport and hour; 1,556 flights left in an hour of which there is none.
CREATE TABLE weather (
    origin     STRING,
    temp       DOUBLE,
    wind_speed DOUBLE,
    precip     DOUBLE,
    visib      DOUBLE,
    time_hour  TIMESTAMP(3)
) WITH ('connector' = 'file', 'path' = '${RAW:-raw}/weather.csv', 'format' = 'csv', 'header' = 'true',
        'csv.null-literal' = 'NA', 'static' = 'true');

CREATE TABLE planes (
    tailnum      STRING,
    year         BIGINT,
    manufacturer STRING,
    engine       STRING
) WITH ('connector' = 'file', 'path' = '${RAW:-raw}/planes.csv', 'format' = 'csv', 'header' = 'true',
        'csv.null-literal' = 'NA', 'static' = 'true');

-- ---------------------------------------------------------------- 1. an hour, and its weather
CREATE VIEW hourly AS
SELECT window_start, origin,
       count(*) AS flights,
       count(*) - count(dep_delay) AS cancelled,
       sum(dep_delay) AS dep_delay,
       max(dep_delay) AS worst
FROM TABLE(TUMBLE(TABLE flights, DESCRIPTOR(sched_dep), INTERVAL '1' HOUR))
GROUP BY window_start, window_end, origin;

CREATE TABLE by_hour (
    hour TIMESTAMP(3), origin STRING, flights BIGINT, cancelled BIGINT, dep_delay BIGINT, worst BIGINT,
    temp DOUBLE, wind_speed DOUBLE, precip DOUBLE, visib DOUBLE
) WITH ('connector' = 'filesystem', 'path' = '${OUT:-out}/by_hour', 'format' = 'csv');

INSERT INTO by_hour
SELECT h.window_start, h.origin, h.flights, h.cancelled, h.dep_delay, h.worst,
       w.temp, w.wind_speed, w.precip, w.visib
FROM hourly h LEFT JOIN weather w ON h.origin = w.origin AND h.window_start = w.time_hour;

-- ---------------------------------------------------------------- 2. the last three hours
CREATE TABLE last_hours (
    window_start TIMESTAMP(3), window_end TIMESTAMP(3), origin STRING,
    flights BIGINT, late BIGINT, mean_delay DOUBLE
) WITH ('connector' = 'filesystem', 'path' = '${OUT:-out}/last_hours', 'format' = 'csv');

INSERT INTO last_hours
SELECT window_start, window_end, origin,
       count(*), count(*) FILTER (WHERE dep_delay > 15), avg(dep_delay)
FROM TABLE(HOP(TABLE flights, DESCRIPTOR(sched_dep), INTERVAL '30' MINUTES, INTERVAL '3' HOURS))
GROUP BY window_start, window_end, origin;

-- ---------------------------------------------------------------- 3. who built the plane
CREATE VIEW flown AS
SELECT f.sched_dep, f.arr_delay, p.manufacturer, p.engine,
       CASE WHEN p.year IS NULL THEN 'unknown' WHEN p.year < 2000 THEN 'old' ELSE 'new' END AS age
FROM flights f JOIN planes p ON f.tailnum = p.tailnum
WHERE f.arr_delay IS NOT NULL;

CREATE TABLE by_maker (
    day TIMESTAMP(3), manufacturer STRING, engine STRING, age STRING, flights BIGINT, arr_delay BIGINT
) WITH ('connector' = 'filesystem', 'path' = '${OUT:-out}/by_maker', 'format' = 'csv');

INSERT INTO by_maker
SELECT window_start, manufacturer, engine, age, count(*), sum(arr_delay)
FROM TABLE(TUMBLE(TABLE flown, DESCRIPTOR(sched_dep), INTERVAL '1' DAY))
GROUP BY window_start, window_end, manufacturer, engine, age;

-- ---------------------------------------------------------------- 4. rain, fog and wind
CREATE VIEW in_weather AS
SELECT f.sched_dep, f.dep_delay, f.origin,
       CASE WHEN w.origin IS NULL THEN 'unknown' WHEN w.visib < 3 THEN 'poor sight'
            WHEN w.precip > 0 THEN 'rain' WHEN w.wind_speed >= 20 THEN 'wind' ELSE 'fair' END AS weather
FROM flights f LEFT JOIN weather w ON f.origin = w.origin AND f.time_hour = w.time_hour
WHERE f.origin <> 'END';

CREATE TABLE by_weather (
    week TIMESTAMP(3), weather STRING, flights BIGINT, cancelled BIGINT, dep_delay BIGINT
) WITH ('connector' = 'filesystem', 'path' = '${OUT:-out}/by_weather', 'format' = 'csv');

INSERT INTO by_weather
SELECT window_start, weather, count(*), count(*) - count(dep_delay), sum(dep_delay)
FROM TABLE(TUMBLE(TABLE in_weather, DESCRIPTOR(sched_dep), INTERVAL '7' DAYS))
GROUP BY window_start, window_end, weather;
