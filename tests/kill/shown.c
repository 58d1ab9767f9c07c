// What a job of lines has published: numbers, each of them once.
#include <stdlib.h>

#include "kill/kill.h"
#include "published.h"

typedef struct shown {
    int64_t n; ///< numbers 1 to n were written
    uint8_t *times;
} shown;

static void see(void *ctx, const char *line)
{
    shown *s = ctx;
    int64_t number = strtoll(line, NULL, 10);
    assert_true(number >= 1 && number <= s->n);
    s->times[number]++;
}

void slt_check_each_once(const char *dir, int64_t n)
{
    shown s = {.n = n, .times = calloc((size_t)n + 1, 1)};
    assert_non_null(s.times);
    slt_each_line(slt_in_dir(dir, "out"), see, &s);
    for (int64_t i = 1; i <= n; i++) {
        if (s.times[i] != 1) {
            fail_msg("line %lld is shown %d times", (long long)i, s.times[i]);
        }
    }
    free(s.times);
}

static void count_line(void *ctx, const char *line)
{
    (void)line;
    ++*(int64_t *)ctx;
}

int64_t slt_lines_shown(const char *dir)
{
    int64_t n = 0;
    slt_each_line(slt_in_dir(dir, "out"), count_line, &n);
    return n;
}
