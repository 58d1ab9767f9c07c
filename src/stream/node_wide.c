// Operators with a shuffle: repartition, partitionBy, reduceByKey, combineByKey, countByValue,
// reduce, count, groupByKey, the joins, cogroup.
#include "stream/graph_def.h"

typedef struct wide_body {
    const char *keys, *aggregations;
    bool map_side_combine; ///< combineByKey
} wide_body;

static const wide_body *body_of(const sl_stream *node)
{
    return node->body;
}

// ---------------------------------------------------------------- RDDs

static sl_code repartition_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs,
                               sl_rdd **out, sl_error *err)
{
    (void)epoch;
    (void)err;
    *out = sl_rdd_repartition(inputs[0], node->n_partitions);
    return SL_OK;
}

static sl_code reduce_by_key_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs,
                                 sl_rdd **out, sl_error *err)
{
    (void)epoch;
    (void)err;
    const wide_body *body = body_of(node);
    *out = sl_rdd_reduce_by_key(inputs[0], body->keys, body->aggregations, node->n_partitions);
    return SL_OK;
}

static sl_code reduce_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                          sl_error *err)
{
    (void)epoch;
    (void)err;
    *out = sli_rdd_reduce(inputs[0], body_of(node)->aggregations);
    return SL_OK;
}

static sl_code count_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                         sl_error *err)
{
    (void)node;
    (void)epoch;
    (void)err;
    *out = sli_rdd_count_rows(inputs[0]);
    return SL_OK;
}

static sl_code group_by_key_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs,
                                sl_rdd **out, sl_error *err)
{
    (void)epoch;
    (void)err;
    *out = sl_rdd_group_by_key(inputs[0], body_of(node)->keys, node->n_partitions);
    return SL_OK;
}

static sl_code join_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                        sl_error *err)
{
    (void)epoch;
    (void)err;
    *out = sl_rdd_join(inputs[0], inputs[1], body_of(node)->keys, node->n_partitions);
    return SL_OK;
}

static sl_code left_outer_join_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs,
                                   sl_rdd **out, sl_error *err)
{
    (void)epoch;
    (void)err;
    *out = sl_rdd_left_outer_join(inputs[0], inputs[1], body_of(node)->keys, node->n_partitions);
    return SL_OK;
}

static sl_code right_outer_join_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs,
                                    sl_rdd **out, sl_error *err)
{
    (void)epoch;
    (void)err;
    *out = sl_rdd_right_outer_join(inputs[0], inputs[1], body_of(node)->keys, node->n_partitions);
    return SL_OK;
}

static sl_code full_outer_join_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs,
                                   sl_rdd **out, sl_error *err)
{
    (void)epoch;
    (void)err;
    *out = sl_rdd_full_outer_join(inputs[0], inputs[1], body_of(node)->keys, node->n_partitions);
    return SL_OK;
}

static sl_code cogroup_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs, sl_rdd **out,
                           sl_error *err)
{
    (void)epoch;
    (void)err;
    *out = sl_rdd_cogroup(inputs[0], inputs[1], body_of(node)->keys, node->n_partitions);
    return SL_OK;
}

static sl_code combine_by_key_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs,
                                  sl_rdd **out, sl_error *err)
{
    (void)epoch;
    (void)err;
    const wide_body *body = body_of(node);
    *out = sl_rdd_combine_by_key(inputs[0], body->keys, body->aggregations, body->map_side_combine,
                                 node->n_partitions);
    return SL_OK;
}

static sl_code count_by_value_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs,
                                  sl_rdd **out, sl_error *err)
{
    (void)epoch;
    (void)err;
    *out = sl_rdd_count_by_value(inputs[0], node->n_partitions);
    return SL_OK;
}

static sl_code partition_by_rdd(sl_stream *node, sli_epoch *epoch, sl_rdd *const *inputs,
                                sl_rdd **out, sl_error *err)
{
    (void)epoch;
    (void)err;
    *out = sl_rdd_partition_by(inputs[0], body_of(node)->keys, node->n_partitions);
    return SL_OK;
}

static const sli_node_ops repartition_ops = {
    .kind = "repartition", .rdd = repartition_rdd, .most_partitions = SLI_MAX_PARTITIONS};
static const sli_node_ops reduce_by_key_ops = {
    .kind = "reduceByKey", .rdd = reduce_by_key_rdd, .most_partitions = SLI_MAX_HASH_PARTITIONS};
static const sli_node_ops reduce_ops = {.kind = "reduce", .rdd = reduce_rdd};
static const sli_node_ops count_ops = {.kind = "count", .rdd = count_rdd};
static const sli_node_ops group_by_key_ops = {
    .kind = "groupByKey", .rdd = group_by_key_rdd, .most_partitions = SLI_MAX_HASH_PARTITIONS};
static const sli_node_ops join_ops = {
    .kind = "join", .rdd = join_rdd, .most_partitions = SLI_MAX_HASH_PARTITIONS};

static const sli_node_ops left_outer_join_ops = {.kind = "leftOuterJoin",
                                                 .rdd = left_outer_join_rdd,
                                                 .most_partitions = SLI_MAX_HASH_PARTITIONS};
static const sli_node_ops right_outer_join_ops = {.kind = "rightOuterJoin",
                                                  .rdd = right_outer_join_rdd,
                                                  .most_partitions = SLI_MAX_HASH_PARTITIONS};
static const sli_node_ops full_outer_join_ops = {.kind = "fullOuterJoin",
                                                 .rdd = full_outer_join_rdd,
                                                 .most_partitions = SLI_MAX_HASH_PARTITIONS};
static const sli_node_ops cogroup_ops = {
    .kind = "cogroup", .rdd = cogroup_rdd, .most_partitions = SLI_MAX_HASH_PARTITIONS};
static const sli_node_ops combine_by_key_ops = {
    .kind = "combineByKey", .rdd = combine_by_key_rdd, .most_partitions = SLI_MAX_HASH_PARTITIONS};
static const sli_node_ops count_by_value_ops = {
    .kind = "countByValue", .rdd = count_by_value_rdd, .most_partitions = SLI_MAX_HASH_PARTITIONS};
static const sli_node_ops partition_by_ops = {
    .kind = "partitionBy", .rdd = partition_by_rdd, .most_partitions = SLI_MAX_HASH_PARTITIONS};

// ---------------------------------------------------------------- keys

sl_code sli_keys_parse(const char *keys, const sl_schema *schema, int32_t *columns, int32_t *n,
                       sl_error *err)
{
    if (keys == NULL || keys[strspn(keys, " \t\n")] == '\0') {
        return sl_error_set(err, SL_E_INVALID, "no keys: name the columns, as \"user, page\"");
    }
    return sl_error_wrap(err, sli_columns_parse(keys, schema, columns, n, err), "keys");
}

static sl_code match_keys(const sl_schema *a, const int32_t *keys_a, const sl_schema *b,
                          const int32_t *keys_b, int32_t n_keys, sl_error *err)
{
    for (int32_t i = 0; i < n_keys; i++) {
        sl_text left = sli_column_type_text(a, keys_a[i]),
                right = sli_column_type_text(b, keys_b[i]);
        left.size -= left.data[left.size - 1] == '?'; // null equals null
        right.size -= right.data[right.size - 1] == '?';
        if (left.size != right.size || memcmp(left.data, right.data, left.size) != 0) {
            return sl_error_set(err, SL_E_INVALID,
                                "key '%.100s' is %.*s on the left, %.*s on the right",
                                sl_schema_field(a, keys_a[i])->name, (int)left.size, left.data,
                                (int)right.size, right.data);
        }
    }
    return SL_OK;
}

/// The body, and the args text from the resolved keys and aggregations.
static sl_code keep(sl_stream *node, const char *keys, const char *aggregations, sli_str *args,
                    sl_error *err)
{
    wide_body *body = NULL;
    sl_code rc = sli_node_body(node, sizeof *body, (void **)&body, err);
    if (rc == SL_OK) {
        rc = sli_graph_copy(node->graph, keys, &body->keys, err);
    }
    if (rc == SL_OK) {
        rc = sli_graph_copy(node->graph, aggregations, &body->aggregations, err);
    }
    if (rc == SL_OK) {
        return sli_node_set_args(node, args, err);
    }
    sli_str_reset(args);
    return rc;
}

/// Of an operator whose only argument is its keys, which all its inputs have.
static sl_code resolve_keys(sl_stream *node, const char *keys, sl_error *err)
{
    const sl_schema *in = node->inputs[0]->schema;
    int32_t columns[SLI_MAX_KEYS], n_keys = 0;
    sl_code rc = sli_keys_parse(keys, in, columns, &n_keys, err);
    if (rc != SL_OK) {
        return node->n_inputs == 1 ? rc : sl_error_wrap(err, rc, "left side");
    }
    sli_str args = {.tag = SLI_TAG_STREAM};
    sli_put_columns(&args, "keys", in, columns, n_keys);
    SL_TRY(keep(node, keys, NULL, &args, err));
    return sli_node_try(node, err);
}

// ---------------------------------------------------------------- aggregations

/// The node's schema, and its arguments appended to `args`.
static sl_code resolve_aggregations(sl_stream *node, const char *keys, const char *aggregations,
                                    sli_str *args, sl_error *err)
{
    const sl_schema *in = node->inputs[0]->schema;
    int32_t columns[SLI_MAX_KEYS], n_keys = 0;
    sli_agg_plan *plan = NULL;
    if (node->ops != &reduce_ops) {
        SL_TRY(sli_keys_parse(keys, in, columns, &n_keys, err));
    }
    if (aggregations == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the aggregations are NULL");
    }
    SL_TRY(sli_agg_plan_new(&plan, aggregations, in, columns, n_keys,
                            sli_graph_aggregations(node->graph), err));
    node->schema = sl_schema_ref(sli_agg_plan_result(plan));
    if (n_keys > 0) {
        sli_put_columns(args, "keys", in, columns, n_keys);
    }
    sli_put_pair(args, "aggregations", sli_agg_plan_text(plan));
    sli_agg_plan_free(plan);
    return SL_OK;
}

static sl_stream *define_aggregations(sl_stream *stream, const sli_node_ops *ops, const char *keys,
                                      const char *aggregations)
{
    sl_stream *node = sli_node_begin(ops, NULL, stream);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sli_str args = {.tag = SLI_TAG_STREAM};
    sl_code rc = resolve_aggregations(node, keys, aggregations, &args, &err);
    rc = rc != SL_OK ? rc : keep(node, keys, aggregations, &args, &err);
    return sli_node_end(node, rc, &err);
}

sl_stream *sl_stream_reduce_by_key(sl_stream *stream, const char *keys, const char *aggregations)
{
    return define_aggregations(stream, &reduce_by_key_ops, keys, aggregations);
}

sl_stream *sl_stream_reduce(sl_stream *stream, const char *aggregations)
{
    return define_aggregations(stream, &reduce_ops, NULL, aggregations);
}

sl_stream *sl_stream_combine_by_key(sl_stream *stream, const char *keys, const char *aggregations,
                                    bool map_side_combine)
{
    sl_stream *node = sli_node_begin(&combine_by_key_ops, NULL, stream);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sli_str args = {.tag = SLI_TAG_STREAM};
    sl_code rc = resolve_aggregations(node, keys, aggregations, &args, &err);
    if (rc == SL_OK && !map_side_combine) {
        sli_str_text(&args, " reduce-side");
    }
    rc = rc != SL_OK ? rc : keep(node, keys, aggregations, &args, &err);
    if (rc == SL_OK) {
        ((wide_body *)node->body)->map_side_combine = map_side_combine;
    }
    return sli_node_end(node, rc, &err);
}

sl_stream *sl_stream_count_by_value(sl_stream *stream)
{
    sl_stream *node = sli_node_begin(&count_by_value_ops, NULL, stream);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = sli_node_try(node, &err);
    return sli_node_end(node, rc, &err);
}

sl_stream *sl_stream_count(sl_stream *stream)
{
    sl_stream *node = sli_node_begin(&count_ops, NULL, stream);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = sl_schema_parse(&node->schema, "count int64", &err);
    return sli_node_end(node, rc, &err);
}

// ---------------------------------------------------------------- repartition, groupByKey

sl_stream *sl_stream_repartition(sl_stream *stream, int32_t n_partitions)
{
    sl_stream *node = sli_node_begin(&repartition_ops, NULL, stream);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = SL_OK;
    if (n_partitions < 1 || n_partitions > SLI_MAX_PARTITIONS) {
        rc = sl_error_set(&err, SL_E_INVALID, "%d partitions; there may be 1 to %d", n_partitions,
                          SLI_MAX_PARTITIONS);
    } else {
        node->n_partitions = n_partitions;
        node->schema = sl_schema_ref(stream->schema);
    }
    return sli_node_end(node, rc, &err);
}

sl_stream *sl_stream_partition_by(sl_stream *stream, const char *keys)
{
    sl_stream *node = sli_node_begin(&partition_by_ops, NULL, stream);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve_keys(node, keys, &err);
    return sli_node_end(node, rc, &err);
}

static sl_code resolve_group(sl_stream *node, const char *keys, sl_error *err)
{
    const sl_schema *in = node->inputs[0]->schema;
    int32_t columns[SLI_MAX_KEYS], n_keys = 0;
    SL_TRY(sli_keys_parse(keys, in, columns, &n_keys, err));
    SL_TRY(sli_schema_grouped(in, columns, n_keys, &node->schema, err));
    sli_str args = {.tag = SLI_TAG_STREAM};
    sli_put_columns(&args, "keys", in, columns, n_keys);
    return keep(node, keys, NULL, &args, err);
}

sl_stream *sl_stream_group_by_key(sl_stream *stream, const char *keys)
{
    sl_stream *node = sli_node_begin(&group_by_key_ops, NULL, stream);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve_group(node, keys, &err);
    return sli_node_end(node, rc, &err);
}

// ---------------------------------------------------------------- join

sl_code sli_join_resolve(const sl_schema *a, const sl_schema *b, const char *keys, sl_schema **out,
                         sli_str *args, sl_error *err)
{
    int32_t keys_a[SLI_MAX_KEYS], keys_b[SLI_MAX_KEYS], n_keys = 0, n_keys_b = 0;
    SL_TRY(sl_error_wrap(err, sli_keys_parse(keys, a, keys_a, &n_keys, err), "left side"));
    SL_TRY(sl_error_wrap(err, sli_keys_parse(keys, b, keys_b, &n_keys_b, err), "right side"));
    SL_TRY(match_keys(a, keys_a, b, keys_b, n_keys, err));
    SL_TRY(sli_schema_joined(a, keys_a, b, keys_b, n_keys, out, err));
    sli_put_columns(args, "keys", a, keys_a, n_keys);
    return SL_OK;
}

sl_stream *sl_stream_join(sl_stream *a, sl_stream *b, const char *keys)
{
    sl_stream *node = sli_node_begin_many(&join_ops, NULL, (sl_stream *const[]){a, b}, 2);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sli_str args = {.tag = SLI_TAG_STREAM};
    sl_code rc = sli_join_resolve(a->schema, b->schema, keys, &node->schema, &args, &err);
    if (rc == SL_OK) {
        rc = keep(node, keys, NULL, &args, &err);
    }
    return sli_node_end(node, rc, &err);
}

static sl_stream *define_pair(sl_stream *a, sl_stream *b, const sli_node_ops *ops, const char *keys)
{
    sl_stream *node = sli_node_begin_many(ops, NULL, (sl_stream *const[]){a, b}, 2);
    if (node == NULL) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = resolve_keys(node, keys, &err);
    return sli_node_end(node, rc, &err);
}

sl_stream *sl_stream_left_outer_join(sl_stream *a, sl_stream *b, const char *keys)
{
    return define_pair(a, b, &left_outer_join_ops, keys);
}

sl_stream *sl_stream_right_outer_join(sl_stream *a, sl_stream *b, const char *keys)
{
    return define_pair(a, b, &right_outer_join_ops, keys);
}

sl_stream *sl_stream_full_outer_join(sl_stream *a, sl_stream *b, const char *keys)
{
    return define_pair(a, b, &full_outer_join_ops, keys);
}

sl_stream *sl_stream_cogroup(sl_stream *a, sl_stream *b, const char *keys)
{
    return define_pair(a, b, &cogroup_ops, keys);
}
