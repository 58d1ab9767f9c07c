/// yaml.h — a YAML text as a tree, read by libyaml. Anchors and tags are refused: a test file needs
/// none.
#pragma once

#include "sluice/error.h"

typedef enum cli_node_kind { CLI_SCALAR = 1, CLI_LIST, CLI_MAP } cli_node_kind;

typedef struct cli_node {
    cli_node_kind kind;
    int line;   ///< from 1
    bool plain; ///< a scalar without quotes: 3, true, null, word
    char *text; ///< of a scalar
    char *key;  ///< of a map's entry; NULL in lists
    struct cli_node **items;
    int n, capacity;
} cli_node;

/// Fails: SL_E_INVALID with line and column.
sl_code cli_yaml_read(const char *text, cli_node **out, sl_error *err);
void cli_node_free(cli_node *node); ///< accepts NULL
/// A map's entry; NULL: there is none, or `map` is NULL or no map.
const cli_node *cli_node_find(const cli_node *map, const char *key);
/// Adds `item` (taken, also when that fails). False without memory.
bool cli_node_add(cli_node *to, cli_node *item);
cli_node *cli_node_new(cli_node_kind kind, int line);
/// A scalar of that text. NULL without memory.
cli_node *cli_node_scalar(const char *text, size_t size, bool plain, int line);
