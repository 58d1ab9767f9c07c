// Definition: every mistake with its whole text, uids, sealing, and calls after a mistake.
#include "stream/graph_fixture_test.h"

#include "sluice/window.h"

// ---------------------------------------------------------------- mistakes, one each

typedef void (*define_fn)(sl_graph *graph, sl_stream *words);

static const sl_fn no_size = {.name = "bare", .run = NULL};
static const sl_fn no_run = {.struct_size = sizeof(sl_fn), .name = "idle"};
static const sl_fn bad_name = {.struct_size = sizeof(sl_fn), .name = "two words"};
static const sl_fn no_name = {.struct_size = sizeof(sl_fn)};
static sl_code nothing(const sl_args *args, const sl_batch *in, sl_builder *out, sl_error *err)
{
    (void)args;
    (void)in;
    (void)out;
    (void)err;
    return SL_OK;
}
static const sl_fn other_upper = {
    .struct_size = sizeof(sl_fn), .name = "upper", .version = 1, .run = nothing};
static const sl_fn newer_upper = {
    .struct_size = sizeof(sl_fn), .name = "upper", .version = 2, .run = nothing};
static const sl_fn bad_out = {
    .struct_size = sizeof(sl_fn), .name = "odd", .out = "word strin", .run = nothing};
static sl_code update_nothing(const sl_args *args, const sl_update_call *call, sl_error *err)
{
    (void)args;
    (void)call;
    (void)err;
    return SL_OK;
}
static const sl_update_fn no_out = {
    .struct_size = sizeof(sl_update_fn), .name = "blind", .run = update_nothing};
static const sl_update_fn clash = {.struct_size = sizeof(sl_update_fn),
                                   .name = "clash",
                                   .out = "word int64",
                                   .run = update_nothing};

#define CASE(name, ...)                                                                            \
    static void name(sl_graph *graph, sl_stream *words)                                            \
    {                                                                                              \
        (void)graph;                                                                               \
        (void)words;                                                                               \
        __VA_ARGS__;                                                                               \
    }

CASE(open_null, sl_stream_open(graph, NULL))
CASE(open_unknown_table, sl_stream_join_table(words, NULL, "word"))
CASE(queue_null, sl_stream_queue(graph, NULL, "a string", true))
CASE(queue_dot, sl_stream_queue(graph, ".q", "a string", true))
CASE(queue_twice, sl_stream_queue(graph, "in", "a string", true))
CASE(queue_schema, sl_stream_queue(graph, "b", "a strin", true))
CASE(queue_no_schema, sl_stream_queue(graph, "b", NULL, true))
CASE(map_null, sl_stream_map(words, NULL, NULL))
CASE(map_size, sl_stream_map(words, &no_size, NULL))
CASE(map_run, sl_stream_map(words, &no_run, NULL))
CASE(map_bad_name, sl_stream_map(words, &bad_name, NULL))
CASE(map_no_name, sl_stream_map(words, &no_name, NULL))
CASE(map_args, sl_stream_map(words, &slt_fn_upper, "a=1 b"))
CASE(map_out, sl_stream_map(words, &bad_out, NULL))
CASE(map_end, sl_stream_flat_map(words, &slt_fn_tally, NULL))
CASE(fn_twice, sl_stream_map(sl_stream_map(words, &slt_fn_upper, NULL), &other_upper, NULL))
CASE(fn_version, sl_stream_map(sl_stream_map(words, &slt_fn_upper, NULL), &newer_upper, NULL))
CASE(filter_out, sl_stream_filter(words, &slt_fn_upper, NULL))
CASE(select_null, sl_stream_select(words, NULL))
CASE(select_column, sl_stream_select(words, "wrd, n"))
CASE(where_null, sl_stream_where(words, NULL))
CASE(where_column, sl_stream_where(words, "nn > 1"))
CASE(where_type, sl_stream_where(words, "n + 1"))
CASE(union_null, sl_stream_union(words, NULL))
CASE(union_null_first, sl_stream_union(NULL, words))
CASE(union_types, sl_stream_union(words, sl_stream_select(words, "n, word")))
CASE(repartition_zero, sl_stream_repartition(words, 0))
CASE(repartition_many, sl_stream_repartition(words, 65537))
CASE(reduce_by_key_column,
     sl_stream_reduce_by_key(sl_stream_flat_map(words, &slt_fn_split, NULL), "wrd", "count() as n"))
CASE(reduce_by_key_no_keys, sl_stream_reduce_by_key(words, " ", "count() as n"))
CASE(reduce_by_key_null_keys, sl_stream_reduce_by_key(words, NULL, "count() as n"))
CASE(reduce_by_key_agg, sl_stream_reduce_by_key(words, "word", "cuont() as c"))
CASE(reduce_by_key_null_agg, sl_stream_reduce_by_key(words, "word", NULL))
CASE(reduce_column, sl_stream_reduce(words, "sum(m) as t"))
CASE(group_keys, sl_stream_group_by_key(words, "word, word"))
CASE(join_left, sl_stream_join(words, sl_stream_select(words, "word"), "n"))
CASE(join_types, sl_stream_join(words, sl_stream_select(words, "n as word"), "word"))
CASE(join_keys, sl_stream_join(words, words, ""))
CASE(join_null, sl_stream_join(words, NULL, "word"))
CASE(transform_null, sl_stream_transform(words, NULL, NULL))
CASE(transform_with_null, sl_stream_transform_with(words, words, NULL, NULL))
CASE(union_all_none, sl_stream_union_all((sl_stream *const[]){words, NULL, words}, 3))
CASE(outer_join_column, sl_stream_left_outer_join(words, words, "wrd"))
CASE(cogroup_types,
     sl_stream_cogroup(words, sl_stream_select(words, "n as word, word as n"), "word"))
CASE(map_values_column, sl_stream_map_values(words, "wrd", &slt_fn_upper, NULL))
CASE(map_values_all_keys, sl_stream_map_values(words, "word, n", &slt_fn_upper, NULL))
CASE(combine_by_key_null, sl_stream_combine_by_key(words, "word", NULL, false))
CASE(count_by_value_clash, sl_stream_count_by_value(sl_stream_select(words, "n as count")))
CASE(partition_by_no_keys, sl_stream_partition_by(words, ""))
CASE(update_null, sl_stream_update_state_by_key(words, "word", NULL, NULL))
CASE(update_no_out, sl_stream_update_state_by_key(words, "word", &no_out, NULL))
CASE(update_clash, sl_stream_update_state_by_key(words, "word", &clash, NULL))
CASE(update_key, sl_stream_update_state_by_key(words, "wor", &slt_fn_sum, NULL))
CASE(uid_null, sl_stream_uid(words, NULL))
CASE(uid_blank, sl_stream_uid(words, "a b"))
CASE(uid_empty, sl_stream_uid(words, ""))
CASE(uid_dots, sl_stream_uid(words, ".."))
CASE(uid_twice, sl_stream_uid(sl_stream_uid(words, "a"), "b"))
CASE(uid_taken, sl_stream_uid(words, "a"); sl_stream_uid(sl_stream_count(words), "a"))
CASE(uid_derived, sl_stream_uid(words, "count-1"); sl_stream_count(words))
CASE(level_odd, sl_stream_persist(words, (sl_level)9))
CASE(partitions_narrow, sl_stream_partitions(words, 2))
CASE(partitions_zero, sl_stream_partitions(sl_stream_group_by_key(words, "word"), 0))
CASE(partitions_many, sl_stream_partitions(sl_stream_group_by_key(words, "word"), 1025))
CASE(initial_stateless, sl_stream_initial_state(words, "t.csv"))
CASE(ttl_stateless, sl_stream_ttl(words, "1h"))
CASE(ttl_null,
     sl_stream_ttl(sl_stream_update_state_by_key(words, "word", &slt_fn_rows, NULL), NULL))
CASE(ttl_word,
     sl_stream_ttl(sl_stream_update_state_by_key(words, "word", &slt_fn_rows, NULL), "an hour"))
CASE(ttl_none,
     sl_stream_ttl(sl_stream_update_state_by_key(words, "word", &slt_fn_rows, NULL), "0s"))
CASE(print_negative, sl_stream_print(words, -1))
CASE(print_many, sl_stream_print(words, 1000000001))
CASE(save_null, sl_stream_save(words, NULL))
CASE(save_scheme, sl_stream_save(words, "sqlit:///x.db"))
CASE(save_far, sl_stream_save(words, "qqqqqqqqq:///x.db"))
CASE(foreach_null, sl_stream_foreach_rdd(words, NULL, NULL))
CASE(agg_null, sl_graph_aggregation(graph, NULL))
CASE(agg_twice, sl_graph_aggregation(graph, &slt_agg_xor);
     sl_graph_aggregation(graph, &slt_agg_xor))
CASE(agg_bad, static const sl_agg_fn bare = {.name = "bare"}; sl_graph_aggregation(graph, &bare))
CASE(attach_null, sl_graph_attach(graph, "", graph))
CASE(set_null, sl_graph_set(graph, "interval", NULL))
CASE(set_no_name, sl_graph_set(graph, NULL, "1s"))

static const struct mistake {
    define_fn define;
    sl_code code;
    const char *text;
} mistakes[] = {
    {open_null, SL_E_INVALID, "operator 2 (source): the URL is NULL"},
    {open_unknown_table, SL_E_INVALID, "operator 2 (joinTable after queue 'in'): the URL is NULL"},
    {queue_null, SL_E_INVALID,
     "operator 2 (queue): a queue's name is 1 to 100 letters, digits, '_', '.' and '-', not "
     "beginning with '.'"},
    {queue_dot, SL_E_INVALID,
     "operator 2 (queue '.q'): a queue's name is 1 to 100 letters, digits, '_', '.' and '-', not "
     "beginning with '.'"},
    {queue_twice, SL_E_INVALID,
     "operator 2 (queue 'in'): operator 1 is a queue of this name already"},
    {queue_schema, SL_E_INVALID,
     "operator 2 (queue 'b'): schema \"a strin\": unknown type \"strin\" at character 3; did you "
     "mean \"string\"?"},
    {queue_no_schema, SL_E_INVALID, "operator 2 (queue 'b'): schema: the text is missing"},
    {map_null, SL_E_INVALID, "operator 2 (map after queue 'in'): the function is NULL"},
    {map_size, SL_E_INVALID,
     "operator 2 (map 'bare' after queue 'in'): function 'bare' has struct_size 0: write "
     ".struct_size = sizeof(sl_fn)"},
    {map_run, SL_E_INVALID,
     "operator 2 (map 'idle' after queue 'in'): function 'idle' has no code: `run` is NULL"},
    {map_bad_name, SL_E_INVALID,
     "operator 2 (map 'two words' after queue 'in'): a function's name is 1 to 100 letters, "
     "digits, '_', '.' and '-', not beginning with '.'; this one is 'two words'"},
    {map_no_name, SL_E_INVALID,
     "operator 2 (map after queue 'in'): a function's name is 1 to 100 letters, digits, '_', '.' "
     "and '-', not beginning with '.'; this one is NULL"},
    {map_args, SL_E_CONFIG,
     "operator 2 (map 'upper' after queue 'in'): arguments of 'upper': arguments, character 6, "
     "\"b\": has no value; write key=value, without spaces around '='"},
    {map_out, SL_E_INVALID,
     "operator 2 (map 'odd' after queue 'in'): schema \"word strin\": unknown type \"strin\" at "
     "character 6; did you mean \"string\"?"},
    {map_end, SL_E_INVALID,
     "operator 2 (flatMap 'tally' after queue 'in'): function 'tally' has an `end`, which only "
     "mapPartitions calls"},
    {fn_twice, SL_E_INVALID,
     "operator 3 (map 'upper' after map 'upper'): two different functions are called 'upper': "
     "names tell them apart after a restart"},
    {fn_version, SL_E_INVALID,
     "operator 3 (map 'upper' after map 'upper'): two different functions are called 'upper': "
     "names tell them apart after a restart"},
    {filter_out, SL_E_INVALID,
     "operator 2 (filter 'upper' after queue 'in'): a filter's function makes one bool column, as "
     "\"keep bool\"; 'upper' makes \"word string, n int64\""},
    {select_null, SL_E_INVALID, "operator 2 (select after queue 'in'): the expressions are NULL"},
    {select_column, SL_E_INVALID,
     "operator 2 (select after queue 'in'): \"wrd, n\", character 1: there is no column \"wrd\"; "
     "did you mean \"word\"?"},
    {where_null, SL_E_INVALID, "operator 2 (where after queue 'in'): the condition is NULL"},
    {where_column, SL_E_INVALID,
     "operator 2 (where after queue 'in'): \"nn > 1\", character 1: there is no column \"nn\"; did "
     "you mean \"n\"?"},
    {where_type, SL_E_INVALID,
     "operator 2 (where after queue 'in'): \"n + 1\", character 3: a condition must be bool, this "
     "is int64; write cast(... as bool) if that is meant"},
    {union_null, SL_E_INVALID, "operator 2 (union after queue 'in'): stream 2 of its 2 is NULL"},
    {union_null_first, SL_E_INVALID,
     "operator 2 (union after queue 'in'): stream 1 of its 2 is NULL"},
    {union_types, SL_E_INVALID,
     "operator 3 (union after queue 'in' and select): the types differ: \"word string, n int64\" "
     "and \"n int64, word string\""},
    {repartition_zero, SL_E_INVALID,
     "operator 2 (repartition after queue 'in'): 0 partitions; there may be 1 to 65536"},
    {repartition_many, SL_E_INVALID,
     "operator 2 (repartition after queue 'in'): 65537 partitions; there may be 1 to 65536"},
    {reduce_by_key_column, SL_E_INVALID,
     "operator 3 (reduceByKey after flatMap 'cut'): keys: \"wrd\", character 1: there is no column "
     "\"wrd\"; did you mean \"word\"?"},
    {reduce_by_key_no_keys, SL_E_INVALID,
     "operator 2 (reduceByKey after queue 'in'): no keys: name the columns, as \"user, page\""},
    {reduce_by_key_null_keys, SL_E_INVALID,
     "operator 2 (reduceByKey after queue 'in'): no keys: name the columns, as \"user, page\""},
    {reduce_by_key_agg, SL_E_INVALID,
     "operator 2 (reduceByKey after queue 'in'): \"cuont() as c\", character 1: there is no "
     "aggregation \"cuont\"; did you mean \"count\"?"},
    {reduce_by_key_null_agg, SL_E_INVALID,
     "operator 2 (reduceByKey after queue 'in'): the aggregations are NULL"},
    {reduce_column, SL_E_INVALID,
     "operator 2 (reduce after queue 'in'): \"sum(m) as t\", character 5: there is no column "
     "\"m\"; the columns are: word string, n int64"},
    {group_keys, SL_E_INVALID,
     "operator 2 (groupByKey after queue 'in'): keys: \"word, word\", character 7: column \"word\" "
     "twice"},
    {join_left, SL_E_INVALID,
     "operator 3 (join after queue 'in' and select): right side: keys: \"n\", character 1: there "
     "is no column \"n\"; the columns are: word string"},
    {join_types, SL_E_INVALID,
     "operator 3 (join after queue 'in' and select): key 'word' is string on the left, int64 on "
     "the right"},
    {join_keys, SL_E_INVALID,
     "operator 2 (join after queue 'in' and queue 'in'): left side: no keys: name the columns, as "
     "\"user, page\""},
    {join_null, SL_E_INVALID, "operator 2 (join after queue 'in'): stream 2 of its 2 is NULL"},
    {transform_null, SL_E_INVALID, "operator 2 (transform after queue 'in'): the function is NULL"},
    {transform_with_null, SL_E_INVALID,
     "operator 2 (transformWith after queue 'in' and queue 'in'): the function is NULL"},
    {union_all_none, SL_E_INVALID,
     "operator 2 (union after queue 'in' and queue 'in'): stream 2 of its 3 is NULL"},
    {outer_join_column, SL_E_INVALID,
     "operator 2 (leftOuterJoin after queue 'in' and queue 'in'): left side: keys: \"wrd\", "
     "character 1: there is no column \"wrd\"; did you mean \"word\"?"},
    {cogroup_types, SL_E_INVALID,
     "operator 3 (cogroup after queue 'in' and select): key word is string on the left and int64 "
     "on the right"},
    {map_values_column, SL_E_INVALID,
     "operator 2 (mapValues 'upper' after queue 'in'): keys: \"wrd\", character 1: there is no "
     "column \"wrd\"; did you mean \"word\"?"},
    {map_values_all_keys, SL_E_INVALID,
     "operator 2 (mapValues 'upper' after queue 'in'): every column is a key: there are no values"},
    {combine_by_key_null, SL_E_INVALID,
     "operator 2 (combineByKey after queue 'in'): the aggregations are NULL"},
    {count_by_value_clash, SL_E_INVALID,
     "operator 3 (countByValue after select): schema \"count int64, count int64\": two fields are "
     "named \"count\""},
    {partition_by_no_keys, SL_E_INVALID,
     "operator 2 (partitionBy after queue 'in'): no keys: name the columns, as \"user, page\""},
    {update_null, SL_E_INVALID,
     "operator 2 (updateStateByKey after queue 'in'): the function is NULL"},
    {update_no_out, SL_E_INVALID,
     "operator 2 (updateStateByKey 'blind' after queue 'in'): function 'blind' has no `out`: the "
     "state's columns"},
    {update_clash, SL_E_INVALID,
     "operator 2 (updateStateByKey 'clash' after queue 'in'): 'word' is a key and a column of the "
     "state"},
    {update_key, SL_E_INVALID,
     "operator 2 (updateStateByKey 'sum' after queue 'in'): keys: \"wor\", character 1: there is "
     "no column \"wor\"; did you mean \"word\"?"},
    {uid_null, SL_E_INVALID, "operator 1 (queue 'in'): the uid is NULL"},
    {uid_blank, SL_E_INVALID,
     "operator 1 (queue 'in'): uid 'a b' is not 1 to 100 letters, digits, '_', '.' and '-', not "
     "beginning with '.'"},
    {uid_empty, SL_E_INVALID,
     "operator 1 (queue 'in'): uid '' is not 1 to 100 letters, digits, '_', '.' and '-', not "
     "beginning with '.'"},
    {uid_dots, SL_E_INVALID,
     "operator 1 (queue 'in'): uid '..' is not 1 to 100 letters, digits, '_', '.' and '-', not "
     "beginning with '.'"},
    {uid_twice, SL_E_INVALID, "operator 1 (queue 'in'): it has the uid 'a' and can't also be 'b'"},
    {uid_taken, SL_E_INVALID,
     "operator 2 (count after queue 'in'): uid 'a' is that of operator 1 (queue) already: give one "
     "of them another with sl_stream_uid"},
    {uid_derived, SL_E_INVALID,
     "operator 2 (count after queue 'in'): uid 'count-1' is that of operator 1 (queue) already: "
     "give one of them another with sl_stream_uid"},
    {level_odd, SL_E_INVALID, "operator 1 (queue 'in'): 9 is no storage level"},
    {partitions_narrow, SL_E_INVALID,
     "operator 1 (queue 'in'): its partitions can't be set: it makes no shuffle by key; use "
     "sl_stream_repartition"},
    {partitions_zero, SL_E_INVALID,
     "operator 2 (groupByKey after queue 'in'): 0 partitions; there may be 1 to 1024"},
    {partitions_many, SL_E_INVALID,
     "operator 2 (groupByKey after queue 'in'): 1025 partitions; there may be 1 to 1024"},
    {initial_stateless, SL_E_INVALID,
     "operator 1 (queue 'in'): it keeps no state: only updateStateByKey and mapWithState "
     "have an initial one"},
    {ttl_stateless, SL_E_INVALID,
     "operator 1 (queue 'in'): it keeps no state by key: only updateStateByKey has a ttl"},
    {ttl_null, SL_E_INVALID,
     "operator 2 (updateStateByKey 'rows' after queue 'in'): the ttl is NULL"},
    {ttl_word, SL_E_INVALID,
     "operator 2 (updateStateByKey 'rows' after queue 'in'): ttl 'an hour': not a duration: write "
     "digits and a unit (us, ms, s, m, h or d), as in 500ms"},
    {ttl_none, SL_E_INVALID,
     "operator 2 (updateStateByKey 'rows' after queue 'in'): ttl '0s': it is longer than nothing"},
    {print_negative, SL_E_INVALID,
     "output 1 (print of queue 'in'): -1 rows; it prints 0 to 1000000000"},
    {print_many, SL_E_INVALID,
     "output 1 (print of queue 'in'): 1000000001 rows; it prints 0 to 1000000000"},
    {save_null, SL_E_INVALID, "output 1 (save of queue 'in'): the URL is NULL"},
    {save_scheme, SL_E_CONFIG,
     "output 1 (save of queue 'in'): there is no sink 'sqlit', did you mean 'sqlite'?"},
    {save_far, SL_E_CONFIG,
     "output 1 (save of queue 'in'): there is no sink 'qqqqqqqqq'; `sluice help sinks` lists them"},
    {foreach_null, SL_E_INVALID, "output 1 (foreachRDD of queue 'in'): the function is NULL"},
    {agg_null, SL_E_INVALID, "aggregation '(NULL)': the function or its name is missing"},
    {agg_twice, SL_E_INVALID, "aggregation 'xor': there is one of this name already"},
    {agg_bad, SL_E_INVALID,
     "a user's aggregation without struct_size: write .struct_size = sizeof(sl_agg_fn)"},
    {attach_null, SL_E_INVALID, "attachment '': it needs a name"},
    {set_null, SL_E_INVALID, "setting 'interval': it needs a name and a value"},
    {set_no_name, SL_E_INVALID, "setting '(NULL)': it needs a name and a value"},
};

SL_TEST(graph_tells_each_mistake_with_its_place, "")
{
    for (size_t i = 0; i < sizeof mistakes / sizeof *mistakes; i++) {
        slt_graph g = slt_graph_new();
        sl_stream *words = sl_stream_queue(g.graph, "in", "word string, n int64", true);
        mistakes[i].define(g.graph, words);
        slt_mistake_is(g.graph, mistakes[i].code, mistakes[i].text);
        slt_graph_free(&g);
    }
}

SL_TEST(graph_keeps_its_first_mistake_and_ignores_what_follows, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *words = sl_stream_queue(g.graph, "in", "word string, n int64", true);
    assert_null(sl_stream_select(words, "wrd"));
    sl_error first = SL_ERROR_INIT, later = SL_ERROR_INIT;
    assert_int_equal(sl_graph_check(g.graph, &first), SL_E_INVALID);
    assert_null(sl_stream_where(words, "nnn"));
    assert_null(sl_stream_uid(words, "w"));
    assert_null(sl_stream_queue(g.graph, "b", "a string", false));
    assert_null(sl_stream_open(g.graph, "nothing:"));
    assert_null(sl_stream_schema(words));
    sl_stream_print(words, 10);
    sl_graph_set(g.graph, NULL, NULL);
    sl_graph_attach(g.graph, NULL, NULL);
    sl_graph_aggregation(g.graph, NULL);
    assert_int_equal(sl_graph_check(g.graph, &later), SL_E_INVALID);
    assert_string_equal(first.text, later.text);
    assert_int_equal(g.graph->n_nodes, 1);
    assert_int_equal(g.graph->n_outputs, 0);
    assert_int_equal(sli_graph_seal(g.graph, &later), SL_E_INVALID);
    slt_graph_free(&g);
}

SL_TEST(graph_calls_accept_null, "")
{
    assert_null(sl_stream_open(NULL, "x:"));
    assert_null(sl_stream_queue(NULL, "q", "a string", true));
    assert_null(sl_stream_map(NULL, &slt_fn_upper, NULL));
    assert_null(sl_stream_flat_map(NULL, &slt_fn_split, NULL));
    assert_null(sl_stream_map_partitions(NULL, &slt_fn_tally, NULL));
    assert_null(sl_stream_filter(NULL, &slt_fn_short, NULL));
    assert_null(sl_stream_select(NULL, "a"));
    assert_null(sl_stream_where(NULL, "a"));
    assert_null(sl_stream_union(NULL, NULL));
    assert_null(sl_stream_union_all(NULL, 0)); // no stream, no graph to tell it to
    assert_null(sl_stream_transform_all(NULL, 0, NULL, NULL));
    assert_null(sl_stream_repartition(NULL, 1));
    assert_null(sl_stream_reduce_by_key(NULL, "a", "count() as n"));
    assert_null(sl_stream_reduce(NULL, "count() as n"));
    assert_null(sl_stream_count(NULL));
    assert_null(sl_stream_group_by_key(NULL, "a"));
    assert_null(sl_stream_join(NULL, NULL, "a"));
    assert_null(sl_stream_join_table(NULL, "t", "a"));
    assert_null(sl_stream_transform(NULL, NULL, NULL));
    assert_null(sl_stream_update_state_by_key(NULL, "a", &slt_fn_sum, NULL));
    assert_null(sl_stream_uid(NULL, "u"));
    assert_null(sl_stream_persist(NULL, SL_MEMORY_ONLY));
    assert_null(sl_stream_partitions(NULL, 1));
    assert_null(sl_stream_initial_state(NULL, "t"));
    assert_null(sl_stream_schema(NULL));
    sl_stream_print(NULL, 1);
    sl_stream_save(NULL, "console:");
    sl_stream_foreach_rdd(NULL, NULL, NULL);
    sl_graph_set(NULL, "a", "b");
    sl_graph_attach(NULL, "a", NULL);
    sl_graph_aggregation(NULL, &slt_agg_xor);
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sl_graph_check(NULL, &err), SL_E_INVALID);
    assert_string_equal(sl_graph_text(NULL), "");
    assert_int_equal(sl_graph_hash(NULL), 0);
    sli_graph_free(NULL);
}

SL_TEST(graph_streams_of_two_graphs_do_not_mix, "")
{
    slt_graph g = slt_graph_new(), other = slt_graph_new();
    sl_stream *a = sl_stream_queue(g.graph, "in", "word string", true);
    sl_stream *b = sl_stream_queue(other.graph, "in", "word string", true);
    assert_null(sl_stream_union(a, b));
    slt_mistake_is(g.graph, SL_E_INVALID,
                   "operator 2 (union after queue 'in' and queue 'in'): its streams are of "
                   "different graphs");
    assert_int_equal(sl_graph_check(other.graph, NULL), SL_OK);
    slt_graph_free(&g);
    slt_graph_free(&other);
}

SL_TEST(graph_streams_of_different_slides_do_not_mix, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *a = sl_stream_queue(g.graph, "in", "word string", true);
    sl_stream *b = sl_stream_queue(g.graph, "b", "word string", true);
    sl_error err = SL_ERROR_INIT;
    sl_stream_print(sl_stream_join(a, sl_stream_window(b, "9s", "3s"), "word"), 10);
    assert_int_equal(sli_graph_slides(g.graph, 1000000, &err), SL_E_INVALID);
    slt_mistake_is(g.graph, SL_E_INVALID,
                   "operator 4 (join after queue 'in' and window): all its streams must have the "
                   "same slide: stream 1 has 1s, stream 2 has 3s");
    slt_graph_free(&g);
}

// ---------------------------------------------------------------- schemas

SL_TEST(graph_resolves_schemas_at_definition, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string, n int64", true);
    sl_stream *maybe = sl_stream_queue(g.graph, "maybe", "word string?, n int64", true);
    const struct {
        sl_stream *stream;
        const char *schema;
    } cases[] = {
        {in, "word string, n int64"},
        {sl_stream_map(in, &slt_fn_upper, NULL), "word string, n int64"},
        {sl_stream_flat_map(in, &slt_fn_split, NULL), "word string"},
        {sl_stream_map_partitions(in, &slt_fn_tally, NULL), "rows int64"},
        {sl_stream_filter(in, &slt_fn_short, "max=3"), "word string, n int64"},
        {sl_stream_select(in, "n, word as w"), "n int64, w string"},
        {sl_stream_where(in, "n > 1"), "word string, n int64"},
        {sl_stream_union(in, maybe), "word string?, n int64"},
        {sl_stream_repartition(in, 3), "word string, n int64"},
        {sl_stream_count(in), "count int64"},
        {sl_stream_group_by_key(in, "word"), "word string, n list<int64>"},
        {sl_stream_join(in, maybe, "word"), "word string, n int64, n_2 int64"},
        {sl_stream_update_state_by_key(in, "word", &slt_fn_sum, NULL), "word string, total int64"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_non_null(cases[i].stream);
        SL_CHECK_TEXT(sl_schema_text(sl_stream_schema(cases[i].stream)), cases[i].schema);
    }
    slt_graph_free(&g);
}

// ---------------------------------------------------------------- uids

SL_TEST(graph_derives_uids_from_kind_and_place, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string", true);
    sl_stream *a = sl_stream_map(in, &slt_fn_upper, NULL);
    sl_stream *b = sl_stream_map(in, &slt_fn_upper, NULL);
    sl_stream *c = sl_stream_count(b);
    sl_stream_print(c, 1);
    sl_stream_print(c, 2);
    sl_stream_save(c, "file:///out");
    sl_stream_print(a, 2);
    assert_string_equal(in->uid, "queue-1");
    assert_string_equal(a->uid, "map-1");
    assert_string_equal(b->uid, "map-2");
    assert_string_equal(c->uid, "count-1");
    assert_ptr_equal(sl_stream_uid(a, "capitals"), a);
    assert_string_equal(b->uid, "map-2"); // the others keep theirs
    assert_int_equal(sli_graph_seal(g.graph, NULL), SL_OK);
    assert_string_equal(g.graph->outputs[0].uid, "count-1.print-1");
    assert_string_equal(g.graph->outputs[1].uid, "count-1.print-2");
    assert_string_equal(g.graph->outputs[2].uid, "count-1.save-1");
    assert_string_equal(g.graph->outputs[3].uid, "capitals.print-1");
    slt_graph_free(&g);
}

SL_TEST(graph_takes_the_uid_that_was_derived_before, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string", true);
    sl_stream *a = sl_stream_count(in);
    assert_ptr_equal(sl_stream_uid(a, "count-1"), a);
    assert_ptr_equal(sl_stream_uid(a, "count-1"), a);
    assert_non_null(sl_stream_count(in));
    assert_int_equal(sl_graph_check(g.graph, NULL), SL_OK);
    slt_graph_free(&g);
}

SL_TEST(graph_refuses_an_output_uid_that_is_taken, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string", true);
    sl_stream_print(in, 1);
    sl_stream_uid(sl_stream_count(in), "queue-1.print-1");
    sl_error err = SL_ERROR_INIT;
    assert_int_equal(sli_graph_seal(g.graph, &err), SL_E_INVALID);
    SL_CHECK_TEXT(err.text, "output 1 is called 'queue-1.print-1' after its stream, and so is "
                            "something else: give that another uid");
    slt_graph_free(&g);
}

// ---------------------------------------------------------------- the end of definition

SL_TEST(graph_without_an_output_operation_cannot_start, "")
{
    slt_graph g = slt_graph_new();
    sl_error err = SL_ERROR_INIT;
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string", true);
    assert_int_equal(sli_graph_seal(g.graph, &err), SL_E_INVALID);
    SL_CHECK_TEXT(err.text,
                  "no output operations registered, so nothing to execute: end a stream with "
                  "sl_stream_print, sl_stream_save or sl_stream_foreach_rdd");
    sl_stream_print(in, 10); // it was no mistake that sticks
    assert_int_equal(sli_graph_seal(g.graph, &err), SL_OK);
    slt_graph_free(&g);
}

SL_TEST(graph_takes_nothing_after_the_start, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string", true);
    sl_stream_print(in, 10);
    assert_int_equal(sli_graph_seal(g.graph, NULL), SL_OK);
    uint64_t hash = sl_graph_hash(g.graph);
    assert_null(sl_stream_count(in));
    slt_mistake_is(g.graph, SL_E_STATE,
                   "the job has been started: nothing can be added to its graph");
    assert_int_equal(g.graph->n_nodes, 1);
    assert_int_equal(sl_graph_hash(g.graph), hash);
    slt_graph_free(&g);
}

SL_TEST(graph_keeps_settings_and_attachments, "")
{
    slt_graph g = slt_graph_new();
    char name[] = "interval", value[] = "1s";
    int one = 1, two = 2;
    sl_graph_set(g.graph, name, value);
    sl_graph_set(g.graph, "checkpoint", "");
    name[0] = value[0] = 'X'; // they were copied
    assert_int_equal(g.graph->n_settings, 2);
    assert_string_equal(g.graph->settings[0].name, "interval");
    assert_string_equal(g.graph->settings[0].value, "1s");
    assert_string_equal(g.graph->settings[1].name, "checkpoint");
    sl_graph_attach(g.graph, "a", &one);
    sl_graph_attach(g.graph, "b", &one);
    sl_graph_attach(g.graph, "a", &two);
    assert_ptr_equal(sli_graph_attached(g.graph, "a"), &two);
    assert_ptr_equal(sli_graph_attached(g.graph, "b"), &one);
    assert_null(sli_graph_attached(g.graph, "c"));
    assert_null(sli_graph_attached(g.graph, NULL));
    slt_graph_free(&g);
}

static sl_code stop_at(void *ctx, sl_text key, sl_text value, sl_error *err)
{
    (void)value;
    (*(int *)ctx)++;
    return sli_text_is(key, "b") ? sl_error_set(err, SL_E_CONFIG, "b is bad") : SL_OK;
}

SL_TEST(graph_settings_end_with_the_first_refusal, "")
{
    slt_graph g = slt_graph_new();
    sl_error err = SL_ERROR_INIT;
    int calls = 0;
    sl_graph_set(g.graph, "a", "1");
    sl_graph_set(g.graph, "b", "2");
    sl_graph_set(g.graph, "c", "3");
    assert_int_equal(sli_graph_settings(g.graph, stop_at, &calls, &err), SL_E_CONFIG);
    assert_int_equal(calls, 2);
    assert_string_equal(err.text, "b is bad");
    slt_graph_free(&g);
}

SL_TEST(graph_has_stated_maxima, "")
{
    slt_graph g = slt_graph_new();
    sl_stream *in = sl_stream_queue(g.graph, "in", "word string", true);
    for (int i = 1; i < SLI_MAX_NODES; i++) {
        assert_non_null(sl_stream_repartition(in, 1));
    }
    assert_null(sl_stream_repartition(in, 1));
    slt_mistake_is(g.graph, SL_E_INVALID,
                   "operator 2049 (repartition after queue 'in'): a graph has at most 2048 "
                   "operators");
    slt_graph_free(&g);
    g = slt_graph_new();
    in = sl_stream_queue(g.graph, "in", "word string", true);
    for (int i = 0; i <= SLI_MAX_OUTPUTS; i++) {
        sl_stream_print(in, 1);
    }
    slt_mistake_is(g.graph, SL_E_INVALID,
                   "output 1025 (print of queue 'in'): a graph has at most 1024 outputs");
    slt_graph_free(&g);
}

// Whichever allocation fails, the graph tells it and can be freed.
SL_TEST(graph_definition_survives_each_failed_allocation, "")
{
    bool failed = true;
    for (int64_t n = 1; failed; n++) {
        slt_graph g = slt_graph_new();
        sli_mem_fail_nth(n);
        sl_stream *in = sl_stream_queue(g.graph, "in", "word string, n int64", true);
        sl_stream *sum = sl_stream_update_state_by_key(in, "word", &slt_fn_sum, "drop=5");
        sl_stream *joined = sl_stream_join(in, sl_stream_where(sum, "total > 1"), "word");
        sl_stream *counts = sl_stream_reduce_by_key(joined, "word", "sum(n) as s");
        sl_stream_print(sl_stream_uid(counts, "counts"), 10);
        const char *text = sl_graph_text(g.graph);
        bool reached = sli_mem_count() >= n;
        sli_mem_fail_nth(0);
        sl_code rc = sl_graph_check(g.graph, NULL);
        failed = reached;
        assert_true(rc == SL_OK || rc == SL_E_NOMEM);
        assert_true(reached || (rc == SL_OK && text[0] != '\0'));
        slt_graph_free(&g);
    }
}
