// Garbage as statements: random bytes, and good statements with edits. Nothing but an answer may
// come of it, and afterwards the instance is as it was.
#include "duckdb/fixture_test.h"

#include <stdio.h>
#include <stdlib.h>

static const char *const seeds[] = {
    "SELECT word, count(*) AS n, sum(n) OVER (ORDER BY word) FROM words GROUP BY ALL HAVING n > 1",
    "WITH a AS (SELECT * FROM words WHERE n BETWEEN 1 AND 5) SELECT a.word FROM a JOIN words b "
    "USING (word) ORDER BY 1 LIMIT 3",
    "SELECT CASE WHEN n IS NULL THEN 'x' ELSE word || n::VARCHAR END, [n, 1], {'a': word} FROM "
    "words",
    "SELECT date_trunc('hour', sluice_time()), epoch_us(TIMESTAMP '2020-01-01'), 1.5e3, x'00' FROM "
    "words UNION ALL VALUES (NULL, 1, 2, 'b')",
    "SELECT list_transform([1, 2], x -> x + 1), unnest(range(3)) FROM (SELECT 1) t",
    "ts TIMESTAMP NOT NULL, n INTEGER, d DECIMAL(10,2), l VARCHAR[], s STRUCT(a INTEGER)",
};
static const char *const words[] = {"SELECT", "FROM",  "(",    ")",       "'",     "\"", ";",
                                    "--",     "/*",    "NULL", "::",      "[",     "{",  ",",
                                    "*",      "words", "word", "LATERAL", "PIVOT", "$1", "\\"};

/// Some of: bytes changed, a piece cut out, a piece doubled, a word put in.
static void edit(char *text, size_t room, sli_rng *rng)
{
    char piece[64];
    size_t size = strlen(text), at = size == 0 ? 0 : (size_t)sli_rng_below(rng, size);
    size_t n = (size_t)sli_rng_below(rng, 20);
    n = n > size - at ? size - at : n;
    switch (sli_rng_below(rng, 4)) {
    case 0:
        text[at] = size == 0 ? '\0' : (char)(1 + sli_rng_below(rng, 255));
        return;
    case 1:
        memmove(text + at, text + at + n, size - at - n + 1);
        return;
    case 2:
        (void)snprintf(piece, sizeof piece, "%.*s", (int)n, text + at);
        break;
    default:
        (void)snprintf(piece, sizeof piece, " %s ",
                       words[sli_rng_below(rng, sizeof words / sizeof *words)]);
    }
    size_t more = strlen(piece);
    if (size + more < room) {
        memmove(text + at + more, text + at, size - at + 1);
        memcpy(text + at, piece, more);
    }
}

static sl_code drop_text(void *ctx, const char *text, size_t size, sl_error *err)
{
    (void)ctx;
    (void)text;
    (void)size;
    (void)err;
    return SL_OK;
}

static void check_told(const slt_duck *d, sl_code rc, const char *sql)
{
    int64_t size = (int64_t)strlen(sql);
    if (rc != SL_OK && (d->err.code != rc || d->err.text[0] == '\0' || d->where.at > size)) {
        fail_msg("%s: %d: %s (at %d)", sql, (int)rc, d->err.text, (int)d->where.at);
    }
}

/// All that takes a text takes this one.
static void try_text(slt_duck *d, const char *sql)
{
    sl_schema *schema = NULL, *columns = NULL;
    int32_t number = 0;
    d->where.at = -1;
    check_told(d, sli_dbs_parse(d->dbs, sql, drop_text, NULL, &d->where, &d->err), sql);
    check_told(d, sli_dbs_prepare(d->dbs, sql, &number, &schema, &d->where, &d->err), sql);
    check_told(d, sli_dbs_columns(d->dbs, sql, &columns, &d->where, &d->err), sql);
    d->where.at = -1;
    check_told(d, sli_dbs_print(d->dbs, sql, drop_text, NULL, &d->err), sql);
    sl_schema_unref(schema);
    sl_schema_unref(columns);
}

SL_TEST(duck_garbage_is_no_more_than_refused, "")
{
    const char *seed = getenv("SLUICE_SEED");
    sli_rng rng = {.state = seed == NULL ? 1 : strtoull(seed, NULL, 10)};
    int rounds = slt_is_soak() ? 20000 : SLT_SLOW_BUILD ? 100 : 600;
    slt_duck d;
    slt_duck_start(&d);
    slt_duck_table(&d, "words", "word string, n int64?");
    for (int i = 0; i < rounds; i++) {
        char text[1024] = "";
        if (i % 4 == 0) {
            size_t n = (size_t)sli_rng_below(&rng, 40);
            for (size_t k = 0; k < n; k++) {
                text[k] = (char)(1 + sli_rng_below(&rng, 255));
            }
        } else {
            (void)snprintf(text, sizeof text, "%s",
                           seeds[sli_rng_below(&rng, sizeof seeds / sizeof *seeds)]);
        }
        for (uint64_t n = sli_rng_below(&rng, 4); n > 0; n--) {
            edit(text, sizeof text, &rng);
        }
        try_text(&d, text);
    }
    SL_CHECK_TEXT(slt_duck_ask(&d, "SELECT count(*) FROM words"), "0;");
    slt_duck_end(&d);
}
