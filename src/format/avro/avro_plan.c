// avro_plan.c — Avro's types held against columns.
//
// Which columns a schema gives, and for wanted columns where each comes from. All that depends on
// types alone is found out and refused here, once, so that reading and writing a record look at
// bytes and cells only.
#include "format/avro/avro_int.h"

enum {
    COLUMN_DEPTH = 16,      ///< lists and structs within each other: col allows no more
    COLUMNS_BYTES = 1 << 20 ///< of a schema's text, as well
};

// ---------------------------------------------------------------- types to columns

/// The column type of a type; 0: none.
static sl_type column_type(const sli_avro_type *type)
{
    static const sl_type plain[] = {
        [SLI_AVRO_BOOLEAN] = SL_BOOL,  [SLI_AVRO_INT] = SL_INT32,      [SLI_AVRO_LONG] = SL_INT64,
        [SLI_AVRO_FLOAT] = SL_FLOAT32, [SLI_AVRO_DOUBLE] = SL_FLOAT64, [SLI_AVRO_BYTES] = SL_BINARY,
        [SLI_AVRO_STRING] = SL_STRING, [SLI_AVRO_FIXED] = SL_BINARY,   [SLI_AVRO_ENUM] = SL_STRING,
        [SLI_AVRO_ARRAY] = SL_LIST,    [SLI_AVRO_RECORD] = SL_STRUCT,
    };
    static const sl_type logical[] = {
        [SLI_AVRO_DATE] = SL_DATE,
        [SLI_AVRO_MILLIS] = SL_TIMESTAMP,
        [SLI_AVRO_MICROS] = SL_TIMESTAMP,
        [SLI_AVRO_DECIMAL] = SL_DECIMAL,
    };
    size_t kind = (size_t)type->kind;
    return type->logical != SLI_AVRO_PLAIN       ? logical[type->logical]
           : kind < sizeof plain / sizeof *plain ? plain[kind]
                                                 : (sl_type)0;
}

static sl_code no_column(const char *what, sl_error *err)
{
    return sl_error_set(err, SL_E_CONFIG,
                        "%s has no column type; name the columns that you want in the option "
                        "schema, without this one",
                        what);
}

/// Whether a column can have values of the type. Fails with the reason.
static sl_code check_type(const sli_avro_type *type, sl_error *err)
{
    if (type == NULL) {
        return no_column("a union of several types", err);
    }
    if (type->empty) {
        return no_column("a type whose values have no bytes", err);
    }
    if (type->kind == SLI_AVRO_MAP) {
        return no_column("a map", err);
    }
    return type->logical == SLI_AVRO_DECIMAL && type->precision > 38
               ? no_column("a decimal of more than 38 digits", err)
               : SL_OK;
}

static sl_code put_type(sli_str *out, const sli_avro_type *type, int depth, sl_error *err);

static sl_code put_fields(sli_str *out, const sli_avro_type *record, int depth, sl_error *err)
{
    for (int32_t i = 0; i < record->n; i++) {
        const sli_avro_part *part = &record->parts[i];
        sli_str_printf(out, "%s%s ", i == 0 ? "" : ", ", part->name);
        sl_code rc = put_type(out, part->type, depth, err);
        if (rc != SL_OK) {
            return sl_error_wrap(err, rc, "field '%s'", part->name);
        }
    }
    return SL_OK;
}

static sl_code put_nested(sli_str *out, const sli_avro_type *type, int depth, sl_error *err)
{
    if (depth == COLUMN_DEPTH) {
        return no_column("what is nested more than 16 deep, or part of itself,", err);
    }
    bool is_list = type->kind == SLI_AVRO_ARRAY;
    sli_str_text(out, is_list ? "list<" : "struct<");
    SL_TRY(is_list ? put_type(out, type->parts[0].type, depth + 1, err)
                   : put_fields(out, type, depth + 1, err));
    sli_str_char(out, '>');
    return SL_OK;
}

static const char *const type_words[] = {
    [SL_BOOL] = "bool",           [SL_INT32] = "int32",     [SL_INT64] = "int64",
    [SL_FLOAT32] = "float32",     [SL_FLOAT64] = "float64", [SL_DATE] = "date",
    [SL_TIMESTAMP] = "timestamp", [SL_STRING] = "string",   [SL_BINARY] = "binary",
};

static sl_code put_type(sli_str *out, const sli_avro_type *type, int depth, sl_error *err)
{
    sli_avro_peeled of = sli_avro_peel(type);
    SL_TRY(check_type(of.type, err));
    sl_type column = column_type(of.type);
    if (out->size > COLUMNS_BYTES) {
        return no_column("a schema of more than a million bytes", err);
    }
    if (column == SL_LIST || column == SL_STRUCT) {
        SL_TRY(put_nested(out, of.type, depth, err));
    } else if (column == SL_DECIMAL) {
        sli_str_printf(out, "decimal(%d,%d)", (int)of.type->precision, (int)of.type->scale);
    } else {
        sli_str_text(out, type_words[column]);
    }
    sli_str_text(out, of.null_branch >= 0 ? "?" : "");
    return SL_OK;
}

sl_code sli_avro_columns(const sli_avro_type *record, sl_schema **out, sl_error *err)
{
    sli_str text = {.tag = SLI_TAG_FORMAT};
    sl_code rc = put_fields(&text, record, 0, err);
    rc = rc == SL_OK ? sli_str_check(&text, "the columns of an Avro schema", err) : rc;
    if (rc == SL_OK) {
        rc = sl_schema_parse(out, text.data == NULL ? "" : text.data, err);
    }
    sli_str_reset(&text);
    return rc;
}

// ---------------------------------------------------------------- plans

typedef struct planner {
    sl_arena *arena;
    sl_error *err;
    bool writing;
} planner;

/// Whether a field's values can be read into the column as they are, or wider.
static bool can_read(const sli_avro_type *type, const sl_field *field)
{
    sl_type natural = column_type(type), wanted = field->type;
    if (natural == SL_DECIMAL && wanted == SL_DECIMAL) {
        return field->scale == type->scale && field->precision >= type->precision;
    }
    switch (natural) {
    case SL_INT32:
        return wanted == SL_INT32 || wanted == SL_INT64 || wanted == SL_FLOAT32 ||
               wanted == SL_FLOAT64;
    case SL_INT64:
        return wanted == SL_INT64 || wanted == SL_FLOAT32 || wanted == SL_FLOAT64;
    case SL_FLOAT32:
        return wanted == SL_FLOAT32 || wanted == SL_FLOAT64;
    case SL_STRING:
        return wanted == SL_STRING || (wanted == SL_BINARY && type->kind == SLI_AVRO_STRING);
    case SL_BINARY:
        return wanted == SL_BINARY || (wanted == SL_STRING && type->kind == SLI_AVRO_BYTES);
    default:
        return natural == wanted;
    }
}

/// Whether the column's cells are values of the field's type, or narrower ones.
static bool can_write(const sli_avro_type *type, const sl_field *field)
{
    sl_type natural = column_type(type), given = field->type;
    bool is_int = given == SL_INT8 || given == SL_INT16 || given == SL_INT32 || given == SL_UINT8 ||
                  given == SL_UINT16;
    if (natural == SL_DECIMAL && given == SL_DECIMAL) {
        return field->scale == type->scale && field->precision <= type->precision;
    }
    switch (natural) {
    case SL_INT32:
        return is_int;
    case SL_INT64:
        return is_int || given == SL_INT64 || given == SL_UINT32;
    case SL_FLOAT64:
        return given == SL_FLOAT64 || given == SL_FLOAT32;
    case SL_BINARY:
        return given == SL_BINARY || (given == SL_STRING && type->kind == SLI_AVRO_BYTES);
    default:
        return natural == given;
    }
}

static sl_code unfit(const planner *p, const sli_avro_type *type)
{
    static const char *const logical[] = {
        [SLI_AVRO_DATE] = " (date)",
        [SLI_AVRO_MILLIS] = " (timestamp-millis)",
        [SLI_AVRO_MICROS] = " (timestamp-micros)",
        [SLI_AVRO_DECIMAL] = " (decimal of another precision or scale)",
    };
    const char *more = logical[type->logical];
    return sl_error_set(p->err, SL_E_CONFIG, "it is Avro's %s%s, which does not fit the column",
                        sli_avro_kind_name(type->kind), more == NULL ? "" : more);
}

static sl_code plan_fields(const planner *p, const sli_avro_type *record, const sl_field *fields,
                           int32_t n, const sli_avro_step **out);

static sl_code plan_part(const planner *p, const sli_avro_type *type, const sl_field *field,
                         sli_avro_step *step)
{
    step->of = sli_avro_peel(type);
    step->field = field;
    SL_TRY(check_type(step->of.type, p->err));
    if (!(p->writing ? can_write : can_read)(step->of.type, field)) {
        return unfit(p, step->of.type);
    }
    if (field->type == SL_STRUCT) {
        return plan_fields(p, step->of.type, field->children, field->n_children, &step->steps);
    }
    if (field->type != SL_LIST) {
        return SL_OK;
    }
    sli_avro_step *item = sl_arena_alloc_zero(p->arena, sizeof *item);
    if (item == NULL) {
        return sl_error_nomem(p->err, sizeof *item, "an Avro schema");
    }
    step->steps = item;
    return plan_part(p, step->of.type->parts[0].type, field->children, item);
}

static int32_t find_field(const sl_field *fields, int32_t n, const char *name)
{
    for (int32_t i = 0; i < n; i++) {
        if (strcmp(fields[i].name, name) == 0) {
            return i;
        }
    }
    return -1;
}

/// Every column has to be a field.
static sl_code check_found(const planner *p, const sli_avro_type *record, const sl_field *fields,
                           int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        int32_t k = 0;
        while (k < record->n && strcmp(record->parts[k].name, fields[i].name) != 0) {
            k++;
        }
        if (k == record->n) {
            return sl_error_set(p->err, SL_E_CONFIG,
                                "column '%s' is no field of the Avro schema%s%s", fields[i].name,
                                record->name == NULL ? "" : "'s record ",
                                record->name == NULL ? "" : record->name);
        }
    }
    return SL_OK;
}

static sl_code plan_fields(const planner *p, const sli_avro_type *record, const sl_field *fields,
                           int32_t n, const sli_avro_step **out)
{
    size_t size = ((size_t)record->n + 1) * sizeof(sli_avro_step);
    sli_avro_step *steps = sl_arena_alloc_zero(p->arena, size);
    if (steps == NULL) {
        return sl_error_nomem(p->err, size, "an Avro schema");
    }
    SL_TRY(check_found(p, record, fields, n));
    for (int32_t i = 0; i < record->n; i++) {
        const sli_avro_part *part = &record->parts[i];
        steps[i].slot = find_field(fields, n, part->name);
        if (steps[i].slot < 0 && p->writing) {
            return sl_error_set(p->err, SL_E_CONFIG, "the Avro schema's field '%s' has no column",
                                part->name);
        }
        if (steps[i].slot >= 0) {
            sl_code rc = plan_part(p, part->type, &fields[steps[i].slot], &steps[i]);
            SL_TRY(sl_error_wrap(p->err, rc, "field '%s'", part->name));
        }
    }
    *out = steps;
    return SL_OK;
}

sl_code sli_avro_plan_read(const sli_avro_step **out, const sli_avro_type *record,
                           const sl_schema *schema, sl_arena *arena, sl_error *err)
{
    planner p = {.arena = arena, .err = err};
    return plan_fields(&p, record, sl_schema_field(schema, 0), sl_schema_columns(schema), out);
}

sl_code sli_avro_plan_write(const sli_avro_step **out, const sli_avro_type *record,
                            const sl_schema *schema, sl_arena *arena, sl_error *err)
{
    planner p = {.arena = arena, .err = err, .writing = true};
    return plan_fields(&p, record, sl_schema_field(schema, 0), sl_schema_columns(schema), out);
}
