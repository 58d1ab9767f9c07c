/// groups_int.h — how a group table looks inside: for groups.c, which makes it, and groups_keys.c,
/// which gives its keys back.
#pragma once

#include "col/groups_words.h"

/// The low half of the key that stands for a null. What no view has: sizes below zero.
#define SLI_GROUP_NULL 0xfffffffeU

/// What the 16 bytes of a table's keys are (groups.c).
typedef enum sli_group_kind {
    SLI_GROUP_TEXT,
    SLI_GROUP_INTEGER,
    SLI_GROUP_WORDS,
    SLI_GROUP_ROW,
} sli_group_kind;

struct sli_groups {
    const sl_schema *schema;
    sli_group_kind kind;
    bool has_null; ///< SLI_GROUP_TEXT and SLI_GROUP_INTEGER: some group is null
    int64_t n, capacity;
    int64_t n_buckets; ///< a power of two
    struct sli_bucket *buckets;
    sli_group_key *keys; ///< of group i; for long text `high` is the text's address in `texts`
    uint64_t *hashes;    ///< of group i
    sl_arena *texts;
    int32_t n_columns;
    int32_t columns[];
};

/// Whether a key is the length and prefix of a text that lies elsewhere.
static inline bool sli_group_is_long(sli_group_kind kind, sli_group_key key)
{
    return kind != SLI_GROUP_WORDS && (int32_t)key.low > SL_VIEW_INLINE;
}
