-- NEXMark q8, monitor new users: persons that began to sell in the ten seconds in which they came.

CREATE TABLE person (
    id           BIGINT,
    name         STRING,
    emailAddress STRING,
    creditCard   STRING,
    city         STRING,
    state        STRING,
    `dateTime`   TIMESTAMP(3),
    extra        STRING,
    WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '${LATE:-4}' SECOND
) WITH (${PERSON:-'connector' = 'filesystem', 'path' = 'in/person', 'format' = 'csv'});

CREATE TABLE auction (
    id          BIGINT,
    itemName    STRING,
    description STRING,
    initialBid  BIGINT,
    reserve     BIGINT,
    `dateTime`  TIMESTAMP(3),
    expires     TIMESTAMP(3),
    seller      BIGINT,
    category    BIGINT,
    extra       STRING,
    WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '${LATE:-4}' SECOND
) WITH (${AUCTION:-'connector' = 'filesystem', 'path' = 'in/auction', 'format' = 'csv'});

CREATE TABLE q8 (id BIGINT, name STRING, stime TIMESTAMP(3))
WITH (${OUT:-'connector' = 'print'});

INSERT INTO q8
SELECT P.id, P.name, P.starttime
FROM (
    SELECT id, name, window_start AS starttime, window_end AS endtime
    FROM TABLE(TUMBLE(TABLE person, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND))
    GROUP BY id, name, window_start, window_end
) P
JOIN (
    SELECT seller, window_start AS starttime, window_end AS endtime
    FROM TABLE(TUMBLE(TABLE auction, DESCRIPTOR(`dateTime`), INTERVAL '10' SECOND))
    GROUP BY seller, window_start, window_end
) A
ON P.id = A.seller AND P.starttime = A.starttime AND P.endtime = A.endtime;
