-- Bids by item: those over a limit as they come, and each item's count and sum every ten seconds of
-- event time.
--
--     sluice validate bids.sql
--     sluice test bids_test.yaml
--     sluice run bids.sql --set DIR=in --checkpoint state
SET 'interval' = '500ms';

CREATE TABLE bids (
    ts    TIMESTAMP(3),
    item  STRING,
    price BIGINT,
    WATERMARK FOR ts AS ts - INTERVAL '1' SECOND
) WITH (
    'connector' = 'filesystem',
    'path'      = '${DIR:-in}',
    'format'    = 'csv'
);

CREATE TABLE high (item STRING, price BIGINT)
WITH ('connector' = 'filesystem', 'path' = '${OUT:-out}/high', 'format' = 'csv');

CREATE TABLE by_window (
    window_start TIMESTAMP(3),
    item         STRING,
    bids         BIGINT,
    total        BIGINT
) WITH ('connector' = 'filesystem', 'path' = '${OUT:-out}/by_window', 'format' = 'csv');

CREATE VIEW high_bids AS SELECT item, price FROM bids WHERE price >= ${LIMIT:-100};

INSERT INTO high SELECT * FROM high_bids;

INSERT INTO by_window
SELECT window_start, item, count(*), sum(price)
FROM TABLE(TUMBLE(TABLE bids, DESCRIPTOR(ts), INTERVAL '10' SECONDS))
GROUP BY window_start, window_end, item;
