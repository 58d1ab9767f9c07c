// now() and its kind become sluice_time(), the epoch's batch time, so that a query sees no clock.
#include "sql/query_int.h"

#include <strings.h>

static sli_node *epoch_time(const char *type)
{
    sli_node *cast =
        sli_node_parse("{'class':'CAST','type':'OPERATOR_CAST','alias':'','query_location':0,"
                       "'child':null,'cast_type':{'id':'','type_info':null},'try_cast':false}");
    sli_node *call = sli_node_call("sluice_time", false);
    if (cast == NULL || call == NULL) {
        json_object_put(cast);
        json_object_put(call);
        return NULL;
    }
    sli_node_set(cast, "child", call);
    sli_node_set_text(sli_node_at(cast, "cast_type"), "id", type);
    return cast;
}

/// What a word for the present is worth: the type its value has, or NULL when it is no such word.
static const char *present(const char *name, bool is_bare)
{
    static const struct {
        const char *name, *type;
        bool is_bare; ///< SQL writes it without brackets
    } words[] = {{"now", "TIMESTAMP", false},
                 {"get_current_timestamp", "TIMESTAMP", false},
                 {"transaction_timestamp", "TIMESTAMP", false},
                 {"current_localtimestamp", "TIMESTAMP", false},
                 {"proctime", "TIMESTAMP", false},
                 {"today", "DATE", false},
                 {"current_timestamp", "TIMESTAMP", true},
                 {"localtimestamp", "TIMESTAMP", true},
                 {"current_date", "DATE", true}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcasecmp(name, words[i].name) == 0 && (words[i].is_bare || !is_bare)) {
            return words[i].type;
        }
    }
    return NULL;
}

static bool is_bare_word(const sli_node *node)
{
    return sli_node_is(node, "COLUMN_REF") && sli_node_count(node, "column_names") == 1;
}

/// The word that a node is, when it may be one for the present.
static const char *word_of(const sli_node *node)
{
    if (sli_node_is(node, "FUNCTION")) {
        return sli_node_text(node, "function_name");
    }
    return is_bare_word(node) ? json_object_get_string(sli_node_item(node, "column_names", 0)) : "";
}

/// What stands for a node in the tree, or NULL when it stays. A name given by AS is kept; without
/// one the column is named after the word, as DuckDB would.
static sli_node *present_of(void *ctx, const sli_node *node)
{
    (void)ctx;
    const char *type = present(word_of(node), is_bare_word(node));
    if (type == NULL) {
        return NULL;
    }
    const char *alias = sli_node_text(node, "alias");
    sli_node *made = epoch_time(type);
    if (made != NULL) {
        sli_node_set_text(made, "alias", alias[0] != '\0' ? alias : word_of(node));
    }
    return made;
}

void sli_tree_present(sli_tree *tree)
{
    sli_node_replace(tree->select, present_of, NULL);
}
