// adds.c — what user functions add, and what of it counts.
//
// Unlike Spark's, whose accumulators count a partition each time that it is computed: what was
// taken is put in order of (RDD, partition), of several computations of one the first whole one
// counts, and the RDD remembers that it did.
#include "rdd/accumulator_int.h"

#include <stdlib.h>

// ---------------------------------------------------------------- adding. Thread: task

sl_code sli_task_adder(sli_task *task, sl_rdd *rdd, int32_t partition, sl_args *args, sl_error *err)
{
    sli_accs *accs = task->runtime->accs;
    if (accs == NULL) {
        return SL_OK;
    }
    args->adder = sl_arena_alloc(task->arena, sizeof *args->adder);
    if (args->adder == NULL) {
        return sl_error_nomem(err, sizeof *args->adder, "the accumulators of a user function");
    }
    *args->adder = (sli_adder){accs, rdd, partition, &task->adds, NULL};
    return SL_OK;
}

void sli_driver_adder(sli_runtime *runtime, sli_adder *adder, sli_adds **list, sl_args *args)
{
    if (runtime->accs != NULL) {
        *adder = (sli_adder){runtime->accs, NULL, -1, list, NULL};
        args->adder = adder;
    }
}

sl_code sli_driver_added(sli_runtime *runtime, sli_adds **list, sl_code rc, sl_error *err)
{
    if (rc == SL_OK && runtime->accs != NULL) {
        return sli_accs_take(runtime->accs, list, 0, err);
    }
    sli_adds_free(list);
    return rc;
}

void sli_adder_whole(const sl_args *args)
{
    if (args->adder != NULL && args->adder->adds != NULL) {
        args->adder->adds->whole = true;
    }
}

static sl_code begin_adds(sli_adder *adder, sl_error *err)
{
    int32_t n = adder->accs->n;
    size_t size = sizeof(sli_adds) + (size_t)n * sizeof(struct sli_added);
    sli_adds *adds = sl_alloc_zero(SLI_TAG_RDD, size);
    if (adds == NULL) {
        return sl_error_nomem(err, size, "what is added to accumulators");
    }
    adds->rdd = adder->rdd;
    adds->rdd_id = adder->rdd == NULL ? INT64_MAX : adder->rdd->id;
    adds->partition = adder->partition;
    adds->whole = adder->rdd == NULL;
    adds->n = n;
    adds->next = *adder->list;
    *adder->list = adder->adds = adds;
    return SL_OK;
}

/// Where a function adds to the accumulator of that name and kind.
static sl_code find_added(const sl_args *args, const char *name, uint32_t kinds,
                          const sli_acc_def **def, struct sli_added **out, sl_error *err)
{
    sli_adder *adder = args == NULL ? NULL : args->adder;
    if (adder == NULL) {
        return sl_error_set(err, SL_E_UNSUPPORTED,
                            "nothing can be added to '%s' here: no accumulator is declared, or the "
                            "function is an aggregation's",
                            name == NULL ? "" : name);
    }
    int32_t at = sli_accs_find(adder->accs, name, err);
    if (at < 0) {
        return SL_E_NOT_FOUND;
    }
    *def = &adder->accs->all[at].def;
    if ((kinds & 1U << (*def)->kind) == 0) {
        return sl_error_set(err, SL_E_INVALID, "accumulator '%s' is of kind %s", name,
                            sli_acc_kind_name((*def)->kind));
    }
    if (adder->adds == NULL) {
        SL_TRY(begin_adds(adder, err));
    }
    *out = &adder->adds->by_acc[at];
    (*out)->any = true;
    return SL_OK;
}

sl_code sl_args_add_int64(const sl_args *args, const char *name, int64_t value, sl_error *err)
{
    const sli_acc_def *def = NULL;
    struct sli_added *to = NULL;
    SL_TRY(find_added(args, name, 1U << SL_ACC_INT64, &def, &to, err));
    to->value.int64 = (int64_t)((uint64_t)to->value.int64 + (uint64_t)value);
    return SL_OK;
}

sl_code sl_args_add_float64(const sl_args *args, const char *name, double value, sl_error *err)
{
    const sli_acc_def *def = NULL;
    struct sli_added *to = NULL;
    SL_TRY(find_added(args, name, 1U << SL_ACC_FLOAT64, &def, &to, err));
    to->value.float64 += value;
    return SL_OK;
}

sl_code sl_args_add_bytes(const sl_args *args, const char *name, const void *value,
                          size_t size_bytes, sl_error *err)
{
    const sli_acc_def *def = NULL;
    struct sli_added *to = NULL;
    SL_TRY(find_added(args, name, 1U << SL_ACC_LIST | 1U << SL_ACC_CUSTOM, &def, &to, err));
    if (def->kind == SL_ACC_LIST) {
        return sli_acc_value_append(def, &to->value, value, size_bytes, err);
    }
    SL_TRY(sli_acc_value_begin(def, &to->value, err));
    sl_code rc = def->fn->add(to->value.state, value, size_bytes, err);
    return rc == SL_OK ? SL_OK : sl_error_wrap(err, rc, "accumulator '%s'", name);
}

sl_code sl_args_accumulated(const sl_args *args, const char *name, sl_accumulated *out,
                            sl_error *err)
{
    const sli_adder *adder = args == NULL ? NULL : args->adder;
    if (adder == NULL || adder->rdd != NULL) {
        return sl_error_set(err, SL_E_STATE,
                            "accumulators are read by functions that run on the driver");
    }
    return sli_accs_value(adder->accs, name, true, out, err);
}

// ---------------------------------------------------------------- taking. Thread: driver

/// `taken`: it holds its RDD.
static void adds_free(sli_adds *adds, bool taken)
{
    for (int32_t i = 0; i < adds->n; i++) {
        sli_acc_value_reset(&adds->by_acc[i].value);
    }
    if (taken) {
        sl_rdd_unref(adds->rdd);
    }
    sl_free(adds);
}

void sli_adds_free(sli_adds **list)
{
    while (*list != NULL) {
        sli_adds *adds = *list;
        *list = adds->next;
        adds_free(adds, false);
    }
}

static sl_code room_for_one(sli_accs *accs, sl_error *err)
{
    if (accs->n_taken < accs->capacity) {
        return SL_OK;
    }
    int32_t capacity = accs->capacity == 0 ? 16 : accs->capacity * 2;
    sli_adds **more = sl_realloc(SLI_TAG_RDD, accs->taken, (size_t)capacity * sizeof *more);
    if (more == NULL) {
        return sl_error_nomem(err, (size_t)capacity * sizeof *more, "what accumulators count");
    }
    accs->taken = more;
    accs->capacity = capacity;
    return SL_OK;
}

static bool has_counted(const sli_adds *adds)
{
    return adds->rdd != NULL && adds->rdd->counted != NULL && adds->rdd->counted[adds->partition];
}

sl_code sli_accs_take(sli_accs *accs, sli_adds **list, int64_t action, sl_error *err)
{
    sl_code rc = SL_OK;
    while (*list != NULL && rc == SL_OK) {
        sli_adds *adds = *list;
        rc = room_for_one(accs, err);
        if (rc != SL_OK) {
            break;
        }
        *list = adds->next;
        if (has_counted(adds)) {
            adds_free(adds, false);
            continue;
        }
        adds->rdd = sl_rdd_ref(adds->rdd);
        adds->number = accs->next_number++;
        adds->action = action;
        accs->taken[accs->n_taken++] = adds;
    }
    sli_adds_free(list);
    return rc;
}

void sli_accs_drop(sli_accs *accs)
{
    for (int32_t i = 0; i < accs->n_taken; i++) {
        adds_free(accs->taken[i], true);
    }
    accs->n_taken = 0;
}

// ---------------------------------------------------------------- settling. Thread: driver

/// By RDD and partition; of one partition the first whole computation comes first.
static int by_place(const void *x, const void *y)
{
    const sli_adds *a = *(sli_adds *const *)x, *b = *(sli_adds *const *)y;
    if (a->rdd_id != b->rdd_id) {
        return a->rdd_id < b->rdd_id ? -1 : 1;
    }
    if (a->partition != b->partition) {
        return a->partition < b->partition ? -1 : 1;
    }
    if (a->whole != b->whole) {
        return a->whole ? -1 : 1;
    }
    return a->number < b->number ? -1 : a->number > b->number;
}

/// Whether taken[i], in order, is the one that counts for its partition.
static bool is_first(const sli_accs *accs, int32_t i)
{
    const sli_adds *adds = accs->taken[i], *before = i == 0 ? NULL : accs->taken[i - 1];
    return before == NULL || adds->rdd == NULL || adds->rdd_id != before->rdd_id ||
           adds->partition != before->partition;
}

sl_code sli_accs_merge_taken(sli_accs *accs, int32_t only, sli_acc_value *values, sl_error *err)
{
    if (accs->n_taken == 0) {
        return SL_OK;
    }
    qsort(accs->taken, (size_t)accs->n_taken, sizeof(sli_adds *), by_place);
    for (int32_t t = 0; t < accs->n_taken; t++) {
        const sli_adds *adds = accs->taken[t];
        for (int32_t i = 0; i < adds->n && is_first(accs, t); i++) {
            if (adds->by_acc[i].any && (only < 0 || only == i)) {
                SL_TRY(sli_acc_value_merge(&accs->all[i].def, only < 0 ? &values[i] : values,
                                           &adds->by_acc[i].value, err));
            }
        }
    }
    return SL_OK;
}

/// So that marking them can't fail.
static sl_code reserve_marks(sli_accs *accs, sl_error *err)
{
    for (int32_t t = 0; t < accs->n_taken; t++) {
        sl_rdd *rdd = accs->taken[t]->rdd;
        if (rdd == NULL || rdd->counted != NULL) {
            continue;
        }
        rdd->counted = sl_alloc_zero(SLI_TAG_RDD, (size_t)rdd->n_partitions);
        if (rdd->counted == NULL) {
            return sl_error_nomem(err, (size_t)rdd->n_partitions, "what accumulators count");
        }
    }
    return SL_OK;
}

static void mark_counted(sli_accs *accs)
{
    for (int32_t t = 0; t < accs->n_taken; t++) {
        const sli_adds *adds = accs->taken[t];
        if (adds->rdd != NULL && adds->whole) {
            adds->rdd->counted[adds->partition] = true;
        }
        for (int32_t i = 0; i < adds->n; i++) {
            accs->all[i].changed = accs->all[i].changed || adds->by_acc[i].any;
        }
    }
}

static sl_code copy_values(const sli_accs *accs, sli_acc_value *out, sl_error *err)
{
    for (int32_t i = 0; i < accs->n; i++) {
        SL_TRY(sli_acc_value_copy(&accs->all[i].def, &accs->all[i].value, &out[i], err));
    }
    return SL_OK;
}

sl_code sli_accs_settle(sli_accs *accs, sl_error *err)
{
    if (accs->n_taken == 0) {
        return SL_OK;
    }
    sli_acc_value values[SL_MAX_ACCUMULATORS] = {0};
    sl_code rc = reserve_marks(accs, err);
    rc = rc == SL_OK ? copy_values(accs, values, err) : rc;
    rc = rc == SL_OK ? sli_accs_merge_taken(accs, -1, values, err) : rc;
    if (rc == SL_OK) {
        mark_counted(accs);
    }
    for (int32_t i = 0; i < accs->n; i++) {
        sli_acc *acc = &accs->all[i];
        sli_acc_value_reset(rc == SL_OK ? &acc->value : &values[i]);
        if (rc == SL_OK) {
            acc->value = values[i];
        }
    }
    sli_accs_drop(accs);
    return rc;
}

/// Of what was taken all but the action's stays.
static void drop_of_action(sli_accs *accs, int64_t action)
{
    int32_t kept = 0;
    for (int32_t i = 0; i < accs->n_taken; i++) {
        if (accs->taken[i]->action != action) {
            accs->taken[kept++] = accs->taken[i];
        } else {
            adds_free(accs->taken[i], true);
        }
    }
    accs->n_taken = kept;
}

sl_code sli_accs_action_ended(sli_accs *accs, int64_t action, sl_code rc, sl_error *err)
{
    if (accs == NULL) {
        return rc;
    }
    if (rc != SL_OK) {
        drop_of_action(accs, action);
        return rc;
    }
    return accs->by_action ? sli_accs_settle(accs, err) : SL_OK;
}
