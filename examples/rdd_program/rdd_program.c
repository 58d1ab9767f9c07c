// RDDs without a stream: the ten most frequent words of the files named on the command line.
#include <stdio.h>

#include <sluice/sluice.h>

static sl_code top_words(sl_session *session, const char *path, sl_error *err)
{
    sl_rdd *lines = sl_rdd_open(session, path);
    sl_rdd *words = sl_rdd_flat_map(lines, &sl_split, "by=' ' skip_empty=true");
    sl_rdd *counts = sl_rdd_reduce_by_key(words, "word", "count() as n", 0);
    sl_rdd *sorted = sl_rdd_sort_by(counts, "n desc, word", 1);
    sl_batch *top = NULL;
    sl_code rc = sl_rdd_take(sorted, 10, &top, err); // the first mistake made above comes out here
    for (int64_t i = 0; rc == SL_OK && i < sl_batch_rows(top); i++) {
        sl_text word = sl_column_text(sl_batch_column(top, 0), i);
        printf("%8lld %.*s\n", (long long)sl_column_int64(sl_batch_column(top, 1), i),
               (int)word.size, word.data);
    }
    sl_batch_unref(top);
    sl_rdd_unref(sorted);
    sl_rdd_unref(counts);
    sl_rdd_unref(words);
    sl_rdd_unref(lines);
    return rc;
}

int main(int argc, char **argv)
{
    sl_error err = SL_ERROR_INIT;
    sl_session *session = NULL;
    sl_code rc = argc < 2 ? sl_error_set(&err, SL_E_INVALID, "usage: rdd_program FILE...")
                          : sl_session_new(&session, NULL, &err);
    for (int i = 1; i < argc && rc == SL_OK; i++) {
        rc = top_words(session, argv[i], &err);
    }
    if (rc != SL_OK) {
        fprintf(stderr, "rdd_program: %s\n", err.text);
    }
    sl_session_free(session);
    return rc == SL_OK ? 0 : 1;
}
