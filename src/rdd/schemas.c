// schemas.c — schemas of results that are made of others' columns. They are written as text and
// read back, so that there is one way to make a schema.
#include "rdd/rdd_int.h"

sl_text sli_column_type_text(const sl_schema *schema, int32_t column)
{
    const char *at = sl_schema_text(schema);
    int32_t depth = 0;
    for (int32_t i = 0; i < column; at++) {
        depth += *at == '<' || *at == '(';
        depth -= *at == '>' || *at == ')';
        i += *at == ',' && depth == 0;
    }
    at += strspn(at, " ");
    at += strcspn(at, " ") + 1; // behind the name
    size_t size = 0;
    for (depth = 0; at[size] != '\0' && (at[size] != ',' || depth > 0); size++) {
        depth += at[size] == '<' || at[size] == '(';
        depth -= at[size] == '>' || at[size] == ')';
    }
    return (sl_text){at, size};
}

static bool same_type(const sl_field *a, const sl_field *b)
{
    if (a->type != b->type || a->n_children != b->n_children || a->precision != b->precision ||
        a->scale != b->scale) {
        return false;
    }
    for (int32_t i = 0; i < a->n_children; i++) {
        // What lies inside a list or struct is shared between batches as it is: there nullability
        // must agree too.
        if (!same_type(&a->children[i], &b->children[i]) ||
            a->children[i].nullable != b->children[i].nullable) {
            return false;
        }
    }
    return true;
}

bool sli_schemas_same_types(const sl_schema *a, const sl_schema *b)
{
    bool same = sl_schema_columns(a) == sl_schema_columns(b);
    for (int32_t i = 0; same && i < sl_schema_columns(a); i++) {
        same = same_type(sl_schema_field(a, i), sl_schema_field(b, i));
    }
    return same;
}

static void put_column(sli_str *out, const char *name, const char *suffix, sl_text type)
{
    sli_str_text(out, out->size > 0 ? ", " : "");
    sli_str_text(out, name);
    sli_str_text(out, suffix);
    sli_str_char(out, ' ');
    sli_str_add(out, type.data, type.size);
}

static sl_code finish(sli_str *text, sl_schema **out, sl_error *err)
{
    sl_code rc = sli_str_check(text, "schema", err);
    if (rc == SL_OK) {
        rc = sl_schema_parse(out, text->data == NULL ? "" : text->data, err);
    }
    sli_str_reset(text);
    return rc;
}

sl_code sli_schemas_check(const sl_schema *a, const sl_schema *b, sl_error *err)
{
    return sli_schemas_same_types(a, b)
               ? SL_OK
               : sl_error_set(err, SL_E_INVALID, "the types differ: \"%.150s\" and \"%.150s\"",
                              sl_schema_text(a), sl_schema_text(b));
}

sl_code sli_schema_union(const sl_schema *a, const sl_schema *b, sl_schema **out, sl_error *err)
{
    SL_TRY(sli_schemas_check(a, b, err));
    sli_str text = {.tag = SLI_TAG_RDD};
    for (int32_t i = 0; i < sl_schema_columns(a); i++) {
        bool add = sl_schema_field(b, i)->nullable && !sl_schema_field(a, i)->nullable;
        put_column(&text, sl_schema_field(a, i)->name, "", sli_column_type_text(a, i));
        sli_str_text(&text, add ? "?" : "");
    }
    return finish(&text, out, err);
}

bool sli_is_key(int32_t column, const int32_t *keys, int32_t n_keys)
{
    for (int32_t i = 0; i < n_keys; i++) {
        if (keys[i] == column) {
            return true;
        }
    }
    return false;
}

sl_code sli_rest_of(const sl_schema *in, const int32_t *keys, int32_t n_keys, int32_t **rest,
                    int32_t *n_rest, sl_error *err)
{
    int32_t columns = sl_schema_columns(in), n = 0;
    int32_t *list = sl_alloc(SLI_TAG_RDD, (size_t)(columns + 1) * sizeof *list);
    if (list == NULL) {
        return sl_error_nomem(err, (size_t)columns * sizeof *list, "columns that are no keys");
    }
    for (int32_t i = 0; i < columns; i++) {
        if (!sli_is_key(i, keys, n_keys)) {
            list[n++] = i;
        }
    }
    *rest = list;
    *n_rest = n;
    return SL_OK;
}

static void put_picked(sli_str *text, const sl_schema *in, const int32_t *columns, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        put_column(text, sl_schema_field(in, columns[i])->name, "",
                   sli_column_type_text(in, columns[i]));
    }
}

sl_code sli_schema_picked(const sl_schema *in, const int32_t *columns, int32_t n, sl_schema **out,
                          sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_RDD};
    put_picked(&text, in, columns, n);
    return finish(&text, out, err);
}

sl_code sli_schema_beside(const sl_schema *in, const int32_t *columns, int32_t n,
                          const sl_schema *more, sl_schema **out, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_RDD};
    put_picked(&text, in, columns, n);
    sli_str_text(&text, n > 0 ? ", " : "");
    sli_str_text(&text, sl_schema_text(more));
    return finish(&text, out, err);
}

sl_code sli_schema_grouped(const sl_schema *in, const int32_t *keys, int32_t n_keys,
                           sl_schema **out, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_RDD};
    put_picked(&text, in, keys, n_keys);
    for (int32_t i = 0; i < sl_schema_columns(in); i++) {
        if (!sli_is_key(i, keys, n_keys)) {
            put_column(&text, sl_schema_field(in, i)->name, " list<", sli_column_type_text(in, i));
            sli_str_char(&text, '>');
        }
    }
    return finish(&text, out, err);
}

static void put_nullable(sli_str *text, const char *name, const char *suffix, sl_text type)
{
    put_column(text, name, suffix, type);
    sli_str_text(text, type.data[type.size - 1] == '?' ? "" : "?");
}

sl_code sli_schema_nullable(const sl_schema *in, sl_schema **out, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_RDD};
    for (int32_t i = 0; i < sl_schema_columns(in); i++) {
        put_nullable(&text, sl_schema_field(in, i)->name, "", sli_column_type_text(in, i));
    }
    return finish(&text, out, err);
}

/// One side of two: `other` has the names that are taken, or is NULL.
typedef struct side {
    const sl_schema *schema;
    const int32_t *keys;
    sli_form form;
    const sl_schema *other;
} side;

static void put_rest(sli_str *text, const side *s, int32_t n_keys)
{
    for (int32_t i = 0; i < sl_schema_columns(s->schema); i++) {
        const char *name = sl_schema_field(s->schema, i)->name;
        bool taken = s->other != NULL && sl_schema_find(s->other, name) >= 0;
        sl_text type = sli_column_type_text(s->schema, i);
        if (sli_is_key(i, s->keys, n_keys)) {
            continue;
        }
        if (s->form == SLI_NULLABLE) {
            put_nullable(text, name, taken ? "_2" : "", type);
        } else if (s->form == SLI_LISTS) {
            put_column(text, name, taken ? "_2 list<" : " list<", type);
            sli_str_char(text, '>');
        } else {
            put_column(text, name, taken ? "_2" : "", type);
        }
    }
}

static sl_code put_sides(const side *a, const side *b, int32_t n_keys, sl_schema **out,
                         sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_RDD};
    for (int32_t i = 0; i < n_keys; i++) {
        const char *name = sl_schema_field(a->schema, a->keys[i])->name;
        bool nullable = a->form != SLI_AS_IT_IS && sl_schema_field(b->schema, b->keys[i])->nullable;
        (nullable ? put_nullable : put_column)(&text, name, "",
                                               sli_column_type_text(a->schema, a->keys[i]));
    }
    put_rest(&text, a, n_keys);
    put_rest(&text, b, n_keys);
    return finish(&text, out, err);
}

sl_code sli_schema_sides(const sli_op *op, sli_form left, sli_form right, sl_schema **out,
                         sl_error *err)
{
    side a = {op->in, op->keys, left, NULL}, b = {op->in2, op->keys2, right, op->in};
    return put_sides(&a, &b, op->n_keys, out, err);
}

sl_code sli_schema_joined(const sl_schema *a, const int32_t *keys_a, const sl_schema *b,
                          const int32_t *keys_b, int32_t n_keys, sl_schema **out, sl_error *err)
{
    side left = {a, keys_a, SLI_AS_IT_IS, NULL}, right = {b, keys_b, SLI_AS_IT_IS, a};
    return put_sides(&left, &right, n_keys, out, err);
}
