/// codec.h — compressed bytes to what they were: gzip, zstd, bzip2, snappy, as streams.
///
/// Bytes come in pieces of any size, and so do those that come out. Memory is bounded whatever the
/// bytes promise. What is damaged is told, never guessed; nothing here knows a file.
#pragma once

#include "base/mem.h"

/// Bytes on their way: both sides move on.
typedef struct sli_flow {
    const char *in;
    size_t in_size;
    char *out;
    size_t out_size;
} sli_flow;

typedef struct sli_unpacker sli_unpacker;

typedef struct sli_codec {
    const char *name;      ///< "gzip"
    const char *extension; ///< ".gz"
    /// A stream at its start. Fails: SL_E_NOMEM.
    sl_code (*open)(sli_unpacker **out, sl_error *err);
    /// Takes bytes until there are none left, or no room is left for what comes out. Streams may
    /// follow each other without a gap, as files that were concatenated. After a failure only
    /// close. Fails: SL_E_DATA with the reason alone as its text; SL_E_NOMEM.
    sl_code (*step)(sli_unpacker *self, sli_flow *flow, sl_error *err);
    void (*close)(SL_TAKES sli_unpacker *self); ///< accepts NULL
} sli_codec;

struct sli_unpacker {
    const sli_codec *codec; ///< first member of every implementation's struct
    bool is_whole;          ///< all that has come so far is whole: the bytes may end here
};

extern const sli_codec sli_codec_gzip; ///< RFC 1952; zeros behind a member are padding
extern const sli_codec sli_codec_zstd; ///< RFC 8878; windows of at most 128 MiB
extern const sli_codec sli_codec_bzip2;
extern const sli_codec sli_codec_snappy; ///< Hadoop's blocks, and snappy's own framing

/// By its name; NULL: there is none.
const sli_codec *sli_codec_find(sl_text name);
/// By how a file's name ends; NULL: it is not compressed.
const sli_codec *sli_codec_of_name(const char *name);

// ---------------------------------------------------------------- snappy, one block (snappy.c)

/// How long a block becomes; false: these bytes are no block.
bool sli_snappy_size(const void *packed, size_t size, size_t *out);
/// Unpacks a block into `out`, which has exactly sli_snappy_size bytes. False: it is damaged.
bool sli_snappy_unpack(const void *packed, size_t size, void *out, size_t out_size);
