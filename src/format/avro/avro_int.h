/// avro_int.h — what the files of Avro share: types, what is read of them into which column, and
/// one record from and to bytes.
///
/// A schema's text becomes *types* (avro_schema.c). Types held against columns become a *plan*
/// (avro_plan.c): for each part of a record, in Avro's order, the column it belongs to. A plan is
/// followed record by record, in either direction (avro_read.c, avro_write.c).
#pragma once

#include "format/format_int.h"

enum {
    SLI_AVRO_DEPTH = 64,  ///< values within each other that nobody wants; columns have fewer
    SLI_AVRO_PARTS = 4096 ///< of one type: fields, branches, symbols
};

// ---------------------------------------------------------------- types (avro_schema.c)

typedef enum sli_avro_kind {
    SLI_AVRO_NULL = 1,
    SLI_AVRO_BOOLEAN,
    SLI_AVRO_INT,
    SLI_AVRO_LONG,
    SLI_AVRO_FLOAT,
    SLI_AVRO_DOUBLE,
    SLI_AVRO_BYTES,
    SLI_AVRO_STRING,
    SLI_AVRO_FIXED,
    SLI_AVRO_ENUM,
    SLI_AVRO_ARRAY,
    SLI_AVRO_MAP,
    SLI_AVRO_UNION,
    SLI_AVRO_RECORD,
} sli_avro_kind;

/// What a type stands for; one that is not known here is none, as Avro wants it.
typedef enum sli_avro_logical {
    SLI_AVRO_PLAIN = 0,
    SLI_AVRO_DATE,
    SLI_AVRO_MILLIS,
    SLI_AVRO_MICROS,
    SLI_AVRO_DECIMAL,
} sli_avro_logical;

typedef struct sli_avro_type sli_avro_type;

/// A field of a record, a branch of a union, an array's items, a map's values.
typedef struct sli_avro_part {
    const char *name; ///< of a field; NULL otherwise
    sli_avro_type *type;
} sli_avro_part;

/// A named type may be part of itself, so types are a graph.
struct sli_avro_type {
    sli_avro_kind kind;
    sli_avro_logical logical;
    const char *name;         ///< with its namespace, of a record, enum or fixed; NULL otherwise
    int64_t size;             ///< of a fixed
    int64_t precision, scale; ///< of a decimal
    int32_t n;                ///< parts or symbols
    sli_avro_part *parts;
    const char **symbols;
    bool empty; ///< its values have no bytes at all, so any number of them may follow each other
};

/// Reads a schema. *out is a record: of another type, one with the field `value`. All lies in the
/// arena. Fails: SL_E_CONFIG, with the names on the way to what is wrong.
sl_code sli_avro_schema_read(const sli_avro_type **out, sl_text text, sl_arena *arena,
                             sl_error *err);
/// What is called so in a schema: "long", "array".
const char *sli_avro_kind_name(sli_avro_kind kind);
/// A type with the union around it taken off.
typedef struct sli_avro_peeled {
    const sli_avro_type *type; ///< NULL: a union of more than one type and null
    int8_t n_branches;         ///< of the union; 0: there is none
    int8_t null_branch;        ///< -1: none
} sli_avro_peeled;
sli_avro_peeled sli_avro_peel(const sli_avro_type *type);

// ---------------------------------------------------------------- plans (avro_plan.c)

/// The columns of a record: a `?` where null is a branch. Fails: SL_E_CONFIG for a type that no
/// column has, with the field and what to do about it.
sl_code sli_avro_columns(const sli_avro_type *record, sl_schema **out, sl_error *err);

/// What is done about one part of a type.
typedef struct sli_avro_step sli_avro_step;
struct sli_avro_step {
    sli_avro_peeled of;
    const sl_field *field;      ///< its column, a struct's field or a list's item
    int32_t slot;               ///< number of that column or field; -1: nobody wants it
    const sli_avro_step *steps; ///< of a record: one a field. Of an array: one, the items
};

/// The steps of a record for reading columns: each must be a field, of its type or one that Avro
/// widens to it; other fields are passed over. Fails: SL_E_CONFIG, naming column and field.
sl_code sli_avro_plan_read(const sli_avro_step **out, const sli_avro_type *record,
                           const sl_schema *schema, sl_arena *arena, sl_error *err);
/// For writing: columns and fields are the same by name. Fails: SL_E_CONFIG, naming the one that is
/// missing on the other side, or that does not fit.
sl_code sli_avro_plan_write(const sli_avro_step **out, const sli_avro_type *record,
                            const sl_schema *schema, sl_arena *arena, sl_error *err);

// ---------------------------------------------------------------- one record (avro_read.c,
// avro_write.c)

typedef struct sli_avro_reader {
    const sli_avro_type *record;
    const sli_avro_step *steps;
    sli_rows *rows;
    sli_bad utf8;     ///< what to do about text that is not UTF-8
    int64_t replaced; ///< sequences of it
    int64_t not_utf8; ///< where the record has such text, that may not be repaired; -1: nowhere
    sli_str repaired;
} sli_avro_reader;

/// Reads the record at data[*at, to) into the row in the making, without committing it, and moves
/// behind it. `data` is buffer 0 of the rows, and 12 readable bytes follow. A record with
/// reader->not_utf8 >= 0 must not be committed. SL_E_DATA: malformed, with the field and the byte.
sl_code sli_avro_read(sli_avro_reader *reader, const char *data, int64_t *at, int64_t to,
                      sl_error *err);

/// Appends a row. Fails: SL_E_DATA for a cell that the field can't take; SL_E_NOMEM.
sl_code sli_avro_write(sli_str *out, const sli_avro_type *record, const sli_avro_step *steps,
                       const sl_batch *rows, int64_t row, sl_error *err);
/// Whether some row could be refused so: an enum, a fixed, a null that the type has not, or, not
/// looked into, a part with parts.
bool sli_avro_may_refuse(const sli_avro_type *record, const sli_avro_step *steps);

// ---------------------------------------------------------------- files (avro_file.c,
// avro_codec.c)

/// How the blocks of a file are compressed.
typedef enum sli_avro_codec {
    SLI_AVRO_AS_IS = 0,
    SLI_AVRO_DEFLATE,
    SLI_AVRO_SNAPPY,
    SLI_AVRO_ZSTANDARD,
} sli_avro_codec;

/// False: no such codec is read.
bool sli_avro_codec_find(sl_text name, sli_avro_codec *out);
/// *out: a block's bytes, of which the caller owns a reference. Fails: SL_E_DATA, also for more
/// than `limit` bytes; SL_E_NOMEM.
sl_code sli_avro_unpack(sli_buffer **out, sli_avro_codec codec, sl_bytes packed, int64_t limit,
                        sl_error *err);

/// What stands before each value: the id of its schema, when `on`.
typedef struct sli_avro_header {
    bool on;
    int64_t id;
} sli_avro_header;

typedef struct sli_avro_file sli_avro_file; ///< what its front tells

/// Reads values by the schema of its settings, or a file by the file's.
struct sli_decoder {
    sli_stream_state stream;
    sl_schema *schema; ///< the columns
    sl_arena *arena;   ///< the settings' types and steps
    sli_avro_reader reader;
    sli_avro_header header;
    sli_avro_file *file; ///< NULL before a file's front was read
};

sl_code sli_avro_file_decode(sli_decoder *self, const sli_piece *piece, int64_t *consumed,
                             sli_emit_fn emit, void *ctx, sl_error *err);
void sli_avro_file_free(SL_TAKES sli_avro_file *file); ///< accepts NULL
