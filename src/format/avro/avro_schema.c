// avro_schema.c — the text of an Avro schema to types.
//
// Names are resolved as they are met: a name stands for a type that was defined before it, or that
// is being defined around it. What a schema says beyond the layout of its values (doc, order,
// aliases, defaults) is not looked at.
#include "format/avro/avro_int.h"
#include "format/json/json_tree.h"

enum { MAX_NAME = 255 };

/// A type that has a name; a list of all so far.
typedef struct named {
    sli_avro_type *type;
    struct named *next;
} named;

typedef struct schema_reader {
    sl_arena *arena;
    named *names;
    sl_error *err;
} schema_reader;

static const char *const kind_names[] = {
    [SLI_AVRO_NULL] = "null",   [SLI_AVRO_BOOLEAN] = "boolean", [SLI_AVRO_INT] = "int",
    [SLI_AVRO_LONG] = "long",   [SLI_AVRO_FLOAT] = "float",     [SLI_AVRO_DOUBLE] = "double",
    [SLI_AVRO_BYTES] = "bytes", [SLI_AVRO_STRING] = "string",   [SLI_AVRO_FIXED] = "fixed",
    [SLI_AVRO_ENUM] = "enum",   [SLI_AVRO_ARRAY] = "array",     [SLI_AVRO_MAP] = "map",
    [SLI_AVRO_UNION] = "union", [SLI_AVRO_RECORD] = "record",
};

const char *sli_avro_kind_name(sli_avro_kind kind)
{
    return kind_names[kind];
}

static sl_code read_type(schema_reader *r, const sli_tree *tree, const char *space,
                         sli_avro_type **out);

static sl_code no_memory(schema_reader *r)
{
    return sl_error_nomem(r->err, sizeof(sli_avro_type), "an Avro schema");
}

static sli_avro_type *new_type(schema_reader *r, sli_avro_kind kind)
{
    sli_avro_type *type = sl_arena_alloc_zero(r->arena, sizeof *type);
    if (type != NULL) {
        type->kind = kind;
        type->empty = kind == SLI_AVRO_NULL;
    }
    return type;
}

// ---------------------------------------------------------------- names

static bool is_name(const char *text, bool dots)
{
    bool start = true;
    for (const char *at = text; *at != '\0'; at++) {
        bool letter = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || *at == '_';
        bool digit = *at >= '0' && *at <= '9';
        bool dot = dots && *at == '.';
        if (start ? !letter : !letter && !digit && !dot) {
            return false;
        }
        start = dot;
    }
    return !start && strlen(text) <= MAX_NAME;
}

/// The name within the namespace, unless it has one of its own.
static const char *full_name(schema_reader *r, const char *name, const char *space)
{
    return strchr(name, '.') != NULL || *space == '\0'
               ? sl_arena_strdup(r->arena, name)
               : sl_arena_printf(r->arena, "%s.%s", space, name);
}

/// The namespace of a full name; "" when it has none.
static const char *space_of(schema_reader *r, const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot == NULL ? "" : sl_arena_printf(r->arena, "%.*s", (int)(dot - name), name);
}

static sli_avro_type *find_name(const schema_reader *r, const char *name)
{
    for (const named *one = r->names; one != NULL; one = one->next) {
        if (strcmp(one->type->name, name) == 0) {
            return one->type;
        }
    }
    return NULL;
}

/// A new type under the name that its definition says; *space becomes its namespace.
static sl_code define(schema_reader *r, const sli_tree *tree, sli_avro_kind kind,
                      const char **space, sli_avro_type **out)
{
    const char *name = sli_tree_string(tree, "name");
    const char *own = sli_tree_string(tree, "namespace");
    if (name == NULL || !is_name(name, true)) {
        return sl_error_set(r->err, SL_E_CONFIG, "%s needs a name", kind_names[kind]);
    }
    named *entry = sl_arena_alloc_zero(r->arena, sizeof *entry);
    const char *full = full_name(r, name, own != NULL ? own : *space);
    sli_avro_type *type = new_type(r, kind);
    *space = full == NULL ? NULL : space_of(r, full);
    if (entry == NULL || type == NULL || *space == NULL) {
        return no_memory(r);
    }
    if (find_name(r, full) != NULL) {
        return sl_error_set(r->err, SL_E_CONFIG, "%s is defined twice", full);
    }
    type->name = full;
    *entry = (named){.type = type, .next = r->names};
    r->names = entry;
    *out = type;
    return SL_OK;
}

// ---------------------------------------------------------------- types with parts

static sl_code check_parts(schema_reader *r, const sli_tree *list, const char *what)
{
    if (list == NULL || list->kind != SLI_TREE_LIST) {
        return sl_error_set(r->err, SL_E_CONFIG, "a list of %s is missing", what);
    }
    if (list->n > SLI_AVRO_PARTS) {
        return sl_error_set(r->err, SL_E_CONFIG, "%d %s, where at most %d are read", (int)list->n,
                            what, SLI_AVRO_PARTS);
    }
    return SL_OK;
}

/// A type with room for n parts.
static sl_code make_parts(schema_reader *r, sli_avro_type *type, int32_t n)
{
    type->n = n;
    type->parts = sl_arena_alloc_zero(r->arena, ((size_t)n + 1) * sizeof *type->parts);
    return type->parts == NULL ? no_memory(r) : SL_OK;
}

static sl_code read_field(schema_reader *r, const sli_tree *tree, const char *space,
                          sli_avro_type *record, int32_t i)
{
    const sli_tree *type = sli_tree_find(tree, "type");
    const char *name = sli_tree_string(tree, "name");
    if (name == NULL || !is_name(name, false)) {
        return sl_error_set(r->err, SL_E_CONFIG, "field %d needs a name", (int)i + 1);
    }
    for (int32_t k = 0; k < i; k++) {
        if (strcmp(record->parts[k].name, name) == 0) {
            return sl_error_set(r->err, SL_E_CONFIG, "there are two fields '%s'", name);
        }
    }
    record->parts[i].name = name;
    sl_code rc = type == NULL ? sl_error_set(r->err, SL_E_CONFIG, "its type is missing")
                              : read_type(r, type, space, &record->parts[i].type);
    return sl_error_wrap(r->err, rc, "field '%s'", name);
}

static sl_code read_record(schema_reader *r, const sli_tree *tree, const char *space,
                           sli_avro_type **out)
{
    sli_avro_type *type = NULL;
    const sli_tree *fields = sli_tree_find(tree, "fields");
    SL_TRY(define(r, tree, SLI_AVRO_RECORD, &space, &type));
    SL_TRY(check_parts(r, fields, "fields"));
    SL_TRY(make_parts(r, type, fields->n));
    bool empty = true; // a record within itself is none: its values would not end
    int32_t i = 0;
    for (const sli_tree *field = fields->first; field != NULL; field = field->next, i++) {
        SL_TRY(read_field(r, field, space, type, i));
        empty = empty && type->parts[i].type->empty;
    }
    type->empty = empty;
    *out = type;
    return SL_OK;
}

static sl_code read_enum(schema_reader *r, const sli_tree *tree, const char *space,
                         sli_avro_type **out)
{
    sli_avro_type *type = NULL;
    const sli_tree *list = sli_tree_find(tree, "symbols");
    SL_TRY(define(r, tree, SLI_AVRO_ENUM, &space, &type));
    SL_TRY(check_parts(r, list, "symbols"));
    type->symbols = sl_arena_alloc(r->arena, ((size_t)list->n + 1) * sizeof *type->symbols);
    if (type->symbols == NULL) {
        return no_memory(r);
    }
    for (const sli_tree *one = list->first; one != NULL; one = one->next) {
        if (one->kind != SLI_TREE_STRING || !is_name(one->text, false)) {
            return sl_error_set(r->err, SL_E_CONFIG, "symbol %d of %s is no name", (int)type->n + 1,
                                type->name);
        }
        type->symbols[type->n++] = one->text;
    }
    *out = type;
    return SL_OK;
}

static sl_code read_fixed(schema_reader *r, const sli_tree *tree, const char *space,
                          sli_avro_type **out)
{
    sli_avro_type *type = NULL;
    SL_TRY(define(r, tree, SLI_AVRO_FIXED, &space, &type));
    if (!sli_tree_int64(tree, "size", &type->size) || type->size < 0 || type->size > INT32_MAX) {
        return sl_error_set(r->err, SL_E_CONFIG, "%s needs a size, from 0 to 2147483647",
                            type->name);
    }
    type->empty = type->size == 0;
    *out = type;
    return SL_OK;
}

/// An array or a map: its items or values are at `key`.
static sl_code read_items(schema_reader *r, const sli_tree *tree, const char *space,
                          sli_avro_kind kind, const char *key, sli_avro_type **out)
{
    const sli_tree *items = sli_tree_find(tree, key);
    sli_avro_type *type = new_type(r, kind);
    if (type == NULL) {
        return no_memory(r);
    }
    if (items == NULL) {
        return sl_error_set(r->err, SL_E_CONFIG, "%s needs %s", kind_names[kind], key);
    }
    SL_TRY(make_parts(r, type, 1));
    SL_TRY(read_type(r, items, space, &type->parts[0].type));
    *out = type;
    return SL_OK;
}

static sl_code read_union(schema_reader *r, const sli_tree *tree, const char *space,
                          sli_avro_type **out)
{
    sli_avro_type *type = new_type(r, SLI_AVRO_UNION);
    if (type == NULL) {
        return no_memory(r);
    }
    SL_TRY(check_parts(r, tree, "branches"));
    SL_TRY(make_parts(r, type, tree->n));
    int32_t i = 0;
    for (const sli_tree *branch = tree->first; branch != NULL; branch = branch->next, i++) {
        SL_TRY(read_type(r, branch, space, &type->parts[i].type));
        if (type->parts[i].type->kind == SLI_AVRO_UNION) {
            return sl_error_set(r->err, SL_E_CONFIG, "a union within a union");
        }
    }
    *out = type;
    return SL_OK;
}

// ---------------------------------------------------------------- logical types

static sl_code read_decimal(schema_reader *r, const sli_tree *tree, sli_avro_type *type)
{
    type->scale = 0;
    bool has_scale = sli_tree_find(tree, "scale") != NULL;
    bool fine = sli_tree_int64(tree, "precision", &type->precision) && type->precision > 0 &&
                (!has_scale || sli_tree_int64(tree, "scale", &type->scale)) && type->scale >= 0 &&
                type->scale <= type->precision;
    type->logical = SLI_AVRO_DECIMAL;
    return fine ? SL_OK
                : sl_error_set(r->err, SL_E_CONFIG,
                               "a decimal needs its precision, and a scale from 0 to that");
}

static sl_code read_logical(schema_reader *r, const sli_tree *tree, sli_avro_type *type)
{
    static const struct {
        const char *name;
        sli_avro_kind kind;
        sli_avro_logical logical;
    } known[] = {
        {"date", SLI_AVRO_INT, SLI_AVRO_DATE},
        {"timestamp-millis", SLI_AVRO_LONG, SLI_AVRO_MILLIS},
        {"timestamp-micros", SLI_AVRO_LONG, SLI_AVRO_MICROS},
        {"decimal", SLI_AVRO_BYTES, SLI_AVRO_DECIMAL},
        {"decimal", SLI_AVRO_FIXED, SLI_AVRO_DECIMAL},
    };
    const char *name = sli_tree_string(tree, "logicalType");
    for (size_t i = 0; name != NULL && i < sizeof known / sizeof *known; i++) {
        if (strcmp(known[i].name, name) == 0 && known[i].kind == type->kind) {
            type->logical = known[i].logical;
            return type->logical == SLI_AVRO_DECIMAL ? read_decimal(r, tree, type) : SL_OK;
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- any type

/// 0: no kind is called so.
static sli_avro_kind kind_of(const char *name)
{
    for (int i = SLI_AVRO_NULL; i <= SLI_AVRO_RECORD; i++) {
        if (strcmp(kind_names[i], name) == 0) {
            return (sli_avro_kind)i;
        }
    }
    return strcmp(name, "error") == 0 ? SLI_AVRO_RECORD : (sli_avro_kind)0;
}

static sl_code read_name(schema_reader *r, const char *name, const char *space, sli_avro_type **out)
{
    sli_avro_kind kind = kind_of(name);
    if (kind != 0 && kind <= SLI_AVRO_STRING) {
        *out = new_type(r, kind);
        return *out == NULL ? no_memory(r) : SL_OK;
    }
    const char *full = full_name(r, name, space);
    if (full == NULL) {
        return no_memory(r);
    }
    *out = find_name(r, full);
    *out = *out == NULL ? find_name(r, name) : *out;
    return *out != NULL ? SL_OK
                        : sl_error_set(r->err, SL_E_CONFIG,
                                       "'%.64s' is no type, and none of this name was defined "
                                       "before",
                                       name);
}

/// An object: a definition, or a type with more said about it.
static sl_code read_object(schema_reader *r, const sli_tree *tree, const char *space,
                           sli_avro_type **out)
{
    const sli_tree *inner = sli_tree_find(tree, "type");
    if (inner == NULL || inner->kind != SLI_TREE_STRING) {
        return inner == NULL ? sl_error_set(r->err, SL_E_CONFIG, "an object without a type")
                             : read_type(r, inner, space, out);
    }
    switch (kind_of(inner->text)) {
    case SLI_AVRO_RECORD:
        return read_record(r, tree, space, out);
    case SLI_AVRO_ENUM:
        return read_enum(r, tree, space, out);
    case SLI_AVRO_FIXED:
        SL_TRY(read_fixed(r, tree, space, out));
        break;
    case SLI_AVRO_ARRAY:
        return read_items(r, tree, space, SLI_AVRO_ARRAY, "items", out);
    case SLI_AVRO_MAP:
        return read_items(r, tree, space, SLI_AVRO_MAP, "values", out);
    default:
        SL_TRY(read_name(r, inner->text, space, out));
    }
    // A name that was defined elsewhere is what it was there.
    bool ours = kind_of(inner->text) != 0;
    return ours ? read_logical(r, tree, *out) : SL_OK;
}

static sl_code read_type(schema_reader *r, const sli_tree *tree, const char *space,
                         sli_avro_type **out)
{
    switch (tree->kind) {
    case SLI_TREE_STRING:
        return read_name(r, tree->text, space, out);
    case SLI_TREE_LIST:
        return read_union(r, tree, space, out);
    case SLI_TREE_OBJECT:
        return read_object(r, tree, space, out);
    default:
        return sl_error_set(r->err, SL_E_CONFIG, "'%.64s' is no type", tree->text);
    }
}

static sl_code wrap_record(schema_reader *r, sli_avro_type **out)
{
    if ((*out)->kind == SLI_AVRO_RECORD) {
        return SL_OK;
    }
    sli_avro_type *record = new_type(r, SLI_AVRO_RECORD);
    if (record == NULL) {
        return no_memory(r);
    }
    SL_TRY(make_parts(r, record, 1));
    record->parts[0] = (sli_avro_part){"value", *out};
    record->empty = (*out)->empty;
    *out = record;
    return SL_OK;
}

sl_code sli_avro_schema_read(const sli_avro_type **out, sl_text text, sl_arena *arena,
                             sl_error *err)
{
    schema_reader r = {.arena = arena, .err = err};
    const sli_tree *tree = NULL;
    sl_code rc = sli_tree_read(&tree, text, arena, err);
    if (rc == SL_E_INVALID) {
        sl_error shown = err == NULL ? SL_ERROR_INIT : *err;
        return sl_error_set(err, SL_E_CONFIG, "%s", shown.text);
    }
    SL_TRY(rc);
    sli_avro_type *type = NULL;
    SL_TRY(read_type(&r, tree, "", &type));
    SL_TRY(wrap_record(&r, &type));
    *out = type;
    return SL_OK;
}

sli_avro_peeled sli_avro_peel(const sli_avro_type *type)
{
    sli_avro_peeled out = {.type = type, .null_branch = -1};
    if (type->kind != SLI_AVRO_UNION) {
        return out;
    }
    out.type = NULL;
    out.n_branches = (int8_t)(type->n < INT8_MAX ? type->n : INT8_MAX);
    int32_t n_types = 0;
    for (int32_t i = 0; i < type->n && i < INT8_MAX; i++) {
        bool is_null = type->parts[i].type->kind == SLI_AVRO_NULL;
        out.null_branch = is_null ? (int8_t)i : out.null_branch;
        out.type = is_null ? out.type : type->parts[i].type;
        n_types += !is_null;
    }
    out.type = n_types == 1 && type->n <= 2 ? out.type : NULL;
    return out;
}
