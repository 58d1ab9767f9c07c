// bench_test.c — the helpers of bench_test.h.
#include "rdd/bench_test.h"

void bench_open(bench *b)
{
    *b = (bench){0};
    b->runtime = &b->own;
    b->own.parallelism = 3;
    b->own.next_id = 1;
    b->own.budget = sli_budget_new(1 << 20);
    b->arena = sl_arena_new(SLI_TAG_TEST);
    b->task = (sli_task){.runtime = &b->own, .arena = b->arena, .source_from = -1};
    assert_non_null(b->own.budget);
    assert_non_null(b->arena);
}

void bench_close(bench *b)
{
    sli_runtime_reset(&b->own);
    assert_int_equal(sli_budget_used(b->own.budget), 0);
    sli_budget_free(b->own.budget);
    sl_arena_free(b->arena);
}

sl_session *bench_session(bench *b)
{
    return (sl_session *)(void *)b;
}

sl_schema *schema_of(const char *text)
{
    sl_schema *schema = NULL;
    assert_int_equal(sl_schema_parse(&schema, text, NULL), SL_OK);
    return schema;
}

sl_batch *numbers(int64_t from, int64_t to)
{
    sl_schema *schema = schema_of("n int64");
    sl_builder *builder = NULL;
    sl_batch *batch = NULL;
    assert_int_equal(sl_builder_new(&builder, schema, NULL), SL_OK);
    for (int64_t i = from; i < to; i++) {
        sl_builder_int64(builder, 0, i);
    }
    assert_int_equal(sl_builder_finish(builder, &batch, NULL), SL_OK);
    sl_builder_free(builder);
    sl_schema_unref(schema);
    return batch;
}
