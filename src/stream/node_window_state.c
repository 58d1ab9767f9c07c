// Which windows of aggregations go on by the inverse, and what their state is: the aggregations and
// the number of rows, as partial states, by the window's keys. One without keys has a constant in
// their place.
#include "stream/node_window.h"

#include <string.h>

#define ROWS_IN_WINDOW "rows_in_window"
#define ONE_KEY "one_key"

void sli_window_state_reset(sli_window_def *def)
{
    sli_window_state *state = def->state;
    if (state == NULL) {
        return;
    }
    if (state->plan != NULL) {
        sli_agg_plan_free(state->plan);
    }
    if (state->keep != NULL) {
        sli_projection_free(state->keep);
    }
    sl_schema_unref(state->keyed);
    sl_schema_unref(state->key_schema);
    sl_schema_unref(state->value_schema);
    def->state = NULL;
}

// ---------------------------------------------------------------- resolving

sl_code sli_window_keys(const char *keys, const sl_schema *rows, int32_t *columns, int32_t *n,
                        sl_error *err)
{
    *n = 0;
    if (keys == NULL) {
        int32_t all = sl_schema_columns(rows);
        if (all > SLI_MAX_KEYS) {
            return sl_error_set(err, SL_E_INVALID, "%d columns; there may be %d", all,
                                SLI_MAX_KEYS);
        }
        while (*n < all) {
            columns[*n] = *n;
            (*n)++;
        }
        return SL_OK;
    }
    return keys[0] == '\0' ? SL_OK : sli_keys_parse(keys, rows, columns, n, err);
}

/// A name that no column of the schema has.
static const char *free_name(sl_graph *graph, const sl_schema *schema, const char *name)
{
    while (name != NULL && sl_schema_find(schema, name) >= 0) {
        name = sl_arena_printf(graph->arena, "%s_", name);
    }
    return name;
}

/// What the plan is over: the input, with a constant key when there are no keys.
static sl_code key_input(sl_stream *node, sli_window_state *state, sl_error *err)
{
    const sli_window_def *def = node->body;
    const sl_schema *in = node->inputs[0]->schema;
    state->keys = def->keys;
    if (def->keys == NULL || def->keys[0] != '\0') {
        state->keyed = sl_schema_ref(in);
        return SL_OK;
    }
    sli_projection *select = NULL;
    state->keys = free_name(node->graph, in, ONE_KEY);
    state->select =
        state->keys == NULL ? NULL : sl_arena_printf(node->graph->arena, "*, 0 as %s", state->keys);
    if (state->select == NULL) {
        return sl_error_nomem(err, 64, "the key of a window");
    }
    SL_TRY(sli_projection_new(&select, state->select, in, err));
    state->keyed = sl_schema_ref(sli_projection_schema(select));
    sli_projection_free(select);
    return SL_OK;
}

static sl_code plan_state(sl_stream *node, sli_window_state *state, sl_error *err)
{
    const sli_window_def *def = node->body;
    int32_t columns[SLI_MAX_KEYS];
    const char *rows = free_name(node->graph, node->schema, ROWS_IN_WINDOW);
    state->aggregations = rows == NULL ? NULL
                                       : sl_arena_printf(node->graph->arena, "%s, count() as %s",
                                                         def->aggregations, rows);
    if (state->aggregations == NULL) {
        return sl_error_nomem(err, 64, "the aggregations of a window");
    }
    SL_TRY(sli_window_keys(state->keys, state->keyed, columns, &state->n_keys, err));
    return sli_agg_plan_new(&state->plan, state->aggregations, state->keyed, columns, state->n_keys,
                            sli_graph_aggregations(node->graph), err);
}

static sl_code table_of_state(sl_stream *node, sli_window_state *state, sl_error *err)
{
    const sl_schema *partial = sli_agg_plan_partial(state->plan);
    int32_t n = sl_schema_columns(partial);
    int32_t *places = sl_arena_alloc(node->graph->arena, (size_t)n * sizeof *places);
    if (places == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *places, "columns");
    }
    for (int32_t i = 0; i < n; i++) {
        places[i] = i;
    }
    state->n_values = n - state->n_keys;
    SL_TRY(sli_schema_picked(partial, places, state->n_keys, &state->key_schema, err));
    SL_TRY(sli_schema_picked(partial, places + state->n_keys, state->n_values, &state->value_schema,
                             err));
    state->info = (sli_table_info){.uid = node->uid,
                                   .kind = node->ops->kind,
                                   .keys = state->key_schema,
                                   .values = state->value_schema};
    return SL_OK;
}

static sl_code compile_keep(const sl_stream *node, sli_window_state *state, sl_error *err)
{
    const sli_window_def *def = node->body;
    if (def->keep == NULL) {
        return SL_OK;
    }
    const char *text = sl_arena_printf(node->graph->arena, "(%s) as keep", def->keep);
    return text == NULL ? sl_error_nomem(err, strlen(def->keep), "a condition")
                        : sli_projection_new(&state->keep, text, node->schema, err);
}

/// Whether every aggregation of the window can take rows out again.
static sl_code has_inverse(const sl_stream *node, bool *out, sl_error *err)
{
    const sli_window_def *def = node->body;
    const sl_schema *in = node->inputs[0]->schema;
    int32_t columns[SLI_MAX_KEYS], n = 0;
    sli_agg_plan *plan = NULL;
    SL_TRY(sli_window_keys(def->keys, in, columns, &n, err));
    SL_TRY(sli_agg_plan_new(&plan, def->aggregations, in, columns, n,
                            sli_graph_aggregations(node->graph), err));
    *out = sli_agg_plan_invertible(plan);
    sli_agg_plan_free(plan);
    return SL_OK;
}

static sl_code make_state(sl_stream *node, sl_error *err)
{
    sli_window_def *def = node->body;
    def->state = sl_arena_alloc_zero(node->graph->arena, sizeof *def->state);
    if (def->state == NULL) {
        return sl_error_nomem(err, sizeof *def->state, "the state of a window");
    }
    SL_TRY(key_input(node, def->state, err));
    SL_TRY(plan_state(node, def->state, err));
    SL_TRY(table_of_state(node, def->state, err));
    return compile_keep(node, def->state, err);
}

/// A window without keys has a row an epoch: putting those together costs less than state.
sl_code sli_window_state_choose(sl_stream *node, sl_error *err)
{
    sli_window_def *def = node->body;
    bool can = false, by_key = def->keys == NULL || def->keys[0] != '\0';
    sli_window_state_reset(def);
    SL_TRY(has_inverse(node, &can, err));
    if (def->inverse == SL_INVERSE_SPARK && !can) {
        return sl_error_set(err, SL_E_INVALID,
                            "an aggregation of \"%.200s\" has no inverse: count, sum and avg of "
                            "integers have one, and a user's with `inverse`",
                            def->aggregations);
    }
    bool wanted =
        def->inverse == SL_INVERSE_SPARK || (def->inverse == SL_INVERSE_AUTO && can && by_key);
    return wanted ? make_state(node, err) : SL_OK;
}

const sli_table_info *sli_window_table(const sl_stream *node)
{
    sli_window_def *def = node->ops->is_window ? node->body : NULL;
    if (def == NULL || def->state == NULL) {
        return NULL;
    }
    def->state->info.uid = node->uid; // may have been given after the operator was defined
    return &def->state->info;
}
