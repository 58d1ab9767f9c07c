// Checks of user functions: a function is a static table with a name and a version.
#include "stream/graph_def.h"

enum { MAX_ARGS = 65536 };

static sl_code take_pair(void *ctx, sl_text key, sl_text value, sl_error *err)
{
    (void)ctx;
    (void)value;
    return key.size == 0 ? sl_error_set(err, SL_E_INVALID, "an argument without a name") : SL_OK;
}

static sl_code check_args(const char *name, const char *args, sl_error *err)
{
    if (args == NULL) {
        return SL_OK;
    }
    sl_code rc = strlen(args) > MAX_ARGS ? sl_error_set(err, SL_E_INVALID, "more than 64 KiB")
                                         : sli_pairs_each(args, take_pair, NULL, err);
    return sl_error_wrap(err, rc, "arguments of '%s'", name);
}

/// The first function of the job with this name; false when there is none.
static bool find_named(const sl_graph *graph, const char *name, sli_code_fn *run, uint32_t *version)
{
    for (int32_t i = 0; i < graph->n_nodes; i++) {
        const sl_stream *node = graph->nodes[i];
        if (node->code != NULL && strcmp(node->label, name) == 0) {
            *run = node->code;
            *version = node->code_version;
            return true;
        }
    }
    for (int32_t i = 0; i < graph->n_outputs; i++) {
        const sl_foreach_fn *fn = graph->outputs[i].foreach;
        if (fn != NULL && strcmp(fn->name, name) == 0) {
            *run = (sli_code_fn)fn->run;
            *version = fn->version;
            return true;
        }
    }
    return false;
}

sl_code sli_fn_head_check(const sl_graph *graph, const sli_fn_head *head, const char *args,
                          sl_error *err)
{
    if (head->type == NULL) {
        return sl_error_set(err, SL_E_INVALID, "the function is NULL");
    }
    if (head->name == NULL || !sli_is_uid(head->name)) {
        return sl_error_set(err, SL_E_INVALID,
                            "a function's name is 1 to %d letters, digits, '_', '.' and '-', not "
                            "beginning with '.'; this one is %s%.100s%s",
                            SLI_MAX_UID, head->name == NULL ? "" : "'",
                            head->name == NULL ? "NULL" : head->name,
                            head->name == NULL ? "" : "'");
    }
    if (head->struct_size < head->least_size) {
        return sl_error_set(err, SL_E_INVALID,
                            "function '%s' has struct_size %zu: write .struct_size = sizeof(%s)",
                            head->name, head->struct_size, head->type);
    }
    if (head->run == NULL) {
        return sl_error_set(err, SL_E_INVALID, "function '%s' has no code: `run` is NULL",
                            head->name);
    }
    sli_code_fn run = NULL;
    uint32_t version = 0;
    if (find_named(graph, head->name, &run, &version) &&
        (run != head->run || version != head->version)) {
        return sl_error_set(err, SL_E_INVALID,
                            "two different functions are called '%s': names tell them apart after "
                            "a restart",
                            head->name);
    }
    return check_args(head->name, args, err);
}

sl_code sli_fn_schema(const char *out_text, const sl_schema *otherwise, sl_schema **out,
                      sl_error *err)
{
    if (out_text == NULL) {
        *out = sl_schema_ref(otherwise);
        return SL_OK;
    }
    return sl_schema_parse(out, out_text, err);
}
