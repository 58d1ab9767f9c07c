-- How many customers have ordered once, twice, ...: counts of counts, exactly once in SQLite. A
-- customer who orders again leaves one row for the next; a row that nobody is in any more is
-- deleted.
--
--     sluice test regulars_test.yaml
--     sluice run regulars.sql --set IN=in --checkpoint state
CREATE TABLE orders (customer STRING, amount DECIMAL(9, 2))
WITH ('connector' = 'filesystem', 'path' = '${IN:-in}', 'format' = 'json');

CREATE VIEW customers AS
SELECT customer, count(*) AS orders, sum(amount) AS spent
FROM orders
GROUP BY customer;

CREATE TABLE regulars (
    orders    BIGINT,
    customers BIGINT,
    spent     DECIMAL(38, 2),
    PRIMARY KEY (orders) NOT ENFORCED
) WITH ('connector' = 'sqlite', 'path' = '${DB:-regulars.db}', 'table' = 'regulars');

INSERT INTO regulars
SELECT orders, count(*), sum(spent)
FROM customers
GROUP BY orders;
