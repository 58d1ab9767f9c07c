/// projection.c — compiled lists of expressions and conditions over whole batches.
///
/// A column that is only passed on is shared with the input; computed ones are built SLI_EXPR_ROWS
/// rows at a time, so that all vectors of a step stay in the first levels of cache and scratch
/// memory doesn't grow with the batch.
#include "expr/expr_int.h"

#include "col/col.h"

struct sli_projection {
    sl_arena *arena; // trees, names
    sl_schema *schema;
    sl_schema *computed;    // the schema of columns that are not passed on; NULL: there are none
    const sli_node **nodes; // one a computed column
    int32_t n_computed, n_columns;
    int32_t *from; // index in the input, or -1 - index among the computed
    char *text;
};

struct sli_condition {
    sl_arena *arena;
    const sli_node *node;
};

// ---------------------------------------------------------------- compiling a list

// What an item of the list becomes, `*` spread out.
typedef struct output {
    const sli_node *node; // NULL: the input's column
    int32_t column;
    const char *name;
} output;

static sl_code resolve_item(sli_compiler *c, const sli_item *item, output *out)
{
    sli_node *node = item->node;
    *out = (output){.name = item->name};
    if (node->kind == SLI_NODE_COLUMN) { // of any type
        out->name = item->name == NULL ? node->name : item->name;
        return sli_type_column(c, node->at, node->name, &out->column);
    }
    SL_TRY(sli_type_node(c, node));
    if (item->name == NULL) {
        return sli_compile_fail(c, item->at, "a computed column needs a name: write `... as name`");
    }
    if (node->type == 0) {
        return sli_compile_fail(c, item->at, "null without a type; write cast(null as int64)");
    }
    out->node = node;
    return SL_OK;
}

static sl_code resolve_items(sli_compiler *c, const sli_item *items, int32_t n_items,
                             output **outputs, int32_t *n)
{
    int32_t n_in = sl_schema_columns(c->in);
    int64_t most = n_items;
    for (int32_t i = 0; i < n_items; i++) {
        most += items[i].node->kind == SLI_NODE_STAR ? n_in : 0;
    }
    output *list = sl_arena_alloc(c->arena, (size_t)most * sizeof *list);
    if (list == NULL) {
        return sl_error_nomem(c->err, (size_t)most * sizeof *list, "projection");
    }
    int32_t count = 0;
    for (int32_t i = 0; i < n_items; i++) {
        if (items[i].node->kind != SLI_NODE_STAR) {
            SL_TRY(resolve_item(c, &items[i], &list[count++]));
            continue;
        }
        for (int32_t column = 0; column < n_in; column++) {
            list[count++] =
                (output){.column = column, .name = sl_schema_field(c->in, column)->name};
        }
    }
    *outputs = list;
    *n = count;
    return SL_OK;
}

static void put_field(sli_str *out, const char *name, const output *from, const sl_schema *in)
{
    sli_str_text(out, out->size == 0 ? "" : ", ");
    sli_str_text(out, name);
    sli_str_char(out, ' ');
    if (from->node == NULL) {
        sli_schema_put_type(out, in, from->column);
    } else {
        sli_str_text(out, sli_expr_type_name(from->node->type));
        sli_str_text(out, from->node->nullable ? "?" : "");
    }
}

static void put_item(sli_str *out, const output *item, const sl_schema *in)
{
    sli_str_text(out, out->size == 0 ? "" : ", ");
    if (item->node != NULL) {
        sli_node_print(item->node, out);
    } else {
        sli_name_print(sl_schema_field(in, item->column)->name, out);
    }
    if (item->node != NULL || strcmp(sl_schema_field(in, item->column)->name, item->name) != 0) {
        sli_str_text(out, " as ");
        sli_name_print(item->name, out);
    }
}

// Schemas and canonical text of the finished list.
static sl_code describe(sli_projection *self, const output *outputs, int32_t n, const sl_schema *in,
                        sl_error *err)
{
    sli_str all = {.tag = SLI_TAG_EXPR}, computed = {.tag = SLI_TAG_EXPR},
            text = {.tag = SLI_TAG_EXPR};
    for (int32_t i = 0; i < n; i++) {
        put_field(&all, outputs[i].name, &outputs[i], in);
        put_item(&text, &outputs[i], in);
        if (outputs[i].node != NULL) {
            put_field(&computed, outputs[i].name, &outputs[i], in);
        }
    }
    sl_code rc = sli_str_check(&all, "schema of a projection", err);
    rc = rc != SL_OK ? rc : sli_str_check(&computed, "schema of a projection", err);
    rc = rc != SL_OK ? rc : sli_str_check(&text, "text of a projection", err);
    rc = rc != SL_OK ? rc : sl_schema_parse(&self->schema, all.data, err); // finds equal names
    if (rc == SL_OK && computed.size > 0) {
        rc = sl_schema_parse(&self->computed, computed.data, err);
    }
    if (rc == SL_OK) {
        self->text = sli_str_take(&text);
    }
    sli_str_reset(&all);
    sli_str_reset(&computed);
    sli_str_reset(&text);
    return rc;
}

static sl_code compile(sli_projection *self, const char *text, const sl_schema *in, sl_error *err)
{
    sli_compiler c = {.text = text, .in = in, .arena = self->arena, .err = err};
    sli_item *items = NULL;
    output *outputs = NULL;
    int32_t n_items = 0, n = 0;
    SL_TRY(sli_compile_begin(&c));
    SL_TRY(sli_parse_items(&c, &items, &n_items));
    SL_TRY(resolve_items(&c, items, n_items, &outputs, &n));
    self->from = sl_arena_alloc(self->arena, (size_t)n * sizeof *self->from);
    self->nodes = sl_arena_alloc(self->arena, (size_t)n * sizeof *self->nodes);
    if (self->from == NULL || self->nodes == NULL) {
        return sl_error_nomem(err, (size_t)n * sizeof *self->nodes, "projection");
    }
    self->n_columns = n;
    for (int32_t i = 0; i < n; i++) {
        self->from[i] = outputs[i].node == NULL ? outputs[i].column : -1 - self->n_computed;
        if (outputs[i].node != NULL) {
            self->nodes[self->n_computed++] = outputs[i].node;
        }
    }
    return describe(self, outputs, n, in, err);
}

sl_code sli_projection_new(sli_projection **out, const char *text, const sl_schema *in,
                           sl_error *err)
{
    sli_projection *self = sl_alloc_zero(SLI_TAG_EXPR, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "projection");
    }
    self->arena = sl_arena_new(SLI_TAG_EXPR);
    sl_code rc =
        self->arena == NULL ? sl_error_nomem(err, 0, "projection") : compile(self, text, in, err);
    if (rc != SL_OK) {
        sli_projection_free(self);
        return rc;
    }
    *out = self;
    return SL_OK;
}

void sli_projection_free(sli_projection *self)
{
    if (self == NULL) {
        return;
    }
    sl_schema_unref(self->schema);
    sl_schema_unref(self->computed);
    sl_free(self->text);
    sl_arena_free(self->arena);
    sl_free(self);
}

const sl_schema *sli_projection_schema(const sli_projection *self)
{
    return self->schema;
}

const char *sli_projection_text(const sli_projection *self)
{
    return self->text;
}

// ---------------------------------------------------------------- evaluation

static sl_code compute_rows(const sli_projection *self, sli_eval *ev, sl_builder *builder)
{
    int64_t rows = sl_batch_rows(ev->in);
    for (ev->base = 0; ev->base < rows; ev->base += ev->n) {
        ev->n = rows - ev->base < SLI_EXPR_ROWS ? rows - ev->base : SLI_EXPR_ROWS;
        for (int32_t i = 0; i < self->n_computed; i++) {
            sli_vec result;
            SL_TRY(sli_eval_node(ev, self->nodes[i], &result));
            sli_eval_store(ev, &result, builder, i);
            sl_arena_reset(ev->arena);
        }
    }
    return SL_OK;
}

static sl_code compute(const sli_projection *self, const sl_batch *in, sl_batch **out,
                       sl_error *err)
{
    sl_builder *builder = NULL;
    sli_eval ev = {.in = in, .arena = sl_arena_new(SLI_TAG_EXPR), .err = err};
    sl_code rc = ev.arena == NULL ? sl_error_nomem(err, 0, "projection")
                                  : sl_builder_new(&builder, self->computed, err);
    if (rc == SL_OK) {
        rc = compute_rows(self, &ev, builder);
    }
    if (rc == SL_OK) {
        rc = sl_builder_finish(builder, out, err);
    }
    sl_builder_free(builder);
    sl_arena_free(ev.arena);
    return rc;
}

static sl_code assemble(const sli_projection *self, const sl_batch *in, const sl_batch *computed,
                        sl_batch **out, sl_error *err)
{
    size_t n = (size_t)self->n_columns;
    const sl_batch **from = sl_alloc_array(SLI_TAG_EXPR, n, sizeof *from);
    int32_t *column = sl_alloc_array(SLI_TAG_EXPR, n, sizeof *column);
    sl_code rc = from == NULL || column == NULL
                     ? sl_error_nomem(err, n * sizeof *from, "projection")
                     : SL_OK;
    if (rc == SL_OK) {
        for (size_t i = 0; i < n; i++) {
            from[i] = self->from[i] >= 0 ? in : computed;
            column[i] = self->from[i] >= 0 ? self->from[i] : -1 - self->from[i];
        }
        rc = sli_batch_project(self->schema, from, column, out, err);
    }
    sl_free(from);
    sl_free(column);
    return rc;
}

sl_code sli_projection_eval(const sli_projection *self, const sl_batch *in, sl_batch **out,
                            sl_error *err)
{
    sl_batch *computed = NULL;
    if (sl_batch_rows(in) == 0) {
        return sli_batch_empty(self->schema, out, err);
    }
    if (self->n_computed > 0) {
        SL_TRY(compute(self, in, &computed, err));
    }
    sl_code rc = assemble(self, in, computed, out, err);
    sl_batch_unref(computed);
    return rc;
}

// ---------------------------------------------------------------- conditions

static sl_code compile_condition(sli_condition *self, const char *text, const sl_schema *in,
                                 sl_error *err)
{
    sli_compiler c = {.text = text, .in = in, .arena = self->arena, .err = err};
    sli_node *node;
    SL_TRY(sli_compile_begin(&c));
    SL_TRY(sli_parse_expr(&c, &node));
    if (c.token.kind != SLI_TOKEN_END) {
        return sli_compile_fail(&c, c.token.at, "expected an operator or the end, found `%.*s`",
                                (int)(c.token.text.size < 40 ? c.token.text.size : 40),
                                c.token.text.data);
    }
    SL_TRY(sli_type_node(&c, node));
    SL_TRY(sli_type_coerce(&c, &node, SL_BOOL, "a condition"));
    self->node = node;
    return SL_OK;
}

sl_code sli_condition_new(sli_condition **out, const char *text, const sl_schema *in, sl_error *err)
{
    sli_condition *self = sl_alloc_zero(SLI_TAG_EXPR, sizeof *self);
    if (self == NULL) {
        return sl_error_nomem(err, sizeof *self, "condition");
    }
    self->arena = sl_arena_new(SLI_TAG_EXPR);
    sl_code rc = self->arena == NULL ? sl_error_nomem(err, 0, "condition")
                                     : compile_condition(self, text, in, err);
    if (rc != SL_OK) {
        sli_condition_free(self);
        return rc;
    }
    *out = self;
    return SL_OK;
}

void sli_condition_free(sli_condition *self)
{
    if (self != NULL) {
        sl_arena_free(self->arena);
        sl_free(self);
    }
}

// Sets the bits of the rows that are true. ev->base is a multiple of 8.
static void pack(const sli_eval *ev, const sli_vec *result, uint8_t *keep)
{
    uint8_t *to = keep + ev->base / 8;
    for (int64_t i = 0; i < ev->n; i++) {
        unsigned bit = result->v.b[i] & (result->nulls == NULL || result->nulls[i] == 0 ? 1U : 0U);
        to[i / 8] = (uint8_t)(to[i / 8] | bit << (i % 8));
    }
}

static sl_code test_rows(const sli_condition *self, sli_eval *ev, uint8_t *keep)
{
    int64_t rows = sl_batch_rows(ev->in);
    for (ev->base = 0; ev->base < rows; ev->base += ev->n) {
        sli_vec result;
        ev->n = rows - ev->base < SLI_EXPR_ROWS ? rows - ev->base : SLI_EXPR_ROWS;
        SL_TRY(sli_eval_node(ev, self->node, &result));
        pack(ev, &result, keep);
        sl_arena_reset(ev->arena);
    }
    return SL_OK;
}

sl_code sli_condition_filter(const sli_condition *self, const sl_batch *in, sl_batch **out,
                             sl_error *err)
{
    size_t size = (size_t)(sl_batch_rows(in) + 7) / 8;
    sli_eval ev = {.in = in, .arena = sl_arena_new(SLI_TAG_EXPR), .err = err};
    uint8_t *keep = sl_alloc_zero(SLI_TAG_EXPR, size + 8);
    sl_code rc = ev.arena == NULL || keep == NULL ? sl_error_nomem(err, size, "condition") : SL_OK;
    if (rc == SL_OK) {
        rc = test_rows(self, &ev, keep);
    }
    if (rc == SL_OK) {
        rc = sli_batch_filter(in, keep, out, err);
    }
    sl_free(keep);
    sl_arena_free(ev.arena);
    return rc;
}

// ---------------------------------------------------------------- names of columns

static sl_code parse_columns(sli_compiler *c, int32_t *columns, int32_t *n_columns)
{
    sli_item *items = NULL;
    int32_t n = 0;
    SL_TRY(sli_compile_begin(c));
    SL_TRY(sli_parse_items(c, &items, &n));
    if (n > SLI_EXPR_MAX_KEYS) {
        return sli_compile_fail(c, items[SLI_EXPR_MAX_KEYS].at, "more than %d columns",
                                SLI_EXPR_MAX_KEYS);
    }
    for (int32_t i = 0; i < n; i++) {
        if (items[i].node->kind != SLI_NODE_COLUMN || items[i].name != NULL) {
            return sli_compile_fail(c, items[i].at, "only names of columns can stand here");
        }
        int32_t found;
        SL_TRY(sli_type_column(c, items[i].at, items[i].node->name, &found));
        for (int32_t k = 0; k < i; k++) {
            if (strcmp(items[k].node->name, items[i].node->name) == 0) {
                return sli_compile_fail(c, items[i].at, "column \"%.60s\" twice",
                                        items[i].node->name);
            }
        }
    }
    for (int32_t i = 0; i < n; i++) {
        columns[i] = sl_schema_find(c->in, items[i].node->name);
    }
    *n_columns = n;
    return SL_OK;
}

sl_code sli_columns_parse(const char *text, const sl_schema *in, int32_t *columns,
                          int32_t *n_columns, sl_error *err)
{
    sl_arena *arena = sl_arena_new(SLI_TAG_EXPR);
    if (arena == NULL) {
        return sl_error_nomem(err, 0, "names of columns");
    }
    sli_compiler c = {.text = text, .in = in, .arena = arena, .err = err};
    sl_code rc = parse_columns(&c, columns, n_columns);
    sl_arena_free(arena);
    return rc;
}
