// WITH to the URL of a source, a sink or a static table: every connector, in a table of cases.
#include "sql/connector.h"

#include "sql/script_fixture_test.h"

#include <stdio.h>

typedef struct url_case {
    const char *columns, *with;
    const char *url; ///< as the graph's text has it; begins with '!': the mistake has this
} url_case;

/// The url="..." of the first line that begins with `line`.
static const char *url_in(const char *graph, const char *line, char *out, size_t size)
{
    const char *at = strstr(graph, line);
    at = at == NULL ? NULL : strstr(at, "url=\"");
    assert_non_null(at);
    (void)snprintf(out, size, "%.*s", (int)strcspn(at + 5, "\""), at + 5);
    return out;
}

static void check_case(const url_case *c, const char *script, const char *line)
{
    slt_script s;
    char url[2000];
    slt_script_define(&s, script, NULL, false);
    const char *graph = slt_script_graph(&s);
    if (c->url[0] == '!') {
        if (strstr(graph, c->url + 1) == NULL) {
            fail_msg("%s: \"%s\" does not say \"%s\"", c->with, graph, c->url + 1);
        }
    } else {
        if (slt_script_mistake(&s)[0] != '\0') {
            fail_msg("%s: %s", c->with, slt_script_mistake(&s));
        }
        SL_CHECK_TEXT(url_in(graph, line, url, sizeof url), c->url);
    }
    slt_script_end(&s);
}

static void check_source(const url_case *c)
{
    char script[4000];
    (void)snprintf(script, sizeof script,
                   "CREATE TABLE t (%s) WITH (%s);"
                   "CREATE TABLE o (n BIGINT) WITH ('connector' = 'console');"
                   "INSERT INTO o SELECT 1::BIGINT FROM t",
                   c->columns, c->with);
    check_case(c, script, "\nt ");
}

static void check_sink(const url_case *c)
{
    char script[4000];
    (void)snprintf(script, sizeof script,
                   "CREATE TABLE i (value BIGINT, ts TIMESTAMP) WITH ('connector' = 'rate');"
                   "CREATE TABLE t (%s) WITH (%s);"
                   "INSERT INTO t SELECT value%s FROM i",
                   c->columns, c->with, strcmp(c->columns, "line VARCHAR") == 0 ? "::VARCHAR" : "");
    check_case(c, script, "save(");
}

#define KV "k STRING, v BIGINT"
#define KV_SCHEMA "schema=k string?, v int64?"

SL_TEST(every_source_has_its_url, "")
{
    static const url_case cases[] = {
        {KV, "'connector' = 'file', 'path' = '/in', 'format' = 'json'",
         "file:/in?format=json&" KV_SCHEMA},
        {KV,
         "connector = filesystem, path = 'in', format = csv, 'csv.field-delimiter' = ';', "
         "csv.header = true, 'csv.ignore-parse-errors' = 'true', 'csv.null-literal' = 'NA'",
         "file:in?format=csv&delimiter=%3B&header=true&malformed=skip&null=NA&" KV_SCHEMA},
        {KV,
         "'connector' = 'file', 'path' = 'in', 'format' = 'csv', 'settle' = '1s', 'glob' = "
         "'*.c&v'",
         "file:in?format=csv&settle=1s&glob=%2A.c%26v&" KV_SCHEMA},
        {"line STRING",
         "'connector' = 'tail', 'path' = '/var/log/*.log', 'rotate_wait' = "
         "'1s'",
         "tail:/var/log/*.log?format=text&rotate_wait=1s&column=line?"},
        {"line STRING", "'connector' = 'socket', 'hostname' = 'localhost', 'port' = '9999'",
         "socket://localhost:9999?format=text&column=line?"},
        {"word STRING NOT NULL", "'connector' = 'stdin'", "stdin:?format=text&column=word"},
        {KV,
         "'connector' = 'kafka', 'topic' = 'a;b', 'properties.bootstrap.servers' = "
         "'one:9092,two:9093', 'properties.group.id' = 'g', 'scan.startup.mode' = "
         "'earliest-offset', 'properties.security.protocol' = 'SSL', 'format' = 'json'",
         "kafka://one:9092/a,b?format=json&brokers=two:9093&group=g&start=earliest&"
         "kafka.security.protocol=SSL&" KV_SCHEMA},
        {KV,
         "'connector' = 'kafka', 'topic-pattern' = 'a.*', 'brokers' = 'one:9092', "
         "'scan.startup.mode' = 'timestamp', 'scan.startup.timestamp-millis' = "
         "'1767225600123', 'format' = 'json'",
         "kafka://one:9092?format=json&pattern=a.%2A&start=2026-01-01T00:00:00.123Z&" KV_SCHEMA},
        {"key BINARY, timestamp TIMESTAMP, k STRING",
         "'connector' = 'kafka', 'topic' = 'a', 'brokers' = 'one:9092', 'columns' = "
         "'key, timestamp', 'format' = 'json'",
         "kafka://one:9092/a?format=json&columns=key, timestamp&schema=k string?"},
        {"topic STRING, k STRING",
         "'connector' = 'mqtt', 'host' = 'broker', 'port' = '1883', 'topic' = 'plant/+/t', "
         "'columns' = 'topic', 'format' = 'json'",
         "mqtt://broker:1883/plant/+/t?format=json&columns=topic&schema=k string?"},
        {"path STRING, k STRING",
         "'connector' = 'http', 'host' = 'localhost', 'port' = '8080', 'path' = '/in', 'columns' "
         "= 'path', 'format' = 'json'",
         "http://localhost:8080/in?format=json&columns=path&schema=k string?"},
        {KV, "'connector' = 'queue', 'name' = 'q', 'format' = 'json', 'one_at_a_time' = 'true'",
         "queue:q?format=json&one_at_a_time=true&" KV_SCHEMA},
        {KV, "'connector' = 'queue', 'format' = 'json'", "!'name'"},
        {"line STRING", "'connector' = 'flume', 'hostname' = 'localhost', 'port' = '4141'",
         "flume://localhost:4141?format=text&column=line?"},
        {"line STRING", "'connector' = 'flume-poll', 'agents' = 'a:1,b:2'",
         "flume-poll:a:1,b:2?format=text&column=line?"},
        {KV, "'connector' = 'hdfs', 'namenode' = 'nn:9870', 'path' = '/in', 'format' = 'csv'",
         "hdfs://nn:9870/in?format=csv&" KV_SCHEMA},
        {"value BIGINT, ts TIMESTAMP(3)", "'connector' = 'datagen', 'rows-per-second' = '5'",
         "rate:?rows_per_second=5"},
        {"value BIGINT, ts TIMESTAMP", "'connector' = 'rate', 'rows' = '5', 'partitions' = '2'",
         "rate:?rows=5&partitions=2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_source(&cases[i]);
    }
}

SL_TEST(every_sink_has_its_url, "")
{
    static const url_case cases[] = {
        {"v BIGINT", "'connector' = 'console', 'rows' = '5'", "console:?rows=5"},
        {"v BIGINT", "'connector' = 'print'", "console:"},
        {"v BIGINT", "'connector' = 'blackhole'", "blackhole:"},
        {"v BIGINT",
         "'connector' = 'filesystem', 'path' = '/out', 'format' = 'json', "
         "'sink.rolling-policy.file-size' = '1MiB'",
         "file:/out?format=json&roll_size=1MiB"},
        {"v BIGINT",
         "'connector' = 'hdfs', 'host' = 'nn', 'port' = '9870', 'path' = '/out', "
         "'format' = 'csv'",
         "hdfs://nn:9870/out?format=csv"},
        {"v BIGINT",
         "'connector' = 'kafka', 'topic' = 'out', 'brokers' = 'one:9092', 'format' = "
         "'json', 'key.fields' = 'v', 'sink.delivery-guarantee' = 'at-least-once'",
         "kafka://one:9092/out?format=json&key=v&guarantee=at-least-once"},
        {"v BIGINT, PRIMARY KEY (v) NOT ENFORCED",
         "'connector' = 'upsert-kafka', 'topic' = 'out', 'brokers' = 'one:9092', 'format' = "
         "'json'",
         "kafka://one:9092/out?format=json&key=v"},
        {"line VARCHAR", "'connector' = 'mqtt', 'host' = 'b', 'topic' = 'out'",
         "mqtt://b/out?format=text"},
        {"v BIGINT", "'connector' = 'sqlite', 'path' = 'x.db', 'table-name' = 't'",
         "sqlite:x.db?table=t"},
        {"v BIGINT, PRIMARY KEY (v) NOT ENFORCED",
         "'connector' = 'sqlite', 'path' = 'x.db', 'table' = 't'",
         "sqlite:x.db?table=t&mode=upsert&key=v"},
        {"v BIGINT, PRIMARY KEY (v) NOT ENFORCED",
         "'connector' = 'jdbc', 'url' = 'jdbc:postgresql://db:5432/shop', 'table-name' = 't', "
         "'username' = 'u', 'password' = 'env:PW', 'driver' = 'org.postgresql.Driver'",
         "postgres://db:5432/shop/t?user=u&password=***&mode=upsert&key=v"},
        {"v BIGINT", "'connector' = 'postgres', 'host' = 'db', 'database' = 'shop', 'table' = 't'",
         "postgres://db/shop/t"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_sink(&cases[i]);
    }
}

SL_TEST(options_that_are_wrong_are_told_with_the_nearest, "")
{
    static const url_case cases[] = {
        {KV, "'conector' = 'file'", "!job.sql:1:37: 'connector' is missing"},
        {KV, "'connector' = 'kafak'",
         "!job.sql:1:57: there is no connector 'kafak'; did you mean "
         "'kafka'?"},
        {KV, "'connector' = 'file', 'path' = 'in'", "!'format' is missing"},
        {KV, "'connector' = 'file', 'path' = 'in', 'format' = 'jsn'",
         "!there is no format 'jsn'; did you mean 'json'?"},
        {KV, "'connector' = 'file', 'format' = 'json'", "!connector 'file' needs 'path'"},
        {KV, "'connector' = 'file', 'path' = 'in', 'format' = 'json', 'globb' = 'x'",
         "!:99: connector 'file', format json has no option 'globb'; did you mean 'glob'?"},
        {KV, "'connector' = 'file', 'path' = 'in', 'format' = 'json', 'settle' = 'x'",
         "!:110: table 't': option settle: \"x\""},
        {KV, "'connector' = 'file', 'path' = 'in', 'format' = 'json', 'schema' = 'x int64'",
         "!'schema' follows from the columns"},
        {KV, "'connector' = 'file', 'path' = 'in', 'path' = 'in'", "!option 'path' is given twice"},
        {KV, "'connector' = 'file', 'path' = 'i?n', 'format' = 'json'", "!it holds a '?'"},
        {KV, "'connector' = 'file', 'path' 'in'", "!an option is written 'name' = 'value'"},
        {KV, "'connector' = 'file', 'path' = )", "!the option's value is expected here"},
        {KV,
         "'connector' = 'kafka', 'topic' = 't', 'brokers' = 'b', 'format' = 'json', "
         "'scan.startup.mode' = 'specific-offsets'",
         "!'scan.startup.mode' can be 'earliest-offset', 'latest-offset', 'group-offsets', "
         "'timestamp' here, not 'specific-offsets'"},
        {KV,
         "'connector' = 'kafka', 'topic' = 't', 'brokers' = 'b', 'format' = 'json', "
         "'scan.startup.timestamp-millis' = 'noon'",
         "!is a number of milliseconds since 1970, not 'noon'"},
        {KV, "'connector' = 'rate'",
         "!column 1 of 't' is declared as k string, and its source "
         "gives value int64"},
        {"value BIGINT", "'connector' = 'rate'", "!'t' declares 1 columns, and its source gives 2"},
        {"value BIGINT, ts TIMESTAMP", "'connector' = 'rate', 'format' = 'json'",
         "!connector 'rate' has no format"},
        {"k STRING",
         "'connector' = 'mqtt', 'host' = 'b', 'topic' = 't', 'columns' = 'topic', "
         "'format' = 'json'",
         "!'columns' alone gives 1"},
        {"qos STRING, k STRING",
         "'connector' = 'mqtt', 'host' = 'b', 'topic' = 't', 'columns' = "
         "'topic', 'format' = 'json'",
         "!declared as qos string, and its source gives topic string"},
        {KV, "'connector' = 'print'", "!connector 'print' can only be written to"},
        {KV, "'connector' = 'foreach', 'name' = 'f'",
         "!connector 'foreach' can only be written to"},
        {KV, "'connector' = 'queue'", "!connector 'queue' needs 'name'"},
        {KV, "'connector' = 'queue', 'name' = 'q', 'one_at_a_time' = 'perhaps'",
         "!option one_at_a_time: \"perhaps\""},
        {KV, "'connector' = 'queue', 'name' = 'a b'", "!a queue's name is 1 to"},
        {KV, "'connector' = 'sqlite', 'path' = 'x.db', 'table' = 't'", "!write 'static' = 'true'"},
        {KV,
         "'connector' = 'socket', 'hostname' = 'h', 'port' = '1', 'static' = 'true', 'format' "
         "= 'json'",
         "!connector 'socket' has no static tables"},
        {KV, "'connector' = 'file', 'path' = 'x.csv', 'format' = 'csv', 'static' = 'yes'",
         "!'static' is 'true' or 'false', not 'yes'"},
        {KV,
         "'connector' = 'jdbc', 'url' = 'jdbc:mysql://h/d', 'table-name' = 't', 'static' = "
         "'true'",
         "!'url' is jdbc:postgresql://HOST:PORT/DATABASE"},
        {KV, "'connector' = 'file', 'path' = 'in', 'format' = 'json', 'idle_after' = '1s'",
         "!'t' has an idle time-out and no WATERMARK"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_source(&cases[i]);
    }
}

SL_TEST(sinks_that_cannot_take_the_rows_are_told, "")
{
    static const url_case cases[] = {
        {"v BIGINT", "'connector' = 'socket', 'hostname' = 'h', 'port' = '1'",
         "!connector 'socket' can only be read"},
        {"v BIGINT", "'connector' = 'queue', 'name' = 'q'", "!connector 'queue' can only be read"},
        {"v BIGINT", "'connector' = 'foreach'", "!connector 'foreach' needs 'name'"},
        {"v BIGINT", "'connector' = 'foreach', 'name' = 'none'",
         "!the program has no function 'none'; sl_sql_foreach gives it one"},
        {"v BIGINT", "'connector' = 'blackhole', 'format' = 'json'",
         "!connector 'blackhole' has no format"},
        {"v BIGINT, PRIMARY KEY (v) NOT ENFORCED",
         "'connector' = 'file', 'path' = 'o', 'format' = 'json'",
         "!'t' only gets rows added: it keeps no PRIMARY KEY"},
        {"v BIGINT",
         "'connector' = 'upsert-kafka', 'topic' = 'o', 'brokers' = 'b', 'format' = "
         "'json'",
         "!'t' needs a PRIMARY KEY of one column"},
        {"v BIGINT", "'connector' = 'sqlite', 'path' = 'o'", "!option table"},
        {"v BIGINT, PRIMARY KEY (w)", "'connector' = 'sqlite', 'path' = 'o', 'table' = 't'",
         "!PRIMARY KEY: 't' has no column 'w'"},
        {"v BIGINT, PRIMARY KEY (v)",
         "'connector' = 'sqlite', 'path' = 'o', 'table' = 't', "
         "'mode' = 'append'",
         "!option 'mode' is given twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        check_sink(&cases[i]);
    }
}
