// k-means by vectors of rows: for every number of clusters, of features and of rows that a vector
// leaves over, what a plain loop finds; whether features are columns or one list.
#include "ml/job.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DIMS = 6, MOST_K = 12, MOST_ROWS = 45, BYTES = 1 << 15 };

typedef struct points {
    int32_t k, dims, n;
    double centers[MOST_K][MOST_DIMS], rows[MOST_ROWS][MOST_DIMS];
    bool bad[MOST_ROWS]; ///< its first feature is null
} points;

static const points *shape; // a build function has no argument for it

// ---------------------------------------------------------------- the job

static void build(sl_graph *graph)
{
    char schema[200] = "v list<float64?>?", options[2000], names[64] = "";
    size_t n = (size_t)snprintf(options, sizeof options, "invalid=skip weight=100 centers='");
    for (int32_t c = 0; c < shape->k; c++) {
        for (int32_t j = 0; j < shape->dims; j++) {
            n += (size_t)snprintf(options + n, sizeof options - n, "%s%g", j > 0 ? " " : "",
                                  shape->centers[c][j]);
        }
        n += (size_t)snprintf(options + n, sizeof options - n, c + 1 < shape->k ? "; " : "'");
    }
    for (int32_t j = 0; j < shape->dims; j++) { // the first has nulls, the others lie as they are
        char more[40];
        (void)snprintf(more, sizeof more, ", x%d %s", (int)j,
                       j == 0       ? "float64?"
                       : j % 2 == 1 ? "float64"
                                    : "int64");
        strcat(schema, more);
        (void)snprintf(more, sizeof more, "%sx%d", j > 0 ? ", " : "", (int)j);
        strcat(names, more);
    }
    sl_stream *in = sl_stream_queue(graph, "in", schema, true);
    for (int32_t i = 0; i < 2; i++) {
        const char *features = i == 0 ? names : "v";
        sl_model *model = sl_model_open(graph, "kmeans", options);
        sl_stream *found = sl_model_predict(model, in, features, "cluster");
        sl_stream_save(sl_stream_select(found, "cluster"), i == 0 ? "collect:a" : "collect:b");
        sl_model_train(model, in, features, NULL);
        sl_stream_save(sl_model_stream(model), i == 0 ? "collect:ma" : "collect:mb");
    }
}

// ---------------------------------------------------------------- rows

static double draw(uint64_t *random)
{
    *random = *random * 6364136223846793005U + 1442695040888963407U;
    return (double)(*random >> 60) - 8; // small whole numbers: distances are often equal
}

static points draw_points(int32_t k, int32_t dims, int32_t n)
{
    points p = {.k = k, .dims = dims, .n = n};
    uint64_t random = (uint64_t)(k * 1000 + dims * 100 + n);
    for (int32_t c = 0; c < k; c++) {
        for (int32_t j = 0; j < dims; j++) {
            p.centers[c][j] = draw(&random);
        }
    }
    for (int32_t i = 0; i < n; i++) {
        p.bad[i] = draw(&random) == 7;
        for (int32_t j = 0; j < dims; j++) {
            p.rows[i][j] = draw(&random);
        }
    }
    return p;
}

static void print_rows(const points *p, char *out)
{
    size_t at = 0;
    out[0] = '\0';
    for (int32_t i = 0; i < p->n; i++) {
        const char *comma = "";
        at += (size_t)snprintf(out + at, BYTES - at, "{");
        for (int32_t j = p->bad[i]; j < p->dims; j++, comma = ",") {
            at += (size_t)snprintf(out + at, BYTES - at, "%s\"x%d\":%g", comma, (int)j,
                                   p->rows[i][j]);
        }
        at += (size_t)snprintf(out + at, BYTES - at, "%s\"v\":[", comma);
        for (int32_t j = 0; j < p->dims; j++) {
            char cell[32];
            (void)snprintf(cell, sizeof cell, "%g", p->rows[i][j]);
            at += (size_t)snprintf(out + at, BYTES - at, "%s%s", j > 0 ? "," : "",
                                   j == 0 && p->bad[i] ? "null" : cell);
        }
        at += (size_t)snprintf(out + at, BYTES - at, "]}\n");
    }
}

// ---------------------------------------------------------------- what a plain loop finds

static int32_t nearest(const points *p, const double *row)
{
    int32_t best = 0;
    double least = (double)INFINITY;
    for (int32_t c = 0; c < p->k; c++) {
        double sum = 0;
        for (int32_t j = 0; j < p->dims; j++) {
            sum += (row[j] - p->centers[c][j]) * (row[j] - p->centers[c][j]);
        }
        best = sum < least ? c : best;
        least = sum < least ? sum : least;
    }
    return best;
}

static void print_clusters(const points *p, char *out)
{
    size_t at = 0;
    out[0] = '\0';
    for (int32_t i = 0; i < p->n; i++) {
        at += p->bad[i] ? (size_t)snprintf(out + at, BYTES - at, "{}\n")
                        : (size_t)snprintf(out + at, BYTES - at, "{\"cluster\":%d}\n",
                                           (int)nearest(p, p->rows[i]));
    }
}

/// Centres weigh 100 before: none dies.
static void check_model(const points *p, const char *text)
{
    for (int32_t c = 0; c < p->k; c++) {
        double sum = 0;
        int32_t n = 0;
        char weight[64];
        for (int32_t i = 0; i < p->n; i++) {
            bool is_in = !p->bad[i] && nearest(p, p->rows[i]) == c;
            n += is_in;
            sum += is_in ? p->rows[i][0] : 0;
        }
        (void)snprintf(weight, sizeof weight, "{\"cluster\":%d,\"weight\":%d.0,\"center\":[",
                       (int)c, 100 + (int)n);
        const char *at = strstr(text, weight);
        assert_non_null(at);
        double mean = (100 * p->centers[c][0] + sum) / (100 + n);
        assert_true(fabs(strtod(at + strlen(weight), NULL) - mean) < 1e-9);
    }
}

static void check(int32_t k, int32_t dims, int32_t n)
{
    static char rows[BYTES], want[BYTES];
    points p = draw_points(k, dims, n);
    shape = &p;
    print_rows(&p, rows);
    print_clusters(&p, want);
    sl_test *test = slt_ml_job(build, NULL, false);
    slt_ml_epoch(test, rows, 1);
    slt_ml_fine(test);
    SL_CHECK_TEXT(sl_test_rows(test, "a"), want);
    SL_CHECK_TEXT(sl_test_rows(test, "b"), want);
    char *model = strdup(sl_test_rows(test, "ma"));
    check_model(&p, model);
    SL_CHECK_TEXT(sl_test_rows(test, "mb"), model);
    free(model);
    sl_test_free(test);
}

SL_TEST(ml_clusters_are_those_of_a_plain_loop, "")
{
    for (int32_t k = 1; k <= MOST_K; k++) {
        check(k, 1 + k % MOST_DIMS, MOST_ROWS - k);
    }
    for (int32_t n = 1; n <= 17; n++) {
        check(3, 1 + n % MOST_DIMS, n);
    }
}
