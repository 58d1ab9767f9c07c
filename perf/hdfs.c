// hdfs.c — lines of a file, or of a directory's files, counted by an RDD: reading and cutting into
// lines, and nothing else. URL is any that sl_rdd_open takes; its limit is curl reading the same
// bytes.
//
//     hdfs URL BYTES
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <sluice/sluice.h>

static double now_s(void)
{
    struct timespec at;
    (void)clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

int main(int argc, char **argv)
{
    sl_error err = SL_ERROR_INIT;
    sl_session *session = NULL;
    int64_t lines = 0;
    sl_code rc = argc != 3 ? sl_error_set(&err, SL_E_INVALID, "usage: hdfs URL BYTES")
                           : sl_session_new(&session, NULL, &err);
    double begin = now_s(), took = 0;
    if (rc == SL_OK) {
        sl_rdd *rdd = sl_rdd_open(session, argv[1]);
        rc = sl_rdd_count(rdd, &lines, &err);
        sl_rdd_unref(rdd);
        took = now_s() - begin;
    }
    if (rc == SL_OK) {
        printf("lines=%lld mb_s=%.1f\n", (long long)lines, strtod(argv[2], NULL) / took / 1e6);
    } else {
        fprintf(stderr, "hdfs: %s\n", err.text);
    }
    sl_session_free(session);
    return rc == SL_OK ? 0 : 1;
}
