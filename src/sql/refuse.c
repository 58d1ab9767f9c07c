// What a stream can't keep up, said in SQL's words, with what to write instead.
#include "sql/query_int.h"

#include <stdio.h>

sl_code sli_query_at(const sli_query *query, int64_t at, sl_code rc, sl_error *err)
{
    return sli_place_wrap(query->env->place, at, rc, err);
}

sl_code sli_query_refuse(const sli_query *query, const sli_node *node, sl_error *err,
                         const char *fmt, ...)
{
    char text[SL_ERROR_TEXT_BYTES];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    int64_t at = node == NULL ? -1 : sli_node_place(node);
    return sli_query_at(query, at, sl_error_set(err, SL_E_INVALID, "%s", text), err);
}

/// What to write instead of what is not by row.
static const char *instead(const char *why)
{
    static const struct {
        const char *why, *instead;
    } table[] = {
        {"DISTINCT",
         "it would have to remember every row for ever. Write GROUP BY over the columns, "
         "or over a window: GROUP BY window_start, window_end, ..."},
        {"ORDER BY", "a stream has no last row to wait for. Order the rows of a window "
                     "(ROW_NUMBER() OVER (PARTITION BY window_start, window_end ORDER BY ...)), or "
                     "of each epoch: FROM EPOCH(TABLE t)"},
        {"LIMIT",
         "a stream has no end. Take the first rows of a window (ROW_NUMBER() OVER (PARTITION "
         "BY window_start, window_end ORDER BY ...)), or of each epoch: FROM EPOCH(TABLE t)"},
        {"a window function (OVER)", "it would see the rows of one epoch only. Aggregate in a "
                                     "window (FROM TUMBLE(...)), or say "
                                     "that it is of each epoch: FROM EPOCH(TABLE t)"},
        {"a subquery",
         "a subquery in an expression would have to be computed anew for every row that "
         "came before. Join it, or say that it is of each epoch: FROM EPOCH(TABLE t)"},
        {"a sample", "choose rows by what they are: WHERE hash(id) % 10 = 0"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (strcmp(table[i].why, why) == 0) {
            return table[i].instead;
        }
    }
    return "say that it is of each epoch: FROM EPOCH(TABLE t)";
}

sl_code sli_query_refuse_shape(const sli_query *query, sl_error *err)
{
    const char *why = query->shape->why;
    sl_code rc =
        sl_error_set(err, SL_E_INVALID, "%s can't be kept up over a stream: %s", why, instead(why));
    return sli_query_at(query, query->shape->why_at, rc, err);
}
