// codec_fuzz.c — any bytes as a compressed stream: the first byte chooses the codec and the room.
#include "codec/codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const sli_codec *const codecs[] = {&sli_codec_gzip, &sli_codec_zstd, &sli_codec_bzip2,
                                              &sli_codec_snappy};
    enum { MOST_STEPS = 4096 }; // of what becomes huge enough is seen
    char room[4096];
    sli_unpacker *unpacker = NULL;
    if (size == 0 || codecs[data[0] & 3]->open(&unpacker, NULL) != SL_OK) {
        return 0;
    }
    size_t most = (data[0] & 4) != 0 ? 1 : sizeof room;
    sli_flow flow = {.in = (const char *)data + 1, .in_size = size - 1};
    sl_code rc = SL_OK;
    bool more = true;
    for (int i = 0; rc == SL_OK && (flow.in_size > 0 || more) && i < MOST_STEPS; i++) {
        flow.out = room;
        flow.out_size = most;
        rc = unpacker->codec->step(unpacker, &flow, NULL);
        more = flow.out_size == 0;
    }
    unpacker->codec->close(unpacker);
    return 0;
}
