/// master.c — what `--master` may say, as long as everything runs in one process.
#include "exec/exec.h"

static bool takes(sl_text *rest, const char *head)
{
    size_t size = strlen(head);
    if (rest->size < size || memcmp(rest->data, head, size) != 0) {
        return false;
    }
    rest->data += size;
    rest->size -= size;
    return true;
}

static sl_code refuse(const char *master, sl_error *err)
{
    return sl_error_set(
        err, SL_E_CONFIG,
        "master \"%.100s\": use local (one worker), local[N] with N from 1 to %d, or "
        "local[*] (as many workers as processors)",
        master, (int)SLI_EXEC_MAX_WORKERS);
}

sl_code sli_master_parse(const char *master, int32_t processors, int32_t *n_workers, sl_error *err)
{
    sl_text rest = sli_text_of(master);
    if (!takes(&rest, "local")) {
        return refuse(master, err);
    }
    if (rest.size == 0) {
        *n_workers = 1;
        return SL_OK;
    }
    if (!takes(&rest, "[") || rest.data[rest.size - 1] != ']') {
        return refuse(master, err); // rest.data[-1] is the '[' itself when nothing follows
    }
    rest.size--;
    if (sli_text_is(rest, "*")) {
        int32_t all = processors < 1 ? 1 : processors;
        *n_workers = all < SLI_EXEC_MAX_WORKERS ? all : SLI_EXEC_MAX_WORKERS;
        return SL_OK;
    }
    int64_t n = 0;
    if (sli_scan_int64(rest, &n, NULL) != SL_OK || n < 1 || n > SLI_EXEC_MAX_WORKERS) {
        return refuse(master, err);
    }
    *n_workers = (int32_t)n;
    return SL_OK;
}
