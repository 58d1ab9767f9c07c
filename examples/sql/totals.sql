-- Running totals of sales by country, exactly once in SQLite: a stream joined with a table of
-- stores, counted across epochs, each country's row replaced when it changes.
--
--     sluice test totals_test.yaml
--     sluice run totals.sql --set IN=in --checkpoint state
CREATE TABLE sales (store INTEGER, amount DOUBLE)
WITH ('connector' = 'filesystem', 'path' = '${IN:-in}', 'format' = 'json',
      'json.ignore-parse-errors' = 'true');

-- Read once, when the job starts.
CREATE TABLE stores (id INTEGER, country STRING)
WITH ('connector' = 'file', 'path' = '${STORES:-stores.csv}', 'format' = 'csv', 'header' = 'true',
      'static' = 'true');

CREATE TABLE totals (
    country STRING,
    n       BIGINT,
    amount  DOUBLE,
    PRIMARY KEY (country) NOT ENFORCED
) WITH ('connector' = 'sqlite', 'path' = '${DB:-totals.db}', 'table' = 'totals');

INSERT INTO totals
SELECT country, count(*), sum(amount)
FROM sales JOIN stores ON sales.store = stores.id
GROUP BY country;
