/// args.c — what a user function can ask about its call: reading struct sl_args.
#include "expr/expr_int.h"

#include "base/hash.h"

typedef struct visit {
    const char *key;
    sl_code (*each)(void *ctx, sl_text value, sl_error *err);
    void *ctx;
} visit;

static sl_code visit_pair(void *ctx, sl_text key, sl_text value, sl_error *err)
{
    const visit *self = ctx;
    return sli_text_is(key, self->key) ? self->each(self->ctx, value, err) : SL_OK;
}

sl_code sli_args_visit(const sl_args *args, const char *key,
                       sl_code (*each)(void *ctx, sl_text value, sl_error *err), void *ctx,
                       sl_error *err)
{
    visit self = {key, each, ctx};
    if (args == NULL || args->text == NULL) {
        return SL_OK;
    }
    return sli_pairs_each(args->text, visit_pair, &self, err);
}

// ---------------------------------------------------------------- values

// A value of any type, as it is given last in the text.
typedef struct found {
    sl_arena *arena;
    const char *text;
    int64_t i;
    double f;
} found;

static sl_code take_text(void *ctx, sl_text value, sl_error *err)
{
    found *self = ctx;
    char *copy = self->arena == NULL ? NULL : sl_arena_alloc(self->arena, value.size + 1);
    if (copy == NULL) {
        return sl_error_nomem(err, value.size + 1, "an argument");
    }
    if (value.size > 0) {
        memcpy(copy, value.data, value.size);
    }
    copy[value.size] = '\0';
    self->text = copy;
    return SL_OK;
}

static sl_code take_int64(void *ctx, sl_text value, sl_error *err)
{
    found *self = ctx;
    return sli_scan_int64(value, &self->i, err);
}

static sl_code take_float64(void *ctx, sl_text value, sl_error *err)
{
    found *self = ctx;
    return sli_scan_float64(value, &self->f, err);
}

const char *sl_args_text(const sl_args *args, const char *key, const char *otherwise)
{
    found value = {.arena = args == NULL ? NULL : args->arena, .text = otherwise};
    sl_code rc = sli_args_visit(args, key, take_text, &value, NULL);
    return rc == SL_OK ? value.text : otherwise;
}

int64_t sl_args_int64(const sl_args *args, const char *key, int64_t otherwise)
{
    found value = {.i = otherwise};
    sl_code rc = sli_args_visit(args, key, take_int64, &value, NULL);
    return rc == SL_OK ? value.i : otherwise;
}

double sl_args_float64(const sl_args *args, const char *key, double otherwise)
{
    found value = {.f = otherwise};
    sl_code rc = sli_args_visit(args, key, take_float64, &value, NULL);
    return rc == SL_OK ? value.f : otherwise;
}

int64_t sl_args_epoch(const sl_args *args)
{
    return args == NULL ? 0 : args->epoch;
}

int64_t sl_args_time_us(const sl_args *args)
{
    return args == NULL ? 0 : args->time_us;
}

int32_t sl_args_partition(const sl_args *args)
{
    return args == NULL ? 0 : args->partition;
}

uint64_t sl_args_random(const sl_args *args)
{
    SL_ASSERT(args != NULL && args->rng != NULL,
              "who calls a user function gives it a seeded generator");
    return sli_rng_next(args->rng);
}

void *sl_args_state(const sl_args *args)
{
    return args == NULL ? NULL : args->state;
}

void *sl_args_alloc(const sl_args *args, size_t size)
{
    return args == NULL || args->arena == NULL ? NULL : sl_arena_alloc(args->arena, size);
}

void *sl_args_attached(const sl_args *args, const char *name)
{
    return args == NULL || args->attached == NULL ? NULL : args->attached(args->attached_ctx, name);
}
