-- NEXMark q3, local item suggestion: who sells in Oregon, Idaho and California, in category 10.
--
-- Flink's has no bound of time and keeps all persons and auctions for ever. Here a person and an
-- auction meet within a minute, either way: sellers are among the last thousand persons, so nothing
-- is lost as long as a thousand persons (50,000 events) come in less.

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

CREATE TABLE q3 (name STRING, city STRING, state STRING, id BIGINT)
WITH (${OUT:-'connector' = 'print'});

INSERT INTO q3
SELECT P.name, P.city, P.state, A.id
FROM auction AS A INNER JOIN person AS P ON A.seller = P.id
WHERE A.category = 10 AND (P.state = 'OR' OR P.state = 'ID' OR P.state = 'CA')
  AND A.`dateTime` BETWEEN P.`dateTime` - INTERVAL '1' MINUTE AND P.`dateTime` + INTERVAL '1' MINUTE;
