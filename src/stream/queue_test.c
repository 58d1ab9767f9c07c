// Queue streams: pushing, ranges, forgetting, and pushing while others read.
#include "stream/graph_fixture_test.h"

#include "env/env.h"

typedef struct seen {
    sli_str text;
    int64_t rows;
} seen;

static sl_code see(void *ctx, sl_batch *batch, sl_error *err)
{
    seen *s = ctx;
    (void)err;
    for (int64_t row = 0; row < sl_batch_rows(batch); row++) {
        sl_text text = sl_column_text(sl_batch_column(batch, 0), row);
        sli_str_add(&s->text, text.data, text.size);
        sli_str_char(&s->text, ' ');
    }
    s->rows += sl_batch_rows(batch);
    return SL_OK;
}

/// The words of a split, each followed by a blank, or the name of the failure. Free with sl_free.
static char *read_split(sli_source *source, sl_bytes range, int32_t split)
{
    seen s = {.text = {.tag = SLI_TAG_TEST}};
    sli_decode_stats stats = {0};
    sl_error err = SL_ERROR_INIT;
    sl_code rc = source->ops->read(source, range, split, see, &s, &stats, &err);
    sli_str_text(&s.text, rc == SL_OK ? "" : sl_code_name(rc));
    assert_true(rc != SL_OK || stats.records == s.rows);
    return sli_str_take(&s.text);
}

#define CHECK_SPLIT(source, range, split, expected)                                                \
    do {                                                                                           \
        char *text_ = read_split(source, range, split);                                            \
        SL_CHECK_TEXT(text_, expected);                                                            \
        sl_free(text_);                                                                            \
    } while (0)

static sli_offer offer_of(sli_source *source, sl_arena *arena)
{
    sli_offer offer = {0};
    sli_ask ask = {.epoch = 1, .max_rows = 1}; // a rate limit does not cut RDDs
    assert_int_equal(source->ops->offer(source, &ask, arena, &offer, NULL), SL_OK);
    return offer;
}

SL_TEST(queue_gives_one_rdd_an_epoch_or_all_that_are_there, "")
{
    slt_graph g = slt_graph_new();
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    sl_stream *one = sl_stream_queue(g.graph, "one", "word string", true);
    sl_stream *all = sl_stream_queue(g.graph, "all", "word string", false);
    for (int i = 0; i < 2; i++) {
        slt_push(&g, i == 0 ? "one" : "all", "a|b|c", 2);
        slt_push(&g, i == 0 ? "one" : "all", "d", 3);
    }
    sli_offer first = offer_of(one->source, arena), second = offer_of(one->source, arena);
    assert_int_equal(first.n_splits, 2);
    assert_int_equal(first.rows, 3);
    assert_true(first.more);
    assert_int_equal(second.n_splits, 3);
    assert_false(second.more);
    CHECK_SPLIT(one->source, first.range, 0, "a ");
    CHECK_SPLIT(one->source, first.range, 1, "b c ");
    CHECK_SPLIT(one->source, second.range, 0, "");
    CHECK_SPLIT(one->source, second.range, 2, "d ");
    CHECK_SPLIT(one->source, second.range, 3, "SL_E_NOT_FOUND");
    CHECK_SPLIT(one->source, second.range, -1, "SL_E_INVALID");
    sli_offer empty = offer_of(one->source, arena);
    assert_int_equal(empty.range.size, 0);
    assert_int_equal(empty.n_splits, 0);

    sli_offer both = offer_of(all->source, arena);
    assert_int_equal(both.n_splits, 5);
    assert_int_equal(both.rows, 4);
    CHECK_SPLIT(all->source, both.range, 1, "b c ");
    CHECK_SPLIT(all->source, both.range, 4, "d ");
    int32_t splits = 0;
    assert_int_equal(all->source->ops->splits(all->source, both.range, &splits, NULL), SL_OK);
    assert_int_equal(splits, 5);
    sl_arena_free(arena);
    slt_graph_free(&g);
}

SL_TEST(queue_range_reads_the_same_until_it_is_forgotten, "")
{
    slt_graph g = slt_graph_new();
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string", true);
    sli_source *source = in->source;
    slt_push(&g, "in", "a|b", 1);
    slt_push(&g, "in", "c", 1);
    sli_offer first = offer_of(source, arena), second = offer_of(source, arena);
    CHECK_SPLIT(source, first.range, 0, "a b ");
    CHECK_SPLIT(source, first.range, 0, "a b ");
    source->ops->forget(source, first.range);
    CHECK_SPLIT(source, first.range, 0, "SL_E_NOT_FOUND");
    CHECK_SPLIT(source, second.range, 0, "c ");
    source->ops->forget(source, second.range);
    source->ops->forget(source, second.range); // again: nothing happens
    slt_push(&g, "in", "d", 1);
    CHECK_SPLIT(source, offer_of(source, arena).range, 0, "d ");
    sl_arena_free(arena);
    slt_graph_free(&g);
}

SL_TEST(queue_refuses_damaged_ranges, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string", true);
    int32_t splits = 0;
    slt_push(&g, "in", "a", 1);
    CHECK_SPLIT(in->source, ((sl_bytes){"abc", 3}), 0, "SL_E_CORRUPT");
    CHECK_SPLIT(in->source, ((sl_bytes){"abcdefghijklmnopq", 17}), 0, "SL_E_CORRUPT");
    CHECK_SPLIT(in->source, ((sl_bytes){"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x7f", 16}), 0,
                "SL_E_NOT_FOUND");
    sl_bytes bad = {"abc", 3};
    assert_int_equal(in->source->ops->splits(in->source, bad, &splits, NULL), SL_E_CORRUPT);
    in->source->ops->forget(in->source, bad);
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    CHECK_SPLIT(in->source, offer_of(in->source, arena).range, 0, "a ");
    sl_arena_free(arena);
    slt_graph_free(&g);
}

SL_TEST(queue_says_that_it_cannot_be_recovered, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string", true);
    sli_source *source = in->source;
    const char *why = NULL;
    sl_error err = SL_ERROR_INIT;
    assert_false(source->ops->recoverable(source, &why));
    SL_CHECK_TEXT(why, "a queue's rows are in this process's memory only and can't be read again "
                       "after a restart; read from files or a socket, or run without `checkpoint`");
    assert_int_equal(source->ops->restore(source, (sl_bytes){NULL, 0}, &err), SL_OK);
    assert_int_equal(source->ops->restore(source, (sl_bytes){"x", 1}, &err), SL_E_UNSUPPORTED);
    assert_int_equal(source->ops->accept(source, (sl_bytes){"x", 1}, &err), SL_E_UNSUPPORTED);
    assert_false(source->ops->ended(source));
    slt_graph_free(&g);
}

SL_TEST(queue_refuses_what_it_cannot_take, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "words", "word string", true);
    sl_stream *other = sl_stream_queue(g.graph, "numbers", "n int64", true);
    sl_error err = SL_ERROR_INIT;
    sl_batch *words = slt_batch(in->schema, "a|b"), *numbers = slt_batch(other->schema, "1");
    assert_int_equal(sli_graph_push(g.graph, "word", words, 1, &err), SL_E_NOT_FOUND);
    SL_CHECK_TEXT(err.text, "the job has no queue 'word', did you mean 'words'?");
    assert_int_equal(sli_graph_push(g.graph, "zzzzzz", words, 1, &err), SL_E_NOT_FOUND);
    SL_CHECK_TEXT(err.text, "the job has no queue 'zzzzzz'");
    assert_int_equal(sli_graph_push(g.graph, NULL, words, 1, &err), SL_E_NOT_FOUND);
    assert_int_equal(sli_graph_push(g.graph, "words", numbers, 1, &err), SL_E_INVALID);
    SL_CHECK_TEXT(err.text,
                  "queue 'words': the rows have \"n int64\", the queue has \"word string\"");
    assert_int_equal(sli_graph_push(g.graph, "words", NULL, 1, &err), SL_E_INVALID);
    assert_int_equal(sli_graph_push(g.graph, "words", words, 0, &err), SL_E_INVALID);
    SL_CHECK_TEXT(err.text, "queue 'words': 0 partitions; there may be 1 to 65536");
    assert_int_equal(sli_graph_push(g.graph, "words", words, 65537, &err), SL_E_INVALID);
    sl_batch_unref(words);
    sl_batch_unref(numbers);
    slt_graph_free(&g);
}

SL_TEST(queue_is_full_at_its_stated_maximum_and_goes_on_when_epochs_took_some, "")
{
    slt_graph g = slt_graph_new();
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string", false);
    sl_error err = SL_ERROR_INIT;
    sl_batch *rows = slt_batch(in->schema, "a");
    for (int i = 0; i < SLI_MAX_QUEUED; i++) {
        assert_int_equal(sli_graph_push(g.graph, "in", rows, 2, &err), SL_OK);
    }
    assert_int_equal(sli_graph_push(g.graph, "in", rows, 2, &err), SL_E_NO_SPACE);
    // An epoch's RDD has a stated maximum of partitions; the rest is the next epoch's.
    sli_offer first = offer_of(in->source, arena);
    assert_int_equal(first.n_splits, SLI_MAX_PARTITIONS);
    assert_true(first.more);
    in->source->ops->forget(in->source, first.range);
    assert_int_equal(sli_graph_push(g.graph, "in", rows, 2, &err), SL_OK);
    sl_batch_unref(rows);
    sl_arena_free(arena);
    slt_graph_free(&g);
}

// ---------------------------------------------------------------- queues of a format

static void note_back(void *ctx)
{
    ++*(int *)ctx;
}

static sl_code push_text(slt_graph *g, const char *queue, const char *text, int *n_back,
                         sl_error *err)
{
    sl_loan loan = {.bytes = text, .size_bytes = strlen(text), .release = note_back, .ctx = n_back};
    return sli_graph_push_bytes(g->graph, queue, loan, 1, err);
}

SL_TEST(queue_of_a_format_takes_bytes_and_rows, "")
{
    slt_graph g = slt_graph_new();
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    sl_stream *in = sl_stream_open(g.graph, "queue:in?format=json&schema=word string");
    int n_back = 0;
    assert_int_equal(push_text(&g, "in", "{\"word\":\"a\"}\n{\"word\":\"b\"}", &n_back, NULL),
                     SL_OK);
    slt_push(&g, "in", "c", 2);
    sli_offer both = offer_of(in->source, arena);
    assert_int_equal(both.n_splits, 3);
    assert_int_equal(both.rows, -1);
    CHECK_SPLIT(in->source, both.range, 0, "a b ");
    CHECK_SPLIT(in->source, both.range, 1, "");
    CHECK_SPLIT(in->source, both.range, 2, "c ");
    in->source->ops->forget(in->source, both.range);
    assert_int_equal(n_back, 1);
    assert_int_equal(push_text(&g, "in", "", &n_back, NULL), SL_OK);
    sli_offer none = offer_of(in->source, arena);
    assert_int_equal(none.rows, 0);
    CHECK_SPLIT(in->source, none.range, 0, "");
    sl_arena_free(arena);
    slt_graph_free(&g); // what waits is given back
    assert_int_equal(n_back, 2);
}

SL_TEST(queue_gives_bytes_back_that_nobody_takes, "")
{
    slt_graph g = slt_graph_new();
    sl_error err = SL_ERROR_INIT;
    int n_back = 0;
    sl_stream_queue(g.graph, "rows", "word string", true);
    assert_int_equal(push_text(&g, "rws", "a", &n_back, &err), SL_E_NOT_FOUND);
    SL_CHECK_TEXT(err.text, "the job has no queue 'rws', did you mean 'rows'?");
    assert_int_equal(push_text(&g, "rows", "a", &n_back, &err), SL_E_INVALID);
    SL_CHECK_TEXT(err.text,
                  "queue 'rows': it takes rows only; one that takes bytes is opened with their "
                  "format: \"queue:rows?format=json&schema=...\"");
    assert_int_equal(n_back, 2);
    slt_graph_free(&g);
}

SL_TEST(queue_of_a_format_is_part_of_the_graph, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_open(g.graph, "queue:in?one_at_a_time=true");
    sl_stream_print(sl_stream_queue_default(in, "{\"line\":\"a\"}", 1), 10);
    SL_CHECK_TEXT(sl_graph_text(g.graph),
                  "sluice graph 1\n"
                  "queue-1 queue() url=\"queue:in?one_at_a_time=true\" "
                  "default=\"{\\\"line\\\":\\\"a\\\"}\\n\" default_partitions=1 : line string\n"
                  "queue-1.print-1 print(queue-1) url=\"console:?rows=10\"\n");
    slt_graph_free(&g);
}

static const struct queue_mistake {
    const char *first, *second, *text;
} queue_mistakes[] = {
    {"queue:a b", NULL,
     "operator 1 (queue 'queue:a b'): a queue's name is 1 to 100 letters, digits, '_', '.' and "
     "'-', not beginning with '.'"},
    {"queue:in", "queue:in?one_at_a_time=true",
     "operator 2 (queue 'queue:in'): operator 1 is a queue of this name already"},
};

SL_TEST(queue_of_a_format_tells_mistakes_with_their_place, "")
{
    for (size_t i = 0; i < sizeof queue_mistakes / sizeof *queue_mistakes; i++) {
        slt_graph g = slt_graph_new();
        sl_stream *first = sl_stream_open(g.graph, queue_mistakes[i].first);
        assert_true((first == NULL) == (queue_mistakes[i].second == NULL));
        if (first != NULL) {
            assert_null(sl_stream_open(g.graph, queue_mistakes[i].second));
        }
        slt_mistake_is(g.graph, SL_E_INVALID, queue_mistakes[i].text);
        slt_graph_free(&g);
    }
}

// ---------------------------------------------------------------- other threads

typedef struct pusher {
    slt_graph *graph;
    sl_batch *rows;
    sli_signal *done;
    int32_t failed;
} pusher;

enum { PUSHES = 2000 };

static void push_many(void *ctx)
{
    pusher *p = ctx;
    for (int i = 0; i < PUSHES; i++) {
        p->failed += sli_graph_push(p->graph->graph, "in", p->rows, 1, NULL) != SL_OK;
    }
    sli_signal_set(p->done);
}

SL_TEST(queue_takes_pushes_of_other_threads_while_epochs_read, "")
{
    slt_graph g = slt_graph_new();
    sl_env *real = NULL;
    assert_int_equal(sli_env_posix(&real, NULL), SL_OK);
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string", false);
    pusher pushers[3];
    sli_strand *strands[3];
    for (int i = 0; i < 3; i++) {
        pushers[i] = (pusher){&g, slt_batch(in->schema, "a|b"), sli_signal_new(real), 0};
        strands[i] = sli_strand_new(real, "pusher");
        assert_true(sli_strand_post(strands[i], push_many, &pushers[i]));
    }
    sl_arena *arena = sl_arena_new(SLI_TAG_TEST);
    int64_t rows = 0;
    while (rows < (int64_t)3 * PUSHES * 2) {
        sl_arena_reset(arena);
        sli_offer offer = offer_of(in->source, arena);
        for (int32_t split = 0; split < offer.n_splits; split++) {
            CHECK_SPLIT(in->source, offer.range, split, "a b ");
        }
        rows += offer.rows;
        if (offer.range.size > 0) {
            in->source->ops->forget(in->source, offer.range);
        }
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(sli_signal_wait(pushers[i].done, SLI_FOREVER, NULL), SL_OK);
        sli_strand_free(strands[i]);
        sli_signal_free(pushers[i].done);
        sl_batch_unref(pushers[i].rows);
        assert_int_equal(pushers[i].failed, 0);
    }
    assert_int_equal(rows, (int64_t)3 * PUSHES * 2);
    sl_arena_free(arena);
    sli_env_free(real);
    slt_graph_free(&g);
}
