// fs_hdfs_answer_fuzz.c — whatever a NameNode, or who stands in its place, may answer: the first
// byte says what was asked and the status, the second how the body is cut into pieces.
#include "base/assert.h"
#include "fs/hdfs/hdfs_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

// ---------------------------------------------------------------- a server

/// Says one thing to everybody.
struct sli_http {
    int32_t status;
    sl_bytes body;
};
struct sli_http_call {
    const sli_http *server;
    size_t at;
};

static sl_code say(sli_http *self, const sli_http_request *request, sli_http_call **out,
                   sli_http_answer *answer, sl_error *err)
{
    (void)request;
    sli_http_call *call = sl_alloc_zero(SLI_TAG_TEST, sizeof *call);
    if (call == NULL) {
        return sl_error_nomem(err, sizeof *call, "a call");
    }
    call->server = self;
    *answer = (sli_http_answer){.status = self->status};
    *out = call;
    return SL_OK;
}

static sl_code give(sli_http_call *call, void *out, size_t size, size_t *n, sl_error *err)
{
    (void)err;
    size_t left = call->server->body.size - call->at;
    *n = left < size ? left : size;
    if (*n > 0) {
        memcpy(out, (const char *)call->server->body.data + call->at, *n);
    }
    call->at += *n;
    return SL_OK;
}

static void hang_up(sli_http_call **call)
{
    sl_free(*call);
    *call = NULL;
}

static sli_http the_server;

static sl_code connect_to(sli_http **out, const sli_http_conf *conf, sl_error *err)
{
    (void)conf;
    (void)err;
    *out = &the_server;
    return SL_OK;
}

static void disconnect(sli_http *self)
{
    (void)self;
}

static const sli_http_ops server_ops = {.struct_size = sizeof server_ops,
                                        .open = connect_to,
                                        .close = disconnect,
                                        .begin = say,
                                        .read = give,
                                        .end = hang_up};

// ---------------------------------------------------------------- questions

static sl_code see_entry(void *ctx, const sli_fs_entry *entry, sl_error *err)
{
    (void)err;
    size_t *n = ctx;
    *n += strlen(entry->name) + 1;
    return SL_OK;
}

static void ask(hdfs *fs, uint8_t what)
{
    static const int32_t statuses[] = {200, 403, 404, 500};
    sl_error err = SL_ERROR_INIT;
    sli_fs_entry entry = {0};
    size_t n = 0;
    sl_code rc;
    the_server.status = statuses[what >> 2 & 3];
    switch (what & 3) {
    case 0:
        rc = hdfs_list(&fs->fs, "/d", see_entry, &n, &err);
        break;
    case 1:
        rc = hdfs_stat(&fs->fs, "/d/f", &entry, &err);
        break;
    case 2:
        rc = hdfs_rename(&fs->fs, "/d/f", "/d/g", &err);
        break;
    default:
        rc = hdfs_remove(&fs->fs, "/d/f", &err);
        break;
    }
    SL_ASSERT(rc == SL_OK || err.code == rc, "refused with a reason");
    SL_ASSERT(rc != SL_OK || n <= 4 * (the_server.body.size + 1), "no more than there is");
}

// ---------------------------------------------------------------- pieces

static sl_code note(void *ctx, int32_t depth, const char *key, sl_text value, sl_error *err)
{
    (void)err;
    sli_str_printf(ctx, "%d%s=", (int)depth, key == NULL ? "!" : key);
    sli_str_add(ctx, value.data, value.size);
    return SL_OK;
}

/// What a text says when it comes in pieces of so many bytes.
static sl_code read_in_pieces(sl_bytes text, size_t step, sli_str *seen)
{
    hdfs_json json = {.each = note, .ctx = seen};
    json.key.tag = json.value.tag = SLI_TAG_TEST;
    sl_code rc = SL_OK;
    for (size_t at = 0; rc == SL_OK && at < text.size; at += step) {
        size_t left = text.size - at;
        rc = hdfs_json_feed(&json, (const char *)text.data + at, left < step ? left : step, NULL);
    }
    hdfs_json_reset(&json);
    return rc;
}

static void compare_pieces(sl_bytes text, size_t step)
{
    sli_str whole = {.tag = SLI_TAG_TEST}, cut = {.tag = SLI_TAG_TEST};
    sl_code a = read_in_pieces(text, text.size + 1, &whole), b = read_in_pieces(text, step, &cut);
    SL_ASSERT(a == b, "the same verdict, however it comes");
    SL_ASSERT(whole.size == cut.size &&
                  (whole.size == 0 || memcmp(whole.data, cut.data, whole.size) == 0),
              "the same members, however they come");
    sli_str_reset(&whole);
    sli_str_reset(&cut);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    the_server.body = (sl_bytes){(const char *)data + 2, size - 2};
    hdfs fs = {.fs = {&sli_fs_hdfs}, .namenodes = {"http://nn1:9870"}, .n_namenodes = 1};
    sli_http_conf conf = {.struct_size = sizeof conf, .inner = &server_ops};
    if (sli_env_posix(&fs.env, NULL) != SL_OK) {
        return 0;
    }
    conf.env = fs.env;
    if (sli_http_gate.open(&fs.client, &conf, NULL) == SL_OK) {
        ask(&fs, data[0]);
        compare_pieces(the_server.body, 1 + data[1] % 16);
        sli_http_gate.close(fs.client);
    }
    sli_env_free(fs.env);
    return 0;
}
