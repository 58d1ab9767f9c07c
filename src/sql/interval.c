// INTERVALs of SQL that say how long a window is, or how far apart two times are.
#include "sql/query_int.h"

#include <stdlib.h>
#include <strings.h>

typedef struct unit {
    const char *name; ///< of DuckDB's function is "to_" before it
    int64_t us;
} unit;

static const unit units[] = {{"microseconds", 1},    {"milliseconds", 1000}, {"seconds", 1000000},
                             {"minutes", 60000000},  {"hours", 3600000000},  {"days", 86400000000},
                             {"weeks", 604800000000}};

/// "minute" and "minutes" alike.
static const unit *unit_of(const char *name, size_t n)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        size_t size = strlen(units[i].name);
        if ((n == size || n == size - 1) && strncasecmp(units[i].name, name, n) == 0) {
            return &units[i];
        }
    }
    return NULL;
}

static const sli_node *first_constant(const sli_node *node)
{
    while (node != NULL && !sli_node_is(node, "VALUE_CONSTANT")) {
        node = sli_node_is(node, "OPERATOR_CAST") ? sli_node_at(node, "child")
                                                  : sli_node_item(node, "children", 0);
    }
    return node;
}

static sl_code in_range(double us, int64_t *out, sl_error *err)
{
    if (!(us > -9e18 && us < 9e18)) {
        return sl_error_set(err, SL_E_INVALID, "the interval is too long");
    }
    *out = (int64_t)us;
    return SL_OK;
}

/// "1.5 minutes", of INTERVAL '1.5 minutes'; several parts add up.
static sl_code of_text(const char *text, int64_t *out, sl_error *err)
{
    double us = 0;
    const char *at = text;
    while (*at != '\0') {
        char *end = NULL;
        double n = strtod(at, &end);
        const char *word = end + strspn(end, " ");
        size_t size = strcspn(word, " ");
        const unit *u = end == at ? NULL : unit_of(word, size);
        if (u == NULL) {
            return sl_error_set(
                err, SL_E_INVALID,
                "INTERVAL '%.60s': a number and microseconds, milliseconds, seconds, "
                "minutes, hours, days or weeks are expected",
                text);
        }
        us += n * (double)u->us;
        at = word + size + strspn(word + size, " ");
    }
    return in_range(us, out, err);
}

sl_code sli_interval_us(const sli_node *node, int64_t *out, sl_error *err)
{
    const char *name = sli_node_text(node, "function_name");
    const sli_node *constant = first_constant(node), *value = sli_node_at(constant, "value");
    const char *text = json_object_get_string(sli_node_at(value, "value"));
    bool is_cast = sli_node_is(node, "OPERATOR_CAST") &&
                   strcmp(sli_node_text(sli_node_at(node, "cast_type"), "id"), "INTERVAL") == 0;
    if (text != NULL && is_cast) {
        return of_text(text, out, err);
    }
    const unit *u = strncmp(name, "to_", 3) == 0 ? unit_of(name + 3, strlen(name + 3)) : NULL;
    if (text == NULL || u == NULL) {
        return sl_error_set(
            err, SL_E_INVALID,
            "an INTERVAL of a constant length is expected, as INTERVAL '10' MINUTE; "
            "months and years have none");
    }
    char *end = NULL;
    double n = strtod(text, &end);
    return *end == '\0' && end != text
               ? in_range(n * (double)u->us, out, err)
               : sl_error_set(err, SL_E_INVALID, "INTERVAL '%.60s': a number is expected", text);
}
