/// message_int.h — the columns beside a message's value; for message_columns.c and message_rows.c.
#pragma once

#include "source/message.h"

enum { MESSAGE_MOST_WANTED = 64 };

/// A column beside the value's: a cell, or one header of it.
typedef struct message_wanted {
    int32_t cell;
    sl_text header; ///< lies in the conf; data NULL: the cell itself
} message_wanted;

typedef struct message_wanted_list {
    message_wanted items[MESSAGE_MOST_WANTED];
    int32_t n;
} message_wanted_list;

/// Makes them. Thread: one at a time.
typedef struct message_columns {
    const sli_message_column *table;
    int32_t n_cells;
    message_wanted_list wanted; ///< n 0: there are none, and schema, builder and made are NULL
    sl_schema *schema;
    sl_builder *builder;
    sl_batch *made;
} message_columns;

/// Opens a zeroed struct; conf lives as long. Fails: SL_E_CONFIG; afterwards close it too.
sl_code message_columns_open(message_columns *columns, const sli_message_column *table,
                             const sl_conf *conf, sl_error *err);
void message_columns_close(message_columns *columns);
/// Sets `made` to the columns of messages from[0, n) of those that begin at data[at[i]]; it lives
/// until the next call.
sl_code message_columns_make(message_columns *columns, const char *data, int64_t size,
                             const int64_t *at, const int32_t *from, int64_t n, sl_error *err);
