// Which columns of a relation can be its event time, and how far the watermark is behind there.
//
//     a table with WATERMARK             its column, as it is
//     kept by row                        the same columns, under their new names
//     results of windows                 window_end, window_time, window_start (not of sessions):
//     in
//                                        the epoch behind that in which the window closes
//     a join of streams within bounds    the time of a side that has no row without a match, as
//     much
//                                        behind as the other side's rows may be later
//
// The first is the stream's own; the others become event time by a node of their own
// (sli_stream_follow_time), when something goes by them.
#include "sql/query_int.h"

#include <strings.h>

sl_code sli_moments_add(sli_query *query, sli_relation *relation, const sli_moment *moment,
                        sl_error *err)
{
    if (relation->n_moments == SLI_MAX_MOMENTS || moment->column == NULL) {
        return SL_OK; // more names for one time than anybody needs
    }
    sli_moment *all = sl_arena_alloc(query->arena, SLI_MAX_MOMENTS * sizeof *all);
    if (all == NULL) {
        return sl_error_nomem(err, SLI_MAX_MOMENTS * sizeof *all, "the plan of a query");
    }
    for (int32_t i = 0; i < relation->n_moments; i++) {
        all[i] = relation->moments[i];
    }
    all[relation->n_moments++] = *moment;
    relation->moments = all;
    return SL_OK;
}

sl_code sli_moments_keep(sli_query *query, const sli_query_table *table, sli_relation *out,
                         sl_error *err)
{
    const sli_relation *in = &table->relation;
    const char *time = in->time == NULL ? NULL : sli_query_passes(query, table, in->time);
    if (time != NULL && strcmp(time, in->time) == 0) {
        out->time = time; // the stream's own goes by the name
    } else if (time != NULL) {
        SL_TRY(sli_moments_add(query, out, &(sli_moment){.column = time}, err));
    }
    for (int32_t i = 0; i < in->n_moments; i++) {
        sli_moment moment = in->moments[i];
        moment.column = sli_query_passes(query, table, moment.column);
        SL_TRY(sli_moments_add(query, out, &moment, err));
    }
    return SL_OK;
}

const char *sli_moments_column(const sli_relation *relation, int32_t i)
{
    i -= relation->time != NULL;
    return i < 0 ? relation->time : i < relation->n_moments ? relation->moments[i].column : NULL;
}

static const sli_moment *find(const sli_relation *relation, const char *column)
{
    for (int32_t i = 0; i < relation->n_moments; i++) {
        if (strcasecmp(relation->moments[i].column, column) == 0) {
            return &relation->moments[i];
        }
    }
    return NULL;
}

bool sli_moments_has(const sli_relation *relation, const char *column)
{
    return (relation->time != NULL && strcasecmp(relation->time, column) == 0) ||
           find(relation, column) != NULL;
}

sl_code sli_moments_stream(sli_query *query, const sli_relation *relation, const char *column,
                           const char *what, sl_stream **out, sl_error *err)
{
    const sli_moment *moment = find(relation, column);
    if (relation->time != NULL && strcasecmp(relation->time, column) == 0) {
        *out = relation->stream;
        return SL_OK;
    }
    SL_ASSERT(moment != NULL, "who asks for a time has found it");
    sl_stream *of = relation->stream; // which *out may be
    sl_stream *made = sli_shared_time(query, of, moment->column);
    if (made == NULL) {
        const char *uid = sli_query_uid(query, what);
        made = sli_stream_follow_time(of, moment->column, moment->behind_us, moment->after);
        made = uid == NULL || made == NULL ? made : sl_stream_uid(made, uid);
        if (made == NULL) {
            return sl_graph_check(query->env->graph, err);
        }
        sli_shared_add_time(query, of, moment->column, made);
    }
    *out = made;
    return SL_OK;
}
