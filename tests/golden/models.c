// The steps of models: `model KIND OPTIONS`, `train FEATURES [by LABEL]`, `predict FEATURES [as
// NAMES]`, `modelRows`, `test GROUP by VALUE [with OPTIONS]`.
#include "golden/vocabulary.h"

#include <stdio.h>
#include <string.h>

enum { PART_BYTES = 256 };

/// What stands before `word`; all of it when it is not there.
static const char *before(const char *arg, const char *word, char *out)
{
    const char *at = strstr(arg, word);
    (void)snprintf(out, PART_BYTES, "%.*s", at == NULL ? PART_BYTES - 1 : (int)(at - arg), arg);
    return out;
}

/// What stands behind `word`; NULL when it is not there.
static const char *behind(const char *arg, const char *word)
{
    const char *at = strstr(arg, word);
    return at == NULL ? NULL : at + strlen(word);
}

static sl_stream *test(sl_stream *in, const char *arg)
{
    char group[PART_BYTES], value[PART_BYTES];
    const char *rest = behind(arg, " by ");
    return sl_stream_test(in, before(arg, " by ", group),
                          rest == NULL ? NULL : before(rest, " with ", value),
                          behind(arg, " with "));
}

bool slt_model_step(sl_graph *graph, sl_model **model, sl_stream **stream, const char *verb,
                    const char *arg)
{
    char first[PART_BYTES];
    if (strcmp(verb, "model") == 0) {
        *model = sl_model_open(graph, before(arg, " ", first), behind(arg, " "));
    } else if (strcmp(verb, "train") == 0) {
        sl_model_train(*model, *stream, before(arg, " by ", first), behind(arg, " by "));
    } else if (strcmp(verb, "predict") == 0) {
        *stream =
            sl_model_predict(*model, *stream, before(arg, " as ", first), behind(arg, " as "));
    } else if (strcmp(verb, "modelRows") == 0) {
        *stream = sl_model_stream(*model);
    } else if (strcmp(verb, "test") == 0) {
        *stream = test(*stream, arg);
    } else {
        return false;
    }
    return true;
}
