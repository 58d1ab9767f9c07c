-- NEXMark q4, average price for a category: of the highest bids of its auctions.
--
-- A bid counts until its auction expires. Flink's has that bound alone, which is a column; the last
-- condition says how long an auction can be at most, so that it is known until when rows are kept.

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

CREATE TABLE bid (
    auction    BIGINT,
    bidder     BIGINT,
    price      BIGINT,
    `dateTime` TIMESTAMP(3),
    extra      STRING,
    WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '${LATE:-4}' SECOND
) WITH (${BID:-'connector' = 'filesystem', 'path' = 'in/bid', 'format' = 'csv'});

CREATE TABLE q4 (id BIGINT, final DOUBLE, PRIMARY KEY (id) NOT ENFORCED)
WITH (${OUT:-'connector' = 'sqlite', 'path' = 'q4.db', 'table' = 'q4'});

INSERT INTO q4
SELECT Q.category, AVG(Q.final)
FROM (
    SELECT MAX(B.price) AS final, A.category
    FROM auction A, bid B
    WHERE A.id = B.auction AND B.`dateTime` BETWEEN A.`dateTime` AND A.expires
      AND B.`dateTime` <= A.`dateTime` + INTERVAL '${LONGEST:-10}' SECOND
    GROUP BY A.id, A.category
) Q
GROUP BY Q.category;
