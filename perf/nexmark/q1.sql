-- NEXMark q1, currency conversion: each bid's price in euros.

CREATE TABLE bid (
    auction    BIGINT,
    bidder     BIGINT,
    price      BIGINT,
    `dateTime` TIMESTAMP(3),
    extra      STRING,
    WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '${LATE:-4}' SECOND
) WITH (${BID:-'connector' = 'filesystem', 'path' = 'in/bid', 'format' = 'csv'});

CREATE TABLE q1 (auction BIGINT, bidder BIGINT, price DECIMAL(23, 3), `dateTime` TIMESTAMP(3), extra STRING)
WITH (${OUT:-'connector' = 'print'});

INSERT INTO q1
SELECT auction, bidder, 0.908 * price AS price, `dateTime`, extra FROM bid;
