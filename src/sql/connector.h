/// connector.h — WITH ('connector' = 'kafka', ...) to the URL of a source, a sink or a static
/// table.
///
/// A connector is a row of a table: which source and sink it is, where the parts of the URL come
/// from, and Flink's names of options that have another name here. All other options go through
/// under the names that the source, the sink and the format have, and are checked by their tables.
#pragma once

#include "sql/script_int.h"

/// What an option of Flink's becomes.
typedef enum sli_with_to {
    SLI_TO_OPTION = 1, ///< an option of the URL, under another name
    SLI_TO_HOST,
    SLI_TO_PORT,
    SLI_TO_PATH, ///< directory, file, topic, topic filter, table, name
    SLI_TO_DATABASE,
    SLI_TO_JDBC,    ///< jdbc:postgresql://HOST:PORT/DATABASE
    SLI_TO_SERVERS, ///< HOST:PORT,HOST:PORT: the first is the URL's, all others `brokers`
    SLI_TO_TIME_MS, ///< milliseconds since 1970 as `start`
    SLI_TO_NOTHING, ///< true of every job, e.g. the JDBC driver's class: taken, and not needed
} sli_with_to;

typedef struct sli_alias {
    const char *key;
    sli_with_to to;
    const char *option;
    const char *values; ///< "theirs=ours|theirs=ours"; NULL: any, as it stands
} sli_alias;

/// Where the parts stand in the URL.
typedef enum sli_url_form {
    SLI_FORM_PLAIN = 1, ///< scheme:PATH
    SLI_FORM_HOST,      ///< scheme://HOST:PORT/PATH
    SLI_FORM_DATABASE,  ///< scheme://HOST:PORT/DATABASE/PATH
} sli_url_form;

typedef struct sli_connector {
    const char *name; ///< of 'connector'
    const char *scheme;
    const char *text;                     ///< for help: what it is and what it needs
    const sli_source_ops *source, *table; ///< NULL: it can't be read, or not as a static table
    const sli_sink_ops *sink;             ///< NULL: it can't be written to
    sli_url_form form;
    const char *needs[3]; ///< options without which there is no URL
    const sli_alias *aliases;
    bool upserts;  ///< its sink replaces rows by key: mode=upsert
    bool replaces; ///< its sink can keep the last epoch's rows alone: mode=replace
    bool keyed;    ///< each row is a record under its key, the last one counts: one column
} sli_connector;

extern const sli_connector sli_connectors[]; ///< ends with a zero entry

/// The option of one of these names (the second may be NULL), or NULL.
const char *sli_with_value(const sli_entry *entry, const char *name, const char *other);
/// Whether the connector is known. At CREATE TABLE: what else is wrong depends on the table's use.
sl_code sli_connector_check(sli_script *s, const sli_entry *entry, sl_error *err);
/// The row of the table that `entry` names; it was checked.
const sli_connector *sli_connector_of(const sli_entry *entry);
/// Whether its sink deletes rows by key, those that the column of `deletes` says.
bool sli_connector_deletes(const sli_connector *connector);
/// Whether the table is read without a format, as rows.
bool sli_connector_gives_rows(const sli_entry *entry);
/// The URL that is read. Texts in the arena.
sl_code sli_connector_source(sli_script *s, const sli_entry *entry, const char **url,
                             bool *is_static, sl_error *err);
/// The URL that is written to; `mode` ("upsert", "replace"), `key` and `deletes` are added unless
/// NULL.
sl_code sli_connector_sink(sli_script *s, const sli_entry *entry, const char *mode, const char *key,
                           const char *deletes, const char **url, sl_error *err);

// ---- columns.c

/// "decimal(9,2)": the type of a column as a schema has it, without its `?`. In the arena; "" when
/// there is no memory.
const char *sli_field_type(sl_arena *arena, const sl_schema *schema, int32_t column);
/// The schema's text from a column on. In the arena; NULL without memory.
const char *sli_columns_from(sl_arena *arena, const sl_schema *schema, int32_t first);
/// A field's type as SQL writes it: "DECIMAL(9,2)"; "" of one that has no name there. In the arena.
const char *sli_sql_type(sl_arena *arena, const sl_field *field);
/// Appends a name in double quotes.
void sli_put_sql_name(sli_str *out, const char *name);
