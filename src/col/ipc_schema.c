/// ipc_schema.c — the schema message of Arrow IPC as the structs of the C Data Interface, of which
/// import_schema.c makes ours.
///
/// Types become the format texts of that interface, also those that Sluice does not read: who
/// refuses them knows the column's name. Fields with a dictionary are listed, with the number by
/// which messages name it.

#include "col/arrow_abi.h"
#include "col/ipc_int.h"

/// A schema in the making.
typedef struct making {
    sli_ipc_reader *reader;
    sl_arena *arena;
    int32_t n_fields; ///< so far, nested ones counted
} making;

static sl_code damaged(const making *self)
{
    return sli_ipc_corrupt(self->reader, "its schema is damaged");
}

static sl_code no_memory(const making *self)
{
    return sl_error_nomem(self->reader->err, sizeof(struct ArrowSchema), "Arrow schema");
}

// ---------------------------------------------------------------- types

/// What a type's table tells: up to two numbers and a text, by the order of its fields.
typedef struct params {
    int64_t a, b, bits;
    sl_text text;
} params;

static const char no_type[] = ""; // of a kind or width that Arrow has not

enum { MAX_ZONE = 64 };

static const char *int_format(const params *p)
{
    static const char *const formats[] = {"C", "c", "S", "s", "I", "i", "L", "l"};
    int log = p->a == 8 ? 0 : p->a == 16 ? 1 : p->a == 32 ? 2 : p->a == 64 ? 3 : -1;
    return log < 0 ? no_type : formats[2 * log + (p->b != 0)];
}

static const char *one_of(const char *const *formats, int64_t n, int64_t which)
{
    return which >= 0 && which < n && formats[which] != NULL ? formats[which] : no_type;
}

static const char *timestamp_format(sl_arena *arena, const params *p)
{
    static const char *const units[] = {"tss:", "tsm:", "tsu:", "tsn:"};
    const char *unit = one_of(units, 4, p->a);
    int size =
        p->text.size > MAX_ZONE ? MAX_ZONE : (int)p->text.size; // only that there is one counts
    return unit == no_type ? unit : sl_arena_printf(arena, "%s%.*s", unit, size, p->text.data);
}

/// The kinds of Schema.fbs's union Type.
enum { NONE = 0, INT = 2, FLOATING_POINT = 3, DECIMAL = 7, DATE = 8, TIMESTAMP = 10, N_TYPES = 27 };

/// NULL without memory. Types with sizes or units that Sluice reads none of have a short text.
static const char *format_of(sl_arena *arena, int64_t type, const params *p)
{
    static const char *const fixed[N_TYPES] = {
        [1] = "n",   [4] = "z",    [5] = "u",   [6] = "b",   [9] = "tt",  [11] = "ti",
        [12] = "+l", [13] = "+s",  [14] = "+u", [15] = "w",  [16] = "+w", [17] = "+m",
        [18] = "tD", [19] = "Z",   [20] = "U",  [21] = "+L", [22] = "+r", [23] = "vz",
        [24] = "vu", [25] = "+vl", [26] = "+vL"};
    static const char *const floats[] = {"e", "f", "g"};
    static const char *const dates[] = {"tdD", "tdm"};
    switch (type) {
    case INT:
        return int_format(p);
    case FLOATING_POINT:
        return one_of(floats, 3, p->a);
    case DECIMAL:
        return p->bits == 128
                   ? sl_arena_printf(arena, "d:%d,%d", (int)p->a, (int)p->b)
                   : sl_arena_printf(arena, "d:%d,%d,%d", (int)p->a, (int)p->b, (int)p->bits);
    case DATE:
        return one_of(dates, 2, p->a);
    case TIMESTAMP:
        return timestamp_format(arena, p);
    default:
        return one_of(fixed, N_TYPES, type);
    }
}

static bool read_params(const sli_flat *type, int64_t kind, params *out)
{
    bool good = true;
    *out = (params){.text = {"", 0}};
    if (kind == INT) {
        good = sli_flat_scalar(type, 0, 4, 0, &out->a) && sli_flat_scalar(type, 1, 1, 0, &out->b);
    } else if (kind == FLOATING_POINT) {
        good = sli_flat_scalar(type, 0, 2, 0, &out->a);
    } else if (kind == DATE) {
        good = sli_flat_scalar(type, 0, 2, 1, &out->a);
    } else if (kind == TIMESTAMP) {
        good = sli_flat_scalar(type, 0, 2, 0, &out->a) && sli_flat_text(type, 1, &out->text);
    } else if (kind == DECIMAL) {
        good = sli_flat_scalar(type, 0, 4, 0, &out->a) && sli_flat_scalar(type, 1, 4, 0, &out->b) &&
               sli_flat_scalar(type, 2, 4, 128, &out->bits);
    }
    return good;
}

static sl_code read_type(const making *self, const sli_flat *field, const char **out)
{
    int64_t kind = 0;
    sli_flat type;
    params p;
    if (!sli_flat_scalar(field, 2, 1, NONE, &kind) || !sli_flat_table(field, 3, &type) ||
        !read_params(&type, kind, &p)) {
        return damaged(self);
    }
    *out = format_of(self->arena, kind, &p);
    return *out == NULL ? no_memory(self) : *out == no_type ? damaged(self) : SL_OK;
}

// ---------------------------------------------------------------- fields

static void release_none(struct ArrowSchema *schema)
{
    schema->release = NULL; // all memory is the arena's
}

/// A schema of one column, the dictionary's values, to read its messages by.
static sl_code list_dictionary(making *self, const struct ArrowSchema *field, int64_t id)
{
    sli_dictionary *to = sl_arena_alloc(self->arena, sizeof *to);
    struct ArrowSchema *root = sl_arena_alloc_zero(self->arena, sizeof *root);
    struct ArrowSchema **children = sl_arena_alloc(self->arena, sizeof *children);
    if (to == NULL || root == NULL || children == NULL) {
        return no_memory(self);
    }
    children[0] = field->dictionary;
    *root = (struct ArrowSchema){
        .format = "+s", .name = "", .n_children = 1, .children = children, .release = release_none};
    *to = (sli_dictionary){
        .next = self->reader->dictionaries, .field = field, .root = root, .id = id};
    self->reader->dictionaries = to;
    return SL_OK;
}

/// The field's type is that of the values; what its batches hold are indices.
static sl_code read_encoding(making *self, const sli_flat *encoding, struct ArrowSchema *field)
{
    struct ArrowSchema *values = sl_arena_alloc(self->arena, sizeof *values);
    int64_t id = 0;
    sli_flat index;
    params p = {32, 1, 0, {"", 0}}; // what counts when it is not said
    if (values == NULL) {
        return no_memory(self);
    }
    if (!sli_flat_scalar(encoding, 0, 8, 0, &id) ||
        (sli_flat_has(encoding, 1) &&
         (!sli_flat_table(encoding, 1, &index) || !read_params(&index, INT, &p)))) {
        return damaged(self);
    }
    *values = *field;
    values->name = "dictionary";
    values->flags = ARROW_FLAG_NULLABLE;
    field->dictionary = values;
    field->format = int_format(&p);
    field->n_children = 0;
    field->children = NULL;
    return field->format == no_type ? damaged(self) : list_dictionary(self, field, id);
}

static sl_code read_children(making *self, const sli_flat *table, int list, int depth,
                             struct ArrowSchema *parent);

static sl_code read_field(making *self, const sli_flat *table, int depth, struct ArrowSchema *out)
{
    sl_text name;
    int64_t nullable = 0;
    sli_flat encoding;
    if (++self->n_fields > SLI_MAX_FIELDS || depth > SLI_MAX_DEPTH + 1) {
        return sli_ipc_unsupported(self->reader,
                                   "its schema has too many fields, or too deep ones");
    }
    if (!sli_flat_text(table, 0, &name) || name.size > SLI_MAX_NAME ||
        memchr(name.data, '\0', name.size) != NULL || !sli_flat_scalar(table, 1, 1, 0, &nullable)) {
        return damaged(self);
    }
    out->name = sl_arena_printf(self->arena, "%.*s", (int)name.size, name.data);
    out->flags = nullable != 0 ? ARROW_FLAG_NULLABLE : 0;
    out->release = release_none;
    if (out->name == NULL) {
        return no_memory(self);
    }
    SL_TRY(read_type(self, table, &out->format));
    SL_TRY(read_children(self, table, 5, depth, out));
    if (!sli_flat_has(table, 4)) {
        return SL_OK;
    }
    return sli_flat_table(table, 4, &encoding) ? read_encoding(self, &encoding, out)
                                               : damaged(self);
}

static sl_code read_children(making *self, const sli_flat *table, int list, int depth,
                             struct ArrowSchema *parent)
{
    const uint8_t *items = NULL;
    int64_t n = 0;
    if (!sli_flat_list(table, list, 4, &items, &n)) {
        return damaged(self);
    }
    if (n > SLI_MAX_FIELDS) {
        return sli_ipc_unsupported(self->reader, "its schema has too many fields");
    }
    parent->n_children = n;
    parent->children = sl_arena_alloc(self->arena, (size_t)n * sizeof *parent->children + 1);
    struct ArrowSchema *children =
        sl_arena_alloc_zero(self->arena, (size_t)n * sizeof *children + 1);
    if (parent->children == NULL || children == NULL) {
        return no_memory(self);
    }
    for (int64_t i = 0; i < n; i++) {
        sli_flat child;
        parent->children[i] = &children[i];
        if (!sli_flat_item(table, items, i, &child)) {
            return damaged(self);
        }
        SL_TRY(read_field(self, &child, depth + 1, &children[i]));
    }
    return SL_OK;
}

// ---------------------------------------------------------------- the schema

static sl_code read_root(making *self, const sli_flat *table)
{
    sli_ipc_reader *reader = self->reader;
    int64_t endianness = 0;
    if (!sli_flat_scalar(table, 0, 2, 0, &endianness)) {
        return damaged(self);
    }
    if (endianness != 0) {
        return sli_ipc_unsupported(reader, "big-endian data is not read");
    }
    reader->arrow = sl_arena_alloc_zero(self->arena, sizeof *reader->arrow);
    if (reader->arrow == NULL) {
        return no_memory(self);
    }
    reader->arrow->format = "+s";
    reader->arrow->name = "";
    reader->arrow->release = release_none;
    return read_children(self, table, 1, 0, reader->arrow);
}

/// The schema of each dictionary's values, now that they are known to be read.
static sl_code make_dictionary_schemas(sli_ipc_reader *reader)
{
    for (sli_dictionary *d = reader->dictionaries; d != NULL; d = d->next) {
        SL_TRY(sli_schema_import(d->root, &d->schema, reader->err));
    }
    return SL_OK;
}

sl_code sli_ipc_schema_read(sli_ipc_reader *reader, const sli_ipc_message *m)
{
    making self = {.reader = reader, .arena = sl_arena_new(SLI_TAG_BATCH)};
    if (self.arena == NULL) {
        return no_memory(&self);
    }
    reader->arena = self.arena;
    SL_TRY(read_root(&self, &m->header));
    SL_TRY(sli_ipc_broken(reader, sli_schema_import(reader->arrow, &reader->schema, reader->err)));
    return sli_ipc_broken(reader, make_dictionary_schemas(reader));
}
