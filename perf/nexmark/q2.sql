-- NEXMark q2, selection: bids for some auctions.

CREATE TABLE bid (
    auction    BIGINT,
    bidder     BIGINT,
    price      BIGINT,
    `dateTime` TIMESTAMP(3),
    extra      STRING,
    WATERMARK FOR `dateTime` AS `dateTime` - INTERVAL '${LATE:-4}' SECOND
) WITH (${BID:-'connector' = 'filesystem', 'path' = 'in/bid', 'format' = 'csv'});

CREATE TABLE q2 (auction BIGINT, price BIGINT)
WITH (${OUT:-'connector' = 'print'});

INSERT INTO q2
SELECT auction, price FROM bid WHERE MOD(auction, 123) = 0;
