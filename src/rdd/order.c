// order.c — orders over rows: "n desc, word".
#include "rdd/rdd_int.h"

void sli_order_free(sli_order *order)
{
    sl_free(order);
}

/// Takes a trailing word ("asc", "desc") off an item, in any case.
static bool cut_word(char *item, const char *word)
{
    size_t n = strlen(item), size = strlen(word);
    while (n > 0 && item[n - 1] == ' ') {
        n--;
    }
    if (n <= size || item[n - size - 1] != ' ') {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if ((item[n - size + i] | 32) != word[i]) {
            return false;
        }
    }
    item[n - size] = '\0';
    return true;
}

static sl_code parse_items(sli_order *order, char *text, const sl_schema *schema, sl_error *err)
{
    for (char *item = text; item != NULL;) {
        char *comma = strchr(item, ',');
        if (comma != NULL) {
            *comma = '\0';
        }
        if (order->n == SLI_ORDER_COLUMNS) {
            return sl_error_set(err, SL_E_INVALID, "more than 64 columns to sort by");
        }
        for (char *c = item; *c != '\0'; c++) {
            *c = *c == '\t' || *c == '\n' ? ' ' : *c;
        }
        order->down[order->n] = cut_word(item, "desc");
        if (!order->down[order->n]) {
            (void)cut_word(item, "asc"); // the default, may be written
        }
        int32_t columns[64];
        int32_t n = 0;
        SL_TRY(sli_columns_parse(item, schema, columns, &n, err));
        if (n != 1) {
            return sl_error_set(err, SL_E_INVALID, "a column to sort by is missing");
        }
        order->columns[order->n++] = columns[0];
        item = comma == NULL ? NULL : comma + 1;
    }
    return SL_OK;
}

sl_code sli_order_parse(sli_order **out, const char *text, const sl_schema *schema, sl_error *err)
{
    sli_order *order = sl_alloc_zero(SLI_TAG_RDD, sizeof *order);
    char *copy = sl_strdup(SLI_TAG_RDD, text);
    sl_code rc = order == NULL || copy == NULL ? sl_error_nomem(err, sizeof *order, "an order")
                                               : parse_items(order, copy, schema, err);
    sl_free(copy);
    if (rc != SL_OK) {
        sli_order_free(order);
        return rc;
    }
    *out = order;
    return SL_OK;
}

int sli_order_compare_from(const sli_order *order, int32_t level, const sl_batch *a, int64_t row_a,
                           const sl_batch *b, int64_t row_b)
{
    for (int32_t i = level; i < order->n; i++) {
        int32_t column = order->columns[i];
        int way =
            sli_cell_compare(sl_batch_column(a, column), row_a, sl_batch_column(b, column), row_b);
        if (way != 0) {
            return order->down[i] ? -way : way;
        }
    }
    return 0;
}

int sli_order_compare(const sli_order *order, const sl_batch *a, int64_t row_a, const sl_batch *b,
                      int64_t row_b)
{
    return sli_order_compare_from(order, 0, a, row_a, b, row_b);
}
