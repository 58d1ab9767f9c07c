/// json_tree.h — a small text of JSON as a tree: for settings that are JSON (an Avro schema), not
/// for records.
///
/// Everything lies in the caller's arena. Texts are UTF-8 without a zero inside, so they are plain
/// C strings.
#pragma once

#include "col/col.h"

typedef enum sli_tree_kind {
    SLI_TREE_WORD = 1, ///< true, false, null or a number, as it stands
    SLI_TREE_STRING,
    SLI_TREE_LIST,
    SLI_TREE_OBJECT,
} sli_tree_kind;

typedef struct sli_tree sli_tree;
struct sli_tree {
    sli_tree_kind kind;
    const char *text;      ///< of a word or string; NULL otherwise
    const char *key;       ///< in an object; NULL otherwise
    const sli_tree *first; ///< of a list or object
    const sli_tree *next;
    int32_t n; ///< values in it
};

enum { SLI_TREE_DEPTH = 64, SLI_TREE_BYTES = 1 << 20 };

/// Fails: SL_E_INVALID with the byte and what is wrong there: no JSON, more than SLI_TREE_DEPTH
/// brackets within each other, more than SLI_TREE_BYTES; SL_E_NOMEM.
sl_code sli_tree_read(const sli_tree **out, sl_text text, sl_arena *arena, sl_error *err);
/// The value of a key, the last one when there are several; NULL: it isn't there, or `tree` is no
/// object.
const sli_tree *sli_tree_find(const sli_tree *tree, const char *key);
/// The text of the string at the key; NULL: it isn't there, or no string.
const char *sli_tree_string(const sli_tree *tree, const char *key);
/// The whole number at the key into *out. False: it isn't there, or none.
bool sli_tree_int64(const sli_tree *tree, const char *key, int64_t *out);
