// codec.c — which codecs there are, and how their files are called.
#include "codec/codec.h"

#include <string.h>

#include "base/str.h"

/// `.sz` is what snappy's own framing is called, `.snappy` Hadoop's; either is told by its bytes.
static const struct named {
    const char *extension;
    const sli_codec *codec;
} by_extension[] = {
    {".gz", &sli_codec_gzip},       {".zst", &sli_codec_zstd},  {".bz2", &sli_codec_bzip2},
    {".snappy", &sli_codec_snappy}, {".sz", &sli_codec_snappy},
};

const sli_codec *sli_codec_find(sl_text name)
{
    for (size_t i = 0; i < sizeof by_extension / sizeof *by_extension; i++) {
        if (sli_text_is(name, by_extension[i].codec->name)) {
            return by_extension[i].codec;
        }
    }
    return NULL;
}

const sli_codec *sli_codec_of_name(const char *name)
{
    size_t size = strlen(name);
    for (size_t i = 0; i < sizeof by_extension / sizeof *by_extension; i++) {
        size_t n = strlen(by_extension[i].extension);
        if (size > n && strcmp(name + size - n, by_extension[i].extension) == 0) {
            return by_extension[i].codec;
        }
    }
    return NULL;
}
