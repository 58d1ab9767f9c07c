// accumulator.c — what accumulators are worth: values of every kind, the bytes that checkpoints
// keep of them, and what readers see.
//
// The driver owns `value`; `shown` is a copy under the mutex, which moves on when a commit group
// does. Bytes of one value: int64 and float64 are eight; a list is varint items · bytes; a custom
// state is text function · u32 version · bytes.
#include "rdd/accumulator_int.h"

#include <math.h>

enum { MAX_NAME = 100 };

// ---------------------------------------------------------------- definitions

const char *sli_acc_kind_name(sl_accumulator_kind kind)
{
    static const char *const names[] = {[SL_ACC_INT64] = "int64",
                                        [SL_ACC_FLOAT64] = "float64",
                                        [SL_ACC_LIST] = "list",
                                        [SL_ACC_CUSTOM] = "custom"};
    return kind >= SL_ACC_INT64 && kind <= SL_ACC_CUSTOM ? names[kind] : "no kind";
}

static sl_code check_fn(const sl_accumulator_fn *fn, sl_error *err)
{
    if (fn == NULL || fn->struct_size < sizeof *fn || fn->name == NULL || fn->add == NULL ||
        fn->merge == NULL || !sli_is_file_name(fn->name, MAX_NAME)) {
        return sl_error_set(err, SL_E_INVALID,
                            "a custom one needs an sl_accumulator_fn with struct_size, name, add "
                            "and merge");
    }
    if (fn->state_bytes < 1 || fn->state_bytes > SL_MAX_ACCUMULATED) {
        return sl_error_set(err, SL_E_INVALID, "'%s': a state of %zu bytes; it may have 1 to %d",
                            fn->name, fn->state_bytes, SL_MAX_ACCUMULATED);
    }
    return SL_OK;
}

sl_code sli_acc_check(const sli_acc_def *def, sl_error *err)
{
    if (def->name == NULL || !sli_is_file_name(def->name, MAX_NAME)) {
        return sl_error_set(err, SL_E_INVALID,
                            "its name is 1 to %d of [A-Za-z0-9_.-], not beginning with a dot",
                            MAX_NAME);
    }
    if (def->kind < SL_ACC_INT64 || def->kind > SL_ACC_CUSTOM) {
        return sl_error_set(err, SL_E_INVALID, "%d is no kind of accumulator", (int)def->kind);
    }
    if (def->kind == SL_ACC_CUSTOM) {
        return check_fn(def->fn, err);
    }
    return def->fn == NULL
               ? SL_OK
               : sl_error_set(err, SL_E_INVALID, "only a custom one has an sl_accumulator_fn");
}

// ---------------------------------------------------------------- values

void sli_acc_value_reset(sli_acc_value *value)
{
    sli_str_reset(&value->items);
    sl_free(value->state);
    *value = (sli_acc_value){0};
}

sl_code sli_acc_value_begin(const sli_acc_def *def, sli_acc_value *value, sl_error *err)
{
    if (def->kind != SL_ACC_CUSTOM || value->state != NULL) {
        return SL_OK;
    }
    value->state = sl_alloc_zero(SLI_TAG_RDD, def->fn->state_bytes);
    if (value->state == NULL) {
        return sl_error_nomem(err, def->fn->state_bytes, "the state of an accumulator");
    }
    if (def->fn->zero != NULL) {
        def->fn->zero(value->state);
    }
    return SL_OK;
}

static sl_code too_long(const sli_acc_def *def, sl_error *err)
{
    return sl_error_set(err, SL_E_NO_SPACE,
                        "accumulator '%s': its list would have more than %d bytes", def->name,
                        SL_MAX_ACCUMULATED);
}

sl_code sli_acc_value_append(const sli_acc_def *def, sli_acc_value *value, const void *item,
                             size_t size, sl_error *err)
{
    if (size > SL_MAX_ACCUMULATED) {
        return too_long(def, err);
    }
    size_t before = value->items.size;
    value->items.tag = SLI_TAG_RDD;
    sli_put_bytes(&value->items, item, size);
    SL_TRY(sli_str_check(&value->items, "the list of an accumulator", err));
    if (value->items.size > SL_MAX_ACCUMULATED) {
        value->items.size = before;
        return too_long(def, err);
    }
    value->int64++;
    return SL_OK;
}

static sl_code merge_items(const sli_acc_def *def, sli_acc_value *into, const sli_acc_value *from,
                           sl_error *err)
{
    if (into->items.size + from->items.size > SL_MAX_ACCUMULATED) {
        return too_long(def, err);
    }
    into->items.tag = SLI_TAG_RDD;
    sli_str_add(&into->items, from->items.data, from->items.size);
    into->int64 += from->int64;
    return sli_str_check(&into->items, "the list of an accumulator", err);
}

static sl_code merge_state(const sli_acc_def *def, sli_acc_value *into, const sli_acc_value *from,
                           sl_error *err)
{
    SL_TRY(sli_acc_value_begin(def, into, err));
    sl_error error = SL_ERROR_INIT;
    sl_code rc = from->state == NULL ? SL_OK : def->fn->merge(into->state, from->state, &error);
    if (rc != SL_OK && err != NULL) {
        *err = error;
    }
    return rc == SL_OK ? SL_OK
                       : sl_error_wrap(err, rc, "accumulator '%s', merge of '%s'", def->name,
                                       def->fn->name);
}

sl_code sli_acc_value_merge(const sli_acc_def *def, sli_acc_value *into, const sli_acc_value *from,
                            sl_error *err)
{
    switch (def->kind) {
    case SL_ACC_INT64: // wraps around, as the addition of tasks does
        into->int64 = (int64_t)((uint64_t)into->int64 + (uint64_t)from->int64);
        return SL_OK;
    case SL_ACC_FLOAT64:
        into->float64 += from->float64;
        return SL_OK;
    case SL_ACC_LIST:
        return merge_items(def, into, from, err);
    case SL_ACC_CUSTOM:
        break;
    }
    return merge_state(def, into, from, err);
}

sl_code sli_acc_value_copy(const sli_acc_def *def, const sli_acc_value *from, sli_acc_value *out,
                           sl_error *err)
{
    sli_acc_value copy = {.int64 = from->int64, .float64 = from->float64, .items.tag = SLI_TAG_RDD};
    sli_str_add(&copy.items, from->items.data, from->items.size);
    sl_code rc = sli_str_check(&copy.items, "the list of an accumulator", err);
    if (rc == SL_OK && from->state != NULL) {
        copy.state = sl_alloc(SLI_TAG_RDD, def->fn->state_bytes);
        rc = copy.state == NULL
                 ? sl_error_nomem(err, def->fn->state_bytes, "the state of an accumulator")
                 : SL_OK;
    }
    if (rc != SL_OK) {
        sli_acc_value_reset(&copy);
        return rc;
    }
    if (copy.state != NULL) {
        memcpy(copy.state, from->state, def->fn->state_bytes);
    }
    *out = copy;
    return SL_OK;
}

// ---------------------------------------------------------------- the set

sl_code sli_accs_new(sli_accs **out, bool by_action, sl_error *err)
{
    sli_accs *accs = sl_alloc_zero(SLI_TAG_RDD, sizeof *accs);
    sli_acc *all = sl_alloc_array(SLI_TAG_RDD, SL_MAX_ACCUMULATORS, sizeof *all);
    if (accs == NULL || all == NULL) {
        sl_free(accs);
        sl_free(all);
        return sl_error_nomem(err, SL_MAX_ACCUMULATORS * sizeof *all, "accumulators");
    }
    accs->all = all;
    accs->by_action = by_action;
    sli_mutex_init(&accs->mutex, SLI_RANK_ACCUMULATOR);
    *out = accs;
    return SL_OK;
}

static void acc_reset(sli_acc *acc)
{
    sli_acc_value_reset(&acc->value);
    sli_acc_value_reset(&acc->shown);
    sl_free((char *)(uintptr_t)acc->def.name);
    *acc = (sli_acc){0};
}

void sli_accs_free(sli_accs *accs)
{
    if (accs == NULL) {
        return;
    }
    sli_accs_drop(accs);
    for (int32_t i = 0; i < accs->n; i++) {
        acc_reset(&accs->all[i]);
    }
    sl_free(accs->all);
    sl_free(accs->taken);
    sli_mutex_reset(&accs->mutex);
    sl_free(accs);
}

static int32_t index_of(const sli_accs *accs, const char *name)
{
    for (int32_t i = 0; i < accs->n; i++) {
        if (strcmp(accs->all[i].def.name, name) == 0) {
            return i;
        }
    }
    return -1;
}

int32_t sli_accs_find(const sli_accs *accs, const char *name, sl_error *err)
{
    const char *names[SL_MAX_ACCUMULATORS + 1] = {NULL};
    int32_t at = accs == NULL || name == NULL ? -1 : index_of(accs, name);
    if (at >= 0) {
        return at;
    }
    for (int32_t i = 0; accs != NULL && i < accs->n; i++) {
        names[i] = accs->all[i].def.name;
    }
    const char *near = name == NULL ? NULL : sli_nearest(name, names);
    (void)!sl_error_set(err, SL_E_NOT_FOUND, "there is no accumulator '%s'%s%s%s",
                        name == NULL ? "" : name, near == NULL ? "" : ", did you mean '",
                        near == NULL ? "" : near, near == NULL ? "" : "'?");
    return -1;
}

sl_code sli_accs_declare(sli_accs *accs, const sli_acc_def *def, sl_error *err)
{
    SL_TRY(sli_acc_check(def, err));
    int32_t at = index_of(accs, def->name);
    if (at < 0 && accs->n == SL_MAX_ACCUMULATORS) {
        return sl_error_set(err, SL_E_INVALID, "accumulator '%s' is one too many: there may be %d",
                            def->name, SL_MAX_ACCUMULATORS);
    }
    char *name = sl_strdup(SLI_TAG_RDD, def->name);
    if (name == NULL) {
        return sl_error_nomem(err, strlen(def->name), "the name of an accumulator");
    }
    sli_acc *acc = &accs->all[at < 0 ? accs->n++ : at];
    acc_reset(acc);
    acc->def = (sli_acc_def){name, def->kind, def->fn};
    return SL_OK;
}

void sli_accs_zero(sli_accs *accs)
{
    for (int32_t i = 0; i < accs->n; i++) {
        sli_acc_value_reset(&accs->all[i].value);
        accs->all[i].changed = false;
    }
}

// ---------------------------------------------------------------- bytes

static uint64_t bits_of(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static void put_value(const sli_acc *acc, sli_str *out)
{
    sli_put_text(out, acc->def.name);
    sli_put_u8(out, (uint8_t)acc->def.kind);
    switch (acc->def.kind) {
    case SL_ACC_INT64:
        sli_put_i64(out, acc->value.int64);
        return;
    case SL_ACC_FLOAT64:
        sli_put_u64(out, bits_of(acc->value.float64));
        return;
    case SL_ACC_LIST:
        sli_put_varint(out, (uint64_t)acc->value.int64);
        sli_put_bytes(out, acc->value.items.data, acc->value.items.size);
        return;
    case SL_ACC_CUSTOM:
        break;
    }
    sli_put_text(out, acc->def.fn->name);
    sli_put_u32(out, acc->def.fn->version);
    sli_put_bytes(out, acc->value.state, acc->value.state == NULL ? 0 : acc->def.fn->state_bytes);
}

sl_code sli_accs_put(sli_accs *accs, bool all, sli_str *out, sl_error *err)
{
    for (int32_t i = 0; i < accs->n; i++) {
        if (all || accs->all[i].changed) {
            put_value(&accs->all[i], out);
        }
    }
    SL_TRY(sli_str_check(out, "the values of accumulators", err));
    for (int32_t i = 0; !all && i < accs->n; i++) {
        accs->all[i].changed = false;
    }
    return SL_OK;
}

/// One value as bytes; texts point into them.
typedef struct record {
    sl_bytes name, items, fn, state;
    uint8_t kind;
    uint32_t version;
    int64_t int64;
    uint64_t bits;
} record;

static record get_record(sli_reader *r)
{
    record out = {.name = sli_get_bytes(r), .kind = sli_get_u8(r)};
    switch (out.kind) {
    case SL_ACC_INT64:
        out.int64 = sli_get_i64(r);
        break;
    case SL_ACC_FLOAT64:
        out.bits = sli_get_u64(r);
        break;
    case SL_ACC_LIST:
        out.int64 = (int64_t)sli_get_varint(r);
        out.items = sli_get_bytes(r);
        break;
    case SL_ACC_CUSTOM:
        out.fn = sli_get_bytes(r);
        out.version = sli_get_u32(r);
        out.state = sli_get_bytes(r);
        break;
    default:
        r->bad = true;
    }
    return out;
}

static sl_code check_record(const sli_acc_def *def, const record *of, sl_error *err)
{
    if (of->kind != (uint8_t)def->kind) {
        return sl_error_set(err, SL_E_INCOMPATIBLE,
                            "accumulator '%s' is %s on record, the job declares %s: give it "
                            "another name",
                            def->name, sli_acc_kind_name(of->kind), sli_acc_kind_name(def->kind));
    }
    if (def->kind != SL_ACC_CUSTOM) {
        return SL_OK;
    }
    bool same = sli_text_is((sl_text){of->fn.data, of->fn.size}, def->fn->name) &&
                of->version == def->fn->version &&
                (of->state.size == 0 || of->state.size == def->fn->state_bytes);
    return same ? SL_OK
                : sl_error_set(err, SL_E_INCOMPATIBLE,
                               "accumulator '%s' is of '%.*s' version %u with %zu bytes on record, "
                               "the job's '%s' is version %u with %zu: give it another name",
                               def->name, (int)(of->fn.size < 100 ? of->fn.size : 100),
                               (const char *)of->fn.data, (unsigned)of->version, of->state.size,
                               def->fn->name, (unsigned)def->fn->version, def->fn->state_bytes);
}

static sl_code set_value(const record *of, sli_acc_value *out, sl_error *err)
{
    sli_acc_value value = {.int64 = of->int64, .items.tag = SLI_TAG_RDD};
    memcpy(&value.float64, &of->bits, sizeof value.float64);
    sli_str_add(&value.items, of->items.data, of->items.size);
    sl_code rc = sli_str_check(&value.items, "the list of an accumulator", err);
    if (rc == SL_OK && of->state.size > 0) {
        value.state = sl_alloc(SLI_TAG_RDD, of->state.size);
        rc = value.state == NULL
                 ? sl_error_nomem(err, of->state.size, "the state of an accumulator")
                 : SL_OK;
    }
    if (rc != SL_OK) {
        sli_acc_value_reset(&value);
        return rc;
    }
    if (of->state.size > 0) {
        memcpy(value.state, of->state.data, of->state.size);
    }
    sli_acc_value_reset(out);
    *out = value;
    return SL_OK;
}

static sl_code each_record(sli_accs *accs, sl_bytes bytes, bool shown, sl_error *err)
{
    sli_reader r = sli_reader_of(bytes);
    while (r.at != r.end && !r.bad) {
        record of = get_record(&r);
        for (int32_t i = 0; i < accs->n && !r.bad; i++) {
            sli_acc *acc = &accs->all[i];
            if (sli_text_is((sl_text){of.name.data, of.name.size}, acc->def.name)) {
                SL_TRY(check_record(&acc->def, &of, err));
                SL_TRY(set_value(&of, shown ? &acc->shown : &acc->value, err));
            }
        }
    }
    return sli_reader_done(&r, "the values of accumulators", err);
}

sl_code sli_accs_load(sli_accs *accs, sl_bytes bytes, sl_error *err)
{
    return each_record(accs, bytes, false, err);
}

sl_code sli_accs_show(sli_accs *accs, sl_bytes bytes, sl_error *err)
{
    sli_mutex_lock(&accs->mutex);
    sl_code rc = each_record(accs, bytes, true, err);
    sli_mutex_unlock(&accs->mutex);
    return rc;
}

// ---------------------------------------------------------------- reading

/// Moves what a value holds to the reader.
static void give(const sli_acc_def *def, sli_acc_value *value, sl_accumulated *out)
{
    *out = (sl_accumulated){.kind = def->kind, .int64 = value->int64, .float64 = value->float64};
    if (def->kind == SL_ACC_LIST) {
        out->size_bytes = value->items.size;
        out->bytes = value->items.data;
        value->items = (sli_str){0};
    } else if (def->kind == SL_ACC_CUSTOM) {
        out->size_bytes = def->fn->state_bytes;
        out->bytes = value->state;
        value->state = NULL;
    }
    sli_acc_value_reset(value);
}

static sl_code begin_and_give(const sli_acc_def *def, sli_acc_value *value, sl_accumulated *out,
                              sl_error *err)
{
    sl_code rc = sli_acc_value_begin(def, value, err); // nothing was ever added
    if (rc != SL_OK) {
        sli_acc_value_reset(value);
        return rc;
    }
    give(def, value, out);
    return SL_OK;
}

sl_code sli_accs_value(sli_accs *accs, const char *name, bool with_taken, sl_accumulated *out,
                       sl_error *err)
{
    int32_t at = sli_accs_find(accs, name, err);
    if (at < 0) {
        return SL_E_NOT_FOUND;
    }
    const sli_acc *acc = &accs->all[at];
    sli_acc_value copy = {0};
    SL_TRY(sli_acc_value_copy(&acc->def, &acc->value, &copy, err));
    sl_code rc = with_taken ? sli_accs_merge_taken(accs, at, &copy, err) : SL_OK;
    if (rc != SL_OK) {
        sli_acc_value_reset(&copy);
        return rc;
    }
    return begin_and_give(&acc->def, &copy, out, err);
}

sl_code sli_accs_shown(sli_accs *accs, const char *name, sl_accumulated *out, sl_error *err)
{
    int32_t at = sli_accs_find(accs, name, err);
    if (at < 0) {
        return SL_E_NOT_FOUND;
    }
    const sli_acc *acc = &accs->all[at];
    sli_acc_value copy = {0};
    sli_mutex_lock(&accs->mutex);
    sl_code rc = sli_acc_value_copy(&acc->def, &acc->shown, &copy, err);
    sli_mutex_unlock(&accs->mutex);
    return rc == SL_OK ? begin_and_give(&acc->def, &copy, out, err) : rc;
}

bool sl_accumulated_next(const sl_accumulated *value, size_t *at, sl_text *item)
{
    if (value->kind != SL_ACC_LIST || *at >= value->size_bytes) {
        return false;
    }
    sli_reader r =
        sli_reader_of((sl_bytes){(const char *)value->bytes + *at, value->size_bytes - *at});
    sl_bytes bytes = sli_get_bytes(&r);
    *at = (size_t)((const char *)r.at - (const char *)value->bytes);
    *item = (sl_text){bytes.data, bytes.size};
    return !r.bad;
}

void sl_accumulated_reset(sl_accumulated *value)
{
    sl_free(value->bytes);
    *value = (sl_accumulated){0};
}

static void put_json_float(sli_str *out, double value)
{
    char number[32];
    if (isfinite(value)) {
        sli_str_add(out, number, sli_format_float64(value, number));
    } else {
        sli_str_text(out, "null"); // JSON has no word for it
    }
}

void sli_accs_json(const sli_accs *accs, sli_str *out)
{
    const char *between = "{";
    for (int32_t i = 0; i < accs->n; i++) {
        const sli_acc *acc = &accs->all[i];
        if (acc->def.kind == SL_ACC_CUSTOM) {
            continue;
        }
        sli_str_printf(out, "%s\"%s\":", between, acc->def.name);
        between = ",";
        if (acc->def.kind == SL_ACC_FLOAT64) {
            put_json_float(out, acc->value.float64);
        } else {
            sli_str_printf(out, "%lld", (long long)acc->value.int64);
        }
    }
    sli_str_text(out, between[0] == '{' ? "{}" : "}");
}

void sli_accs_each_int64(const sli_accs *accs,
                         void (*each)(void *ctx, const char *name, int64_t value), void *ctx)
{
    for (int32_t i = 0; i < accs->n; i++) {
        if (accs->all[i].def.kind == SL_ACC_INT64) {
            each(ctx, accs->all[i].def.name, accs->all[i].shown.int64);
        }
    }
}
