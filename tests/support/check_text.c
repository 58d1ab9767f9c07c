// SL_CHECK_TEXT: compares two texts and, where they differ, shows line and both versions of it.
#include "sl_test.h"

#include <stdio.h>
#include <string.h>

// Length of the line that starts at text, without its end.
static int line_length(const char *text)
{
    return (int)strcspn(text, "\n");
}

static void show_difference(const char *actual, const char *expected, const char *what)
{
    size_t at = 0;
    size_t line_start = 0;
    int line = 1;
    while (actual[at] == expected[at]) { // ends: the texts differ somewhere
        if (actual[at++] == '\n') {
            line_start = at;
            line++;
        }
    }
    print_error("%s differs in line %d, byte %zu\n  expected: \"%.*s\"\n  actual:   \"%.*s\"\n",
                what, line, at - line_start, line_length(expected + line_start),
                expected + line_start, line_length(actual + line_start), actual + line_start);
    print_error("expected %zu bytes, actual %zu bytes, in full:\n%s\n", strlen(expected),
                strlen(actual), actual);
}

void slt_check_text(const char *actual, const char *expected, const char *what, const char *file,
                    int line)
{
    if (actual == NULL || expected == NULL) {
        if (actual != expected) {
            print_error("%s is %s, expected %s\n", what, actual == NULL ? "NULL" : "a text",
                        expected == NULL ? "NULL" : expected);
            _fail(file, line);
        }
        return;
    }
    if (strcmp(actual, expected) != 0) {
        show_difference(actual, expected, what);
        _fail(file, line);
    }
}
