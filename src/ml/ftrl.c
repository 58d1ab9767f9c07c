// Logistic regression by FTRL-Proximal with a learning rate for each weight: algorithm 1 of McMahan
// et al., "Ad Click Prediction: a View from the Trenches" (KDD 2013); features hashed into 2^bits
// slots as in Weinberger et al., "Feature Hashing for Large Scale Multitask Learning" (ICML 2009).
//
// Tasks hash their rows; the driver takes them one after the other, partition after partition: each
// row sees what the one before it has changed. Slots are kept in pages, which two values share
// until one of them changes.
#include "ml/ml_int.h"

#include <math.h>

enum { PAGE_SLOTS = 512 };

typedef struct ftrl_params {
    int32_t bits;
    double alpha, beta, l1, l2;
    bool is_signed, intercept;
} ftrl_params;

typedef struct ftrl_slot {
    double z, n;
} ftrl_slot;

typedef struct ftrl_page {
    _Atomic int32_t refs;
    ftrl_slot slots[PAGE_SLOTS];
} ftrl_page;

typedef struct ftrl_value {
    ml_value head;
    int32_t n_pages;
    ftrl_page *pages[]; ///< NULL: zeros
} ftrl_value;

/// A feature of one row.
typedef struct ftrl_cell {
    uint32_t slot;
    double x;
} ftrl_cell;

/// Hashed rows, one behind the other.
typedef struct ftrl_part {
    ftrl_cell *cells;
    int64_t n_cells, cell_capacity;
    int64_t *ends; ///< by row: one past its last cell
    double *labels;
    int64_t n, capacity;
} ftrl_part;

const sl_option sli_ml_ftrl_options[] = {
    {.name = "bits",
     .type = SL_OPT_INT,
     .fallback = "18",
     .low = "1",
     .high = "24",
     .text = "Features are hashed into 2^bits slots, which take up to 16 bytes each."},
    {.name = "alpha",
     .type = SL_OPT_FLOAT,
     .fallback = "0.1",
     .text = "Learning rate: that of a weight is alpha / (beta + sqrt(sum of its gradients' "
             "squares))."},
    {.name = "beta", .type = SL_OPT_FLOAT, .fallback = "1", .low = "0", .text = "See alpha."},
    {.name = "l1",
     .type = SL_OPT_FLOAT,
     .fallback = "0",
     .low = "0",
     .text = "L1 regularisation: weights that are not worth it are 0."},
    {.name = "l2", .type = SL_OPT_FLOAT, .fallback = "0", .low = "0", .text = "L2 regularisation."},
    {.name = "signed",
     .type = SL_OPT_BOOL,
     .fallback = "false",
     .text = "Half of the features count negatively, so that those of one slot cancel out."},
    {.name = "intercept",
     .type = SL_OPT_BOOL,
     .fallback = "true",
     .text = "A feature that is 1 in every row."},
    {0},
};

static sl_code define(sl_model *model, const sl_conf *conf, sl_error *err)
{
    ftrl_params *p = model->params;
    *p = (ftrl_params){.bits = (int32_t)sl_conf_int64(conf, "bits"),
                       .alpha = sl_conf_float64(conf, "alpha"),
                       .beta = sl_conf_float64(conf, "beta"),
                       .l1 = sl_conf_float64(conf, "l1"),
                       .l2 = sl_conf_float64(conf, "l2"),
                       .is_signed = sl_conf_bool(conf, "signed"),
                       .intercept = sl_conf_bool(conf, "intercept")};
    return p->alpha > 0 ? SL_OK
                        : sl_error_set(err, SL_E_INVALID, "alpha: %g is not more than 0", p->alpha);
}

// ---------------------------------------------------------------- values

static void page_unref(ftrl_page *page)
{
    if (page != NULL && atomic_fetch_sub_explicit(&page->refs, 1, memory_order_acq_rel) == 1) {
        sl_free(page);
    }
}

static void value_free(ml_value *value)
{
    ftrl_value *v = (ftrl_value *)value;
    for (int32_t i = 0; i < v->n_pages; i++) {
        page_unref(v->pages[i]);
    }
    sl_free(v);
}

static sl_code new_value(const sl_model *model, const ftrl_value *from, ftrl_value **out,
                         sl_error *err)
{
    int32_t bits = ((const ftrl_params *)model->params)->bits;
    int32_t n = ((1 << bits) + PAGE_SLOTS - 1) / PAGE_SLOTS;
    size_t size = sizeof(ftrl_value) + (size_t)n * sizeof(ftrl_page *);
    ftrl_value *v = sl_alloc_zero(SLI_TAG_STREAM, size);
    if (v == NULL) {
        return sl_error_nomem(err, size, "hashed weights");
    }
    v->head = (ml_value){.refs = 1, .kind = &ml_ftrl};
    v->n_pages = n;
    for (int32_t i = 0; from != NULL && i < n; i++) {
        v->pages[i] = from->pages[i];
        if (v->pages[i] != NULL) {
            atomic_fetch_add_explicit(&v->pages[i]->refs, 1, memory_order_relaxed);
        }
    }
    *out = v;
    return SL_OK;
}

static sl_code begin(const sl_model *model, ml_value **out, sl_error *err)
{
    ftrl_value *v = NULL;
    SL_TRY(new_value(model, NULL, &v, err));
    *out = &v->head;
    return SL_OK;
}

static ftrl_slot slot_of(const ftrl_value *v, uint32_t slot)
{
    const ftrl_page *page = v->pages[slot / PAGE_SLOTS];
    return page == NULL ? (ftrl_slot){0} : page->slots[slot % PAGE_SLOTS];
}

/// The slot to be changed, in a page that is the value's own.
static ftrl_slot *own_slot(ftrl_value *v, uint32_t slot)
{
    ftrl_page **at = &v->pages[slot / PAGE_SLOTS];
    if (*at == NULL || atomic_load_explicit(&(*at)->refs, memory_order_acquire) > 1) {
        ftrl_page *page = sl_alloc_zero(SLI_TAG_STREAM, sizeof *page);
        if (page == NULL) {
            return NULL;
        }
        if (*at != NULL) {
            memcpy(page->slots, (*at)->slots, sizeof page->slots);
        }
        atomic_init(&page->refs, 1);
        page_unref(*at);
        *at = page;
    }
    return &(*at)->slots[slot % PAGE_SLOTS];
}

// ---------------------------------------------------------------- rows of the table

static sl_code load(const sl_model *model, ml_value *value, const sl_batch *keys,
                    const sl_batch *values, sl_error *err)
{
    int32_t bits = ((const ftrl_params *)model->params)->bits;
    for (int64_t i = 0; i < sl_batch_rows(keys); i++) {
        int64_t slot = sl_column_int64(sl_batch_column(keys, 0), i);
        if (slot < 0 || slot >= INT64_C(1) << bits) {
            return ml_other_shape(model, err, "it has a slot %lld, and bits=%d", (long long)slot,
                                  bits);
        }
        ftrl_slot *own = own_slot((ftrl_value *)value, (uint32_t)slot);
        if (own == NULL) {
            return sl_error_nomem(err, sizeof(ftrl_page), "hashed weights");
        }
        own->z = sl_column_float64(sl_batch_column(values, 0), i);
        own->n = sl_column_float64(sl_batch_column(values, 1), i);
    }
    return SL_OK;
}

static sl_code save_page(const ftrl_page *old, const ftrl_page *page, int64_t first,
                         ml_changes *changes, sl_error *err)
{
    static const ftrl_slot zero;
    for (int32_t i = 0; page != NULL && i < PAGE_SLOTS; i++) {
        const ftrl_slot *was = old == NULL ? &zero : &old->slots[i], *is = &page->slots[i];
        if (memcmp(was, is, sizeof *is) != 0) {
            SL_TRY(ml_changes_row(changes, false, err));
            sl_builder_int64(changes->keys, 0, first + i);
            sl_builder_float64(changes->values, 0, is->z);
            sl_builder_float64(changes->values, 1, is->n);
        }
    }
    return SL_OK;
}

static sl_code save(const sl_model *model, const ml_value *was, const ml_value *is,
                    ml_changes *changes, sl_error *err)
{
    const ftrl_value *old = (const ftrl_value *)was, *v = (const ftrl_value *)is;
    (void)model;
    for (int32_t i = 0; i < v->n_pages; i++) {
        const ftrl_page *page = old == NULL ? NULL : old->pages[i];
        if (page != v->pages[i]) {
            SL_TRY(save_page(page, v->pages[i], (int64_t)i * PAGE_SLOTS, changes, err));
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- hashing

static void part_free(void *part)
{
    ftrl_part *p = part;
    if (p != NULL) {
        sl_free(p->cells);
        sl_free(p->ends);
        sl_free(p->labels);
        sl_free(p);
    }
}

static int64_t part_bytes(const void *part)
{
    const ftrl_part *p = part;
    return p->cell_capacity * (int64_t)sizeof(ftrl_cell) + p->capacity * 16;
}

static sl_code new_part(const sl_model *model, const ml_value *value, void **out, sl_error *err)
{
    (void)model, (void)value;
    *out = sl_alloc_zero(SLI_TAG_STREAM, sizeof(ftrl_part));
    return *out == NULL ? sl_error_nomem(err, sizeof(ftrl_part), "hashed rows") : SL_OK;
}

static sl_code row_room(ftrl_part *p, sl_error *err)
{
    if (p->n < p->capacity) {
        return SL_OK;
    }
    int64_t capacity = p->capacity == 0 ? 32 : 2 * p->capacity;
    int64_t *ends = sl_realloc(SLI_TAG_STREAM, p->ends, (size_t)capacity * sizeof *ends);
    p->ends = ends == NULL ? p->ends : ends;
    double *labels = sl_realloc(SLI_TAG_STREAM, p->labels, (size_t)capacity * sizeof *labels);
    p->labels = labels == NULL ? p->labels : labels;
    if (ends == NULL || labels == NULL) {
        return sl_error_nomem(err, (size_t)capacity * sizeof *ends, "hashed rows");
    }
    p->capacity = capacity;
    return SL_OK;
}

/// Adds to the row that began at `begin`: its cells are in order of slots, each once.
static sl_code add_cell(ftrl_part *p, int64_t begin, uint32_t slot, double x, sl_error *err)
{
    if (p->n_cells == p->cell_capacity) {
        int64_t capacity = p->cell_capacity == 0 ? 128 : 2 * p->cell_capacity;
        ftrl_cell *cells = sl_realloc(SLI_TAG_STREAM, p->cells, (size_t)capacity * sizeof *cells);
        if (cells == NULL) {
            return sl_error_nomem(err, (size_t)capacity * sizeof *cells, "hashed rows");
        }
        p->cells = cells;
        p->cell_capacity = capacity;
    }
    int64_t at = p->n_cells;
    while (at > begin && p->cells[at - 1].slot > slot) {
        at--;
    }
    if (at > begin && p->cells[at - 1].slot == slot) {
        p->cells[at - 1].x += x;
        return SL_OK;
    }
    memmove(&p->cells[at + 1], &p->cells[at], (size_t)(p->n_cells - at) * sizeof *p->cells);
    p->cells[at] = (ftrl_cell){slot, x};
    p->n_cells++;
    return SL_OK;
}

static uint64_t hash_of(sl_text text)
{
    return sli_hash64(text.data, text.size);
}

/// A feature by its hash: the low bits are its slot, the highest one its sign.
static sl_code add_feature(const ftrl_params *p, ftrl_part *part, int64_t begin, uint64_t hash,
                           double x, sl_error *err)
{
    uint32_t slot = (uint32_t)(hash & ((UINT64_C(1) << p->bits) - 1));
    return add_cell(part, begin, slot, p->is_signed && hash >> 63 != 0 ? -x : x, err);
}

static uint64_t valued(uint64_t name, sl_text value)
{
    return sli_mix64(name ^ sli_mix64(hash_of(value)));
}

static sl_code add_column(const ftrl_params *p, ftrl_part *part, int64_t begin,
                          const sl_column *column, uint64_t name, int64_t row, sl_error *err)
{
    if (column->type == SL_STRING) {
        return add_feature(p, part, begin, valued(name, sl_column_text(column, row)), 1, err);
    }
    if (column->type == SL_BOOL) {
        sl_text value = sli_text_of(sl_column_bool(column, row) ? "true" : "false");
        return add_feature(p, part, begin, valued(name, value), 1, err);
    }
    if (column->type != SL_LIST) {
        return add_feature(p, part, begin, name, ml_number_at(column, row), err);
    }
    const int32_t *offsets = column->values;
    for (int32_t at = offsets[row]; at < offsets[row + 1]; at++) {
        uint64_t hash = valued(name, sl_column_text(&column->children[0], at));
        SL_TRY(add_feature(p, part, begin, hash, 1, err));
    }
    return SL_OK;
}

static sl_code add_row(const ftrl_params *p, ftrl_part *part, const ml_rows *rows, int64_t i,
                       sl_error *err)
{
    const ml_input *in = rows->input;
    int64_t begin = part->n_cells;
    SL_TRY(row_room(part, err));
    if (p->intercept) {
        SL_TRY(add_feature(p, part, begin, hash_of(sli_text_of("(intercept)")), 1, err));
    }
    for (int32_t j = 0; j < in->n_columns; j++) {
        uint64_t name = hash_of(sli_text_of(sl_schema_field(in->schema, in->columns[j])->name));
        const sl_column *column = sl_batch_column(rows->batch, in->columns[j]);
        SL_TRY(add_column(p, part, begin, column, name, rows->from + i, err));
    }
    part->labels[part->n] = rows->y == NULL ? 0 : rows->y[i];
    part->ends[part->n++] = part->n_cells;
    return SL_OK;
}

static sl_code fold(const sl_model *model, const ml_value *value, void *part, const ml_rows *rows,
                    sl_error *err)
{
    (void)value;
    for (int64_t i = 0; i < rows->n; i++) {
        if (rows->ok == NULL || rows->ok[i]) {
            SL_TRY(add_row(model->params, part, rows, i, err));
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- the algorithm

static double weight_of(const ftrl_params *p, ftrl_slot s)
{
    if (fabs(s.z) <= p->l1) {
        return 0;
    }
    double sign = s.z < 0 ? -1 : 1;
    return -(s.z - sign * p->l1) / ((p->beta + sqrt(s.n)) / p->alpha + p->l2);
}

static double probability(const ftrl_params *p, const ftrl_value *v, const ftrl_cell *cells,
                          int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++) {
        sum += weight_of(p, slot_of(v, cells[i].slot)) * cells[i].x;
    }
    return 1.0 / (1.0 + exp(-sum));
}

static sl_code learn_row(const ftrl_params *p, ftrl_value *v, const ftrl_cell *cells, int64_t n,
                         double label, sl_error *err)
{
    double off = probability(p, v, cells, n) - label;
    for (int64_t i = 0; i < n; i++) {
        double gradient = off * cells[i].x;
        ftrl_slot *s = own_slot(v, cells[i].slot);
        if (s == NULL) {
            return sl_error_nomem(err, sizeof(ftrl_page), "hashed weights");
        }
        double weight = weight_of(p, *s);
        double squares = s->n + gradient * gradient;
        double sigma = (sqrt(squares) - sqrt(s->n)) / p->alpha;
        s->z += gradient - sigma * weight;
        s->n = squares;
        if (!isfinite(s->z) || !isfinite(s->n)) {
            return sl_error_set(err, SL_E_DATA,
                                "a weight has become infinite: scale the features (standardize)");
        }
    }
    return SL_OK;
}

static sl_code learn_part(const ftrl_params *p, ftrl_value *v, const ftrl_part *part, sl_error *err)
{
    for (int64_t i = 0, begin = 0; i < part->n; begin = part->ends[i++]) {
        SL_TRY(learn_row(p, v, part->cells + begin, part->ends[i] - begin, part->labels[i], err));
    }
    return SL_OK;
}

static sl_code learn(const ml_lesson *lesson, ml_value **out, sl_error *err)
{
    int64_t n = 0;
    for (int32_t i = 0; i < lesson->n_parts; i++) {
        n += ((const ftrl_part *)lesson->parts[i])->n;
    }
    if (n == 0) {
        *out = ml_value_ref(lesson->from);
        return SL_OK;
    }
    ftrl_value *v = NULL;
    sl_code rc = new_value(lesson->model, (const ftrl_value *)lesson->from, &v, err);
    for (int32_t i = 0; i < lesson->n_parts && rc == SL_OK; i++) {
        rc = learn_part(lesson->model->params, v, lesson->parts[i], err);
    }
    if (rc != SL_OK) {
        ml_value_unref(v == NULL ? NULL : &v->head);
        return rc;
    }
    *out = &v->head;
    return SL_OK;
}

static sl_code predict_some(const sl_model *model, const ml_value *value, const ml_rows *rows,
                            ftrl_part *scratch, sl_builder *out, int32_t column, sl_error *err)
{
    for (int64_t i = 0; i < rows->n; i++) {
        if (rows->ok != NULL && !rows->ok[i]) {
            sl_builder_null(out, column);
            continue;
        }
        scratch->n = scratch->n_cells = 0;
        SL_TRY(add_row(model->params, scratch, rows, i, err));
        sl_builder_float64(out, column,
                           probability(model->params, (const ftrl_value *)value, scratch->cells,
                                       scratch->n_cells));
    }
    return SL_OK;
}

static sl_code predict(const sl_model *model, const ml_value *value, const ml_rows *rows,
                       sl_builder *out, int32_t column, sl_error *err)
{
    ftrl_part scratch = {0};
    sl_code rc = predict_some(model, value, rows, &scratch, out, column, err);
    sl_free(scratch.cells);
    sl_free(scratch.ends);
    sl_free(scratch.labels);
    return rc;
}

const ml_kind ml_ftrl = {
    .node = ML_NODE("ftrl"),
    .options = sli_ml_ftrl_options,
    .keys = "bucket int64",
    .values = "z float64, n float64",
    .out = "float64",
    .has_labels = true,
    .binary_labels = true,
    .is_sparse = true,
    .params_bytes = sizeof(ftrl_params),
    .define = define,
    .begin = begin,
    .load = load,
    .save = save,
    .part = new_part,
    .fold = fold,
    .part_free = part_free,
    .part_bytes = part_bytes,
    .learn = learn,
    .predict = predict,
    .value_free = value_free,
};
