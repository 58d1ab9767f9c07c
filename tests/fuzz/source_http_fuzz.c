// source_http_fuzz.c — any bytes as requests: cut into pieces as the first byte says, whatever is
// whole is cut into records. Requests must not differ by how their bytes came.
#include "base/hash.h"
#include "source/http/http_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST = 4096 };

static int32_t go_on(void *ctx, const http_request *request)
{
    (void)ctx, (void)request;
    return 0;
}

static void add_hash(uint64_t *hash, const sli_str *text)
{
    *hash = *hash * 31 + sli_hash64(text->data == NULL ? "" : text->data, text->size);
}

/// Reads requests until the bytes end or one is refused; a hash of all that was read.
static uint64_t read_all(const char *data, size_t size, size_t step)
{
    static const http_cut cuts[] = {HTTP_LINES, HTTP_QUOTED, HTTP_WHOLE};
    http_request r;
    uint64_t hash = 0;
    sli_str out = {.tag = SLI_TAG_TEST};
    http_request_begin(&r, go_on, NULL, MOST);
    for (size_t at = 0; at < size && r.status == 0;) {
        size_t n = size - at < step ? size - at : step;
        at += http_request_feed(&r, data + at, n);
        SL_ASSERT(at <= size && r.body.size <= MOST && r.head_bytes <= 2 * HTTP_MOST_HEAD,
                  "limits hold");
        if (r.whole) {
            int64_t n_records = 0;
            http_records records = {.cut = cuts[r.body.size % 3], .quote = '"', .headers = true};
            (void)!http_records_put(&records, &r, 0, &out, &n_records, NULL);
            add_hash(&hash, &r.body);
            add_hash(&hash, &r.fields);
            add_hash(&hash, &r.target);
            sli_str_clear(&out);
            http_request_next(&r);
        } else {
            SL_ASSERT(r.status != 0 || at == size || n == step, "it goes on");
        }
    }
    hash = hash * 31 + (r.status != 0); // which of two faults is met first is by the pieces
    http_request_reset(&r);
    sli_str_reset(&out);
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const char *bytes = (const char *)data + 1;
    uint64_t whole = read_all(bytes, size - 1, SIZE_MAX);
    SL_ASSERT(whole == read_all(bytes, size - 1, 1 + data[0] % 23),
              "requests are the same however they come");
    return 0;
}
