/// agg_user.c — the user's aggregations (sl_agg_fn): fixed-size accumulators in one array, stored
/// as binary cells.
///
/// Nulls are handed to the user's update as they are. A failure of user code keeps its code and
/// gets the function's name.
#include "expr/agg_int.h"

sl_code sli_agg_user_check(const sl_agg_fn *fn, sl_error *err)
{
    if (fn->struct_size < offsetof(sl_agg_fn, finish) + sizeof fn->finish) {
        return sl_error_set(err, SL_E_INVALID,
                            "a user's aggregation without struct_size: write .struct_size = "
                            "sizeof(sl_agg_fn)");
    }
    if (fn->name == NULL || !sli_is_name(fn->name)) {
        return sl_error_set(err, SL_E_INVALID,
                            "a user's aggregation without a name that can be called");
    }
    if (fn->in == NULL || fn->out == NULL || fn->init == NULL || fn->update == NULL ||
        fn->merge == NULL || fn->finish == NULL) {
        return sl_error_set(err, SL_E_INVALID,
                            "aggregation %s needs in, out, init, update, merge and finish",
                            fn->name);
    }
    if (fn->state_bytes == 0 || fn->state_bytes > SLI_AGG_MAX_STATE || fn->state_bytes % 8 != 0) {
        return sl_error_set(err, SL_E_INVALID,
                            "aggregation %s has state_bytes %zu; it must be 8, 16, ... %d",
                            fn->name, fn->state_bytes, SLI_AGG_MAX_STATE);
    }
    return SL_OK;
}

// The k-th type of "string, int64"; 0 when there are fewer or it is none that expressions know.
static sl_type type_at(const char *list, int32_t k, int32_t *n)
{
    sl_type found = 0;
    *n = 0;
    while (*list != '\0') {
        list += strspn(list, " ");
        size_t size = strcspn(list, ", ");
        if (*n == k) {
            found = sli_expr_type_of((sl_text){list, size});
        }
        *n += size > 0;
        list += size;
        list += strspn(list, " ");
        list += *list == ',';
    }
    return found;
}

sl_code sli_agg_user_plan(sli_compiler *c, const sli_node *call, const sl_agg_fn *fn, sli_agg *agg)
{
    sli_str text = {.tag = SLI_TAG_EXPR};
    int32_t n = 0;
    sl_code rc = SL_OK;
    (void)type_at(fn->in, 0, &n);
    if (call->n_args != n || n == 0) {
        return sli_compile_fail(c, call->at, "%s takes (%.60s)", fn->name, fn->in);
    }
    for (int32_t k = 0; k < n && rc == SL_OK; k++) {
        sl_type wanted = type_at(fn->in, k, &n);
        if (wanted == 0) {
            rc = sli_compile_fail(
                c, call->at, "%s takes (%.60s), which names a type that expressions don't know",
                fn->name, fn->in);
        }
        rc = rc != SL_OK ? rc : sli_type_node(c, call->args[k]);
        bool column = rc == SL_OK && call->args[k]->kind == SLI_NODE_COLUMN &&
                      sl_schema_field(c->in, call->args[k]->column)->type == wanted;
        rc = rc != SL_OK ? rc : sli_type_coerce(c, &call->args[k], wanted, "the argument");
        // A column of the very type is passed on as it is, all else computed.
        sli_str_text(&text, k > 0 ? ", " : "");
        sli_str_text(&text, column ? "" : "cast(");
        sli_node_print(call->args[k], &text);
        if (!column) {
            sli_str_printf(&text, " as %s)", sli_expr_type_name(wanted));
        }
        sli_str_printf(&text, " as a%d", k);
    }
    rc = rc != SL_OK ? rc : sli_str_check(&text, "arguments of an aggregation", c->err);
    rc = rc != SL_OK ? rc : sli_projection_new(&agg->user_args, text.data, c->in, c->err);
    sli_str_reset(&text);
    agg->user = fn;
    agg->state_bytes = fn->state_bytes;
    return rc;
}

void sli_agg_user_init(sli_agg_state *self, int64_t from, int64_t n)
{
    char *states = self->states;
    self->agg->user->init(self->args, states + (size_t)from * self->agg->state_bytes, n);
}

// What user code returned, as an error that names it.
static sl_code judge(const sli_agg_state *self, sl_code rc, const sl_error *told, sl_error *err)
{
    if (rc == SL_OK) {
        return SL_OK;
    }
    if (told->code == SL_OK) {
        return sl_error_set(err, rc, "aggregation %s failed without saying why",
                            self->agg->user->name);
    }
    if (err != NULL) {
        *err = *told;
    }
    return sl_error_wrap(err, rc, "aggregation %s", self->agg->user->name);
}

static sl_code call_update(sli_agg_state *self, const int32_t *group, const sl_batch *columns,
                           sl_error *err)
{
    const sl_column *in[SLI_EXPR_MAX_KEYS];
    sl_error told = SL_ERROR_INIT;
    int32_t n = sl_schema_columns(sl_batch_schema(columns));
    if (n > SLI_EXPR_MAX_KEYS) {
        return sl_error_set(err, SL_E_INVALID, "aggregation %s takes more than %d arguments",
                            self->agg->user->name, SLI_EXPR_MAX_KEYS);
    }
    for (int32_t k = 0; k < n; k++) {
        in[k] = sl_batch_column(columns, k);
    }
    sl_code rc =
        self->agg->user->update(self->args, self->states, group, in, sl_batch_rows(columns), &told);
    return judge(self, rc, &told, err);
}

sl_code sli_agg_user_update(sli_agg_state *self, const int32_t *group, const sl_batch *in,
                            sl_error *err)
{
    sl_batch *columns;
    SL_TRY(sli_projection_eval(self->agg->user_args, in, &columns, err));
    sl_code rc = call_update(self, group, columns, err);
    sl_batch_unref(columns);
    return rc;
}

sl_code sli_agg_user_merge(sli_agg_state *self, const int32_t *group, const sl_batch *in, bool back,
                           sl_error *err)
{
    const sl_agg_fn *fn = self->agg->user;
    const sl_column *cells = sl_batch_column(in, self->agg->partial_column);
    size_t size = fn->state_bytes;
    sl_error told = SL_ERROR_INIT;
    char *from = sl_alloc_array(SLI_TAG_EXPR, (size_t)cells->n_rows, size);
    if (from == NULL) {
        return sl_error_nomem(err, (size_t)cells->n_rows * size, "states of a user's aggregation");
    }
    for (int64_t i = 0; i < cells->n_rows; i++) {
        bool null = sl_column_is_null(cells, i);
        sl_text cell = null ? (sl_text){0} : sl_column_text(cells, i);
        if (cell.size != size) {
            sl_free(from);
            return sl_error_set(err, SL_E_CORRUPT, "aggregation %s: a state of %zu bytes, not %zu",
                                fn->name, cell.size, size);
        }
        memcpy(from + (size_t)i * size, cell.data, size);
    }
    sl_code rc = (back ? fn->inverse : fn->merge)(self->args, self->states, group, from,
                                                  cells->n_rows, &told);
    sl_free(from);
    return judge(self, rc, &told, err);
}

void sli_agg_user_partial(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                          int32_t column)
{
    size_t size = self->agg->state_bytes;
    const char *states = (const char *)self->states + (size_t)from * size;
    for (int64_t i = 0; i < n; i++) {
        sl_builder_text(out, column, states + (size_t)i * size, size);
    }
}

sl_code sli_agg_user_finish(const sli_agg_state *self, int64_t from, int64_t n, sl_builder *out,
                            int32_t column, sl_error *err)
{
    const sl_agg_fn *fn = self->agg->user;
    sl_error told = SL_ERROR_INIT;
    const char *states = (const char *)self->states + (size_t)from * fn->state_bytes;
    int64_t before = sl_builder_rows(out, column);
    SL_TRY(judge(self, fn->finish(self->args, states, n, out, column, &told), &told, err));
    SL_TRY(sli_builder_check(out, err));
    int64_t added = sl_builder_rows(out, column) - before;
    if (added != n) {
        return sl_error_set(err, SL_E_USER,
                            "aggregation %s: finish appended %lld results for %lld groups",
                            fn->name, (long long)added, (long long)n);
    }
    return SL_OK;
}
