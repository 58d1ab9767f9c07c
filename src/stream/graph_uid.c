// Settings of one stream: uid, persistence, partitions; and the uids that are derived.
#include "stream/graph_def.h"

bool sli_is_uid(const char *text)
{
    return sli_is_file_name(text, SLI_MAX_UID);
}

sl_code sli_uid_check_unique(const sl_stream *node, const char *uid, sl_error *err)
{
    const sl_graph *graph = node->graph;
    for (int32_t i = 0; i < graph->n_nodes; i++) {
        const sl_stream *other = graph->nodes[i];
        if (other == node || strcmp(other->uid, uid) != 0) {
            continue;
        }
        return sl_error_set(err, SL_E_INVALID,
                            "uid '%s' is that of operator %d (%s) already: give one of them "
                            "another with sl_stream_uid",
                            uid, other->index + 1, other->ops->kind);
    }
    return SL_OK;
}

static sl_code check_uid(const sl_stream *stream, const char *uid, sl_error *err)
{
    if (uid == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the uid is NULL");
    }
    if (!sli_is_uid(uid)) {
        return sl_error_set(err, SL_E_INVALID,
                            "uid '%.120s' is not 1 to %d letters, digits, '_', '.' and '-', not "
                            "beginning with '.'",
                            uid, SLI_MAX_UID);
    }
    if (stream->uid_given && strcmp(stream->uid, uid) != 0) {
        return sl_error_set(err, SL_E_INVALID, "it has the uid '%s' and can't also be '%s'",
                            stream->uid, uid);
    }
    return sli_uid_check_unique(stream, uid, err);
}

/// The settings' common frame: nothing after a mistake, and a mistake tells the operator's place.
static bool is_open(sl_stream *stream)
{
    return stream != NULL && sli_graph_is_open(stream->graph);
}

static sl_stream *settled(sl_stream *stream, sl_code rc, sl_error *err)
{
    if (rc != SL_OK) {
        sli_node_mistake(stream, rc, err);
        return NULL;
    }
    return stream;
}

sl_stream *sl_stream_uid(sl_stream *stream, const char *uid)
{
    if (!is_open(stream)) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = check_uid(stream, uid, &err);
    if (rc == SL_OK) {
        char *copy = sl_arena_strdup(stream->graph->arena, uid);
        if (copy == NULL) {
            rc = sl_error_nomem(&err, strlen(uid), "a uid");
        } else {
            stream->uid = copy;
            stream->uid_given = true;
        }
    }
    return settled(stream, rc, &err);
}

sl_stream *sl_stream_persist(sl_stream *stream, sl_level level)
{
    if (!is_open(stream)) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = SL_OK;
    if (level < SL_LEVEL_NONE || level > SL_DISK_ONLY) {
        rc = sl_error_set(&err, SL_E_INVALID, "%d is no storage level", (int)level);
    } else {
        stream->level = level;
    }
    return settled(stream, rc, &err);
}

sl_stream *sl_stream_cache(sl_stream *stream)
{
    return sl_stream_persist(stream, SL_MEMORY_ONLY);
}

sl_stream *sl_stream_partitions(sl_stream *stream, int32_t n_partitions)
{
    if (!is_open(stream)) {
        return NULL;
    }
    sl_error err = SL_ERROR_INIT;
    sl_code rc = SL_OK;
    int32_t most = stream->ops->most_partitions;
    if (most == 0) {
        rc = sl_error_set(&err, SL_E_INVALID,
                          "its partitions can't be set: it makes no shuffle by key; use "
                          "sl_stream_repartition");
    } else if (n_partitions < 1 || n_partitions > most) {
        rc = sl_error_set(&err, SL_E_INVALID, "%d partitions; there may be 1 to %d", n_partitions,
                          most);
    } else {
        stream->n_partitions = n_partitions;
    }
    return settled(stream, rc, &err);
}

const sl_schema *sl_stream_schema(const sl_stream *stream)
{
    return stream == NULL || stream->graph->mistake.code != SL_OK ? NULL : stream->schema;
}

// ---------------------------------------------------------------- outputs

/// Unique among the outputs and among the nodes: their files lie side by side.
static sl_code check_output_uid(const sl_graph *graph, int32_t index, sl_error *err)
{
    const char *uid = graph->outputs[index].uid;
    bool taken = false;
    for (int32_t i = 0; i < graph->n_nodes; i++) {
        taken = taken || strcmp(graph->nodes[i]->uid, uid) == 0;
    }
    for (int32_t i = 0; i < index; i++) {
        taken = taken || strcmp(graph->outputs[i].uid, uid) == 0;
    }
    return taken ? sl_error_set(err, SL_E_INVALID,
                                "output %d is called '%s' after its stream, and so is something "
                                "else: give that another uid",
                                index + 1, uid)
                 : SL_OK;
}

sl_code sli_outputs_name(sl_graph *graph, sl_error *err)
{
    for (int32_t i = 0; i < graph->n_outputs; i++) {
        sli_output *output = &graph->outputs[i];
        int32_t number = 1;
        for (int32_t k = 0; k < i; k++) {
            number += graph->outputs[k].input == output->input &&
                      strcmp(graph->outputs[k].verb, output->verb) == 0;
        }
        output->uid =
            sl_arena_printf(graph->arena, "%s.%s-%d", output->input->uid, output->verb, number);
        if (output->uid == NULL) {
            return sl_error_nomem(err, SLI_MAX_UID, "the uid of an output");
        }
        output->uid_hash = sli_hash64(output->uid, strlen(output->uid));
        SL_TRY(check_output_uid(graph, i, err));
    }
    return SL_OK;
}
