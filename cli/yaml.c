// Events of libyaml to a tree.
#include "yaml.h"

#include <stdlib.h>
#include <string.h>
#include <yaml.h>

enum { MOST_DEPTH = 32, MOST_NODES = 1000000 };

typedef struct reader {
    yaml_parser_t parser;
    int n_nodes;
} reader;

// ---------------------------------------------------------------- nodes

cli_node *cli_node_new(cli_node_kind kind, int line)
{
    cli_node *node = calloc(1, sizeof *node);
    if (node != NULL) {
        node->kind = kind;
        node->line = line;
    }
    return node;
}

cli_node *cli_node_scalar(const char *text, size_t size, bool plain, int line)
{
    cli_node *node = cli_node_new(CLI_SCALAR, line);
    if (node == NULL) {
        return NULL;
    }
    node->plain = plain;
    node->text = strndup(text, size);
    if (node->text == NULL) {
        free(node);
        return NULL;
    }
    return node;
}

void cli_node_free(cli_node *node)
{
    if (node == NULL) {
        return;
    }
    for (int i = 0; i < node->n; i++) {
        cli_node_free(node->items[i]);
    }
    free(node->items);
    free(node->text);
    free(node->key);
    free(node);
}

bool cli_node_add(cli_node *to, cli_node *item)
{
    if (item != NULL && to->n == to->capacity) {
        int more = to->capacity == 0 ? 8 : to->capacity * 2;
        cli_node **grown = realloc(to->items, (size_t)more * sizeof(cli_node *));
        if (grown == NULL) {
            cli_node_free(item);
            return false;
        }
        to->items = grown;
        to->capacity = more;
    }
    if (item != NULL) {
        to->items[to->n++] = item;
    }
    return item != NULL;
}

const cli_node *cli_node_find(const cli_node *map, const char *key)
{
    for (int i = 0; map != NULL && map->kind == CLI_MAP && i < map->n; i++) {
        if (strcmp(map->items[i]->key, key) == 0) {
            return map->items[i];
        }
    }
    return NULL;
}

// ---------------------------------------------------------------- reading

static sl_code no_memory(sl_error *err)
{
    return sl_error_set(err, SL_E_NOMEM, "no memory for a YAML text");
}

static sl_code next(reader *r, yaml_event_t *event, sl_error *err)
{
    if (yaml_parser_parse(&r->parser, event)) {
        return SL_OK;
    }
    return sl_error_set(err, SL_E_INVALID, "line %zu, column %zu: %s",
                        r->parser.problem_mark.line + 1, r->parser.problem_mark.column + 1,
                        r->parser.problem == NULL ? "no YAML" : r->parser.problem);
}

static sl_code read_node(reader *r, yaml_event_t *event, int depth, cli_node **out, sl_error *err);

/// The items of a list or map, up to its end.
static sl_code read_items(reader *r, cli_node *to, int depth, sl_error *err)
{
    for (;;) {
        yaml_event_t event;
        cli_node *item = NULL;
        char *key = NULL;
        SL_TRY(next(r, &event, err));
        if (event.type == YAML_SEQUENCE_END_EVENT || event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            return SL_OK;
        }
        if (to->kind == CLI_MAP) {
            cli_node *name = NULL;
            SL_TRY(read_node(r, &event, depth, &name, err));
            if (name->kind != CLI_SCALAR || cli_node_find(to, name->text) != NULL) {
                sl_code rc = sl_error_set(err, SL_E_INVALID, "line %d: %s", name->line,
                                          name->kind != CLI_SCALAR ? "a key is a text"
                                                                   : "this key is there already");
                cli_node_free(name);
                return rc;
            }
            key = name->text;
            name->text = NULL;
            cli_node_free(name);
            sl_code rc = next(r, &event, err);
            if (rc != SL_OK) {
                free(key);
                return rc;
            }
        }
        sl_code rc = read_node(r, &event, depth, &item, err);
        if (rc != SL_OK) {
            free(key);
            return rc;
        }
        item->key = key;
        if (!cli_node_add(to, item)) {
            return no_memory(err);
        }
    }
}

/// The event, which it deletes, and what follows of its node.
static sl_code read_node(reader *r, yaml_event_t *event, int depth, cli_node **out, sl_error *err)
{
    int line = (int)event->start_mark.line + 1;
    cli_node *node = NULL;
    bool items =
        event->type == YAML_SEQUENCE_START_EVENT || event->type == YAML_MAPPING_START_EVENT;
    bool scalar = event->type == YAML_SCALAR_EVENT;
    if (scalar) {
        node = cli_node_scalar((const char *)event->data.scalar.value, event->data.scalar.length,
                               event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE, line);
    } else if (items) {
        node = cli_node_new(event->type == YAML_SEQUENCE_START_EVENT ? CLI_LIST : CLI_MAP, line);
    }
    yaml_event_delete(event);
    if (!scalar && !items) {
        return sl_error_set(err, SL_E_INVALID, "line %d: anchors are not known here", line);
    }
    if (node == NULL) {
        return no_memory(err);
    }
    sl_code rc = SL_OK;
    if (++r->n_nodes > MOST_NODES || depth > MOST_DEPTH) {
        rc = sl_error_set(err, SL_E_INVALID, "line %d: too many values, or too deep", line);
    } else if (items) {
        rc = read_items(r, node, depth + 1, err);
    }
    if (rc != SL_OK) {
        cli_node_free(node);
        return rc;
    }
    *out = node;
    return SL_OK;
}

static sl_code read_document(reader *r, cli_node **out, sl_error *err)
{
    yaml_event_t event;
    for (;;) {
        SL_TRY(next(r, &event, err));
        if (event.type == YAML_STREAM_END_EVENT) {
            yaml_event_delete(&event);
            return sl_error_set(err, SL_E_INVALID, "it is empty");
        }
        if (event.type != YAML_STREAM_START_EVENT && event.type != YAML_DOCUMENT_START_EVENT) {
            return read_node(r, &event, 0, out, err);
        }
        yaml_event_delete(&event);
    }
}

sl_code cli_yaml_read(const char *text, cli_node **out, sl_error *err)
{
    reader r = {.n_nodes = 0};
    if (!yaml_parser_initialize(&r.parser)) {
        return no_memory(err);
    }
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, strlen(text));
    sl_code rc = read_document(&r, out, err);
    yaml_parser_delete(&r.parser);
    return rc;
}
