/// ipc_int.h — what the readers of Arrow IPC share: FlatBuffers as far as needed (ipc_flat.c), the
/// schema (ipc_schema.c), one message (ipc_read.c), its rows (ipc_batch.c) and the frame of a file
/// (ipc_file.c). All of it reads bytes of others: nothing is believed, every place is checked
/// before it is read.
#pragma once

#include "col/col_int.h"

// ---------------------------------------------------------------- FlatBuffers

/// A table of a FlatBuffer: its place, and that of its fields, in `size` bytes of data.
typedef struct sli_flat {
    const uint8_t *data;
    int64_t size, at, fields, n_fields;
} sli_flat;

/// `width` bytes at `at` as a little-endian number; false when they lie outside.
bool sli_flat_number(const uint8_t *data, int64_t size, int64_t at, int width, int64_t *out);
bool sli_flat_root(const uint8_t *data, int64_t size, sli_flat *out); ///< false: it is damaged
bool sli_flat_has(const sli_flat *t, int field);
/// A scalar field, not extended by its sign; `otherwise` when it is not there.
bool sli_flat_scalar(const sli_flat *t, int field, int width, int64_t otherwise, int64_t *out);
bool sli_flat_table(const sli_flat *t, int field, sli_flat *out); ///< false: not there, or damaged
/// A list of items of `width` bytes, or (4) of places of tables; not there counts as empty.
bool sli_flat_list(const sli_flat *t, int field, int width, const uint8_t **out, int64_t *n);
/// Table `i` of a list that lies in `t`.
bool sli_flat_item(const sli_flat *t, const uint8_t *list, int64_t i, sli_flat *out);
bool sli_flat_text(const sli_flat *t, int field, sl_text *out); ///< not there counts as empty

/// The i-th of 64-bit numbers that were checked to be there.
static inline int64_t sli_int64_at(const uint8_t *data, int64_t i)
{
    int64_t value = 0;
    memcpy(&value, data + i * 8, sizeof value);
    return value;
}

// ---------------------------------------------------------------- the frame of a file

enum { SLI_IPC_MAGIC_BYTES = 6 };
/// FlatBuffers' list of blocks has 4 bytes of nothing in each, where nanoarrow leaves what was on
/// its stack; equal rows must make equal bytes. `end` is behind a whole file that it wrote.
void sli_ipc_footer_clear(char *end);

// ---------------------------------------------------------------- reading

enum { SLI_IPC_SCHEMA = 1, SLI_IPC_DICTIONARY = 2, SLI_IPC_BATCH = 3 }; ///< kinds of messages
enum { SLI_IPC_LIMIT_BYTES = 1 << 30 }; ///< of a message, decompressed, where nobody sets one

typedef struct sli_ipc_reader {
    sli_buffer *bytes;
    const uint8_t *data;
    int64_t size, at;    ///< `at`: of the message that is read
    int64_t limit_bytes; ///< of what a message holds once it is decompressed
    sl_error *err;
    sl_arena *arena; ///< of the schema; NULL before it
    struct ArrowSchema *arrow;
    sl_schema *schema;
    sli_dictionary *dictionaries; ///< one for each field that has one
    sli_ipc_seen seen;
} sli_ipc_reader;

/// One message: metadata and body.
typedef struct sli_ipc_message {
    const uint8_t *meta;
    int64_t meta_size;
    const uint8_t *body;
    int64_t body_size;
    int type;
    sli_flat header;
} sli_ipc_message;

sl_code sli_ipc_corrupt(const sli_ipc_reader *reader, const char *what);
sl_code sli_ipc_unsupported(const sli_ipc_reader *reader, const char *what);
/// What import finds broken is damage of bytes here.
sl_code sli_ipc_broken(const sli_ipc_reader *reader, sl_code rc);

/// Sets the reader's arrow, schema and dictionaries by the message.
sl_code sli_ipc_schema_read(sli_ipc_reader *reader, const sli_ipc_message *m);
/// Rows of a batch.
sl_code sli_ipc_batch_read(sli_ipc_reader *reader, const sli_ipc_message *m, sl_batch **out);
/// Sets or extends the dictionary that the message names.
sl_code sli_ipc_dictionary_read(sli_ipc_reader *reader, const sli_ipc_message *m);
