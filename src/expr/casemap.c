/// casemap.c — Unicode's case mappings that look at one letter, in any script.
///
/// Tables of our own, because towlower asks the process's locale and no locale may reach a result.
/// A letter becomes up to three: ß is SS. What depends on a letter's neighbours (a sigma at the end
/// of a word) or on the language (a Turkish i) is not done.
#include "expr/expr_int.h"

/// Code points first, first + step, ... last move by delta.
typedef struct run {
    uint32_t first, last;
    int32_t delta;
    uint8_t step;
} run;

/// A letter whose other case is several; zeros fill up.
typedef struct letters {
    uint32_t from;
    uint32_t to[SLI_CASE_MAX];
} letters;

#include "expr/casemap_table.h"

/// Both tables are in order of code points and share none.
typedef struct casemap {
    const run *runs;
    size_t n_runs;
    const letters *letters;
    size_t n_letters;
} casemap;

static const casemap upper = {upper_runs, sizeof upper_runs / sizeof upper_runs[0], upper_letters,
                              sizeof upper_letters / sizeof upper_letters[0]};
static const casemap lower = {lower_runs, sizeof lower_runs / sizeof lower_runs[0], lower_letters,
                              sizeof lower_letters / sizeof lower_letters[0]};

/// The delta of the run that has c; 0: none has it.
static int32_t delta_of(const casemap *map, uint32_t c)
{
    size_t low = 0, high = map->n_runs; // the run is the last one whose first is <= c
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (map->runs[middle].first <= c) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return 0;
    }
    const run *at = &map->runs[low - 1];
    return c <= at->last && (c - at->first) % at->step == 0 ? at->delta : 0;
}

static const letters *letters_of(const casemap *map, uint32_t c)
{
    size_t low = 0, high = map->n_letters; // the first one whose letter is >= c
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (map->letters[middle].from < c) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < map->n_letters && map->letters[low].from == c ? &map->letters[low] : NULL;
}

static int32_t map_letter(const casemap *map, uint32_t c, uint32_t out[SLI_CASE_MAX])
{
    int32_t delta = delta_of(map, c), n = 1;
    const letters *several = delta != 0 ? NULL : letters_of(map, c);
    out[0] = (uint32_t)((int32_t)c + delta);
    if (several != NULL) {
        for (n = 0; n < SLI_CASE_MAX && several->to[n] != 0; n++) {
            out[n] = several->to[n];
        }
    }
    return n;
}

int32_t sli_char_lower(uint32_t c, uint32_t out[SLI_CASE_MAX])
{
    if (c < 0x80) {
        out[0] = c >= 'A' && c <= 'Z' ? c + 32 : c;
        return 1;
    }
    return map_letter(&lower, c, out);
}

int32_t sli_char_upper(uint32_t c, uint32_t out[SLI_CASE_MAX])
{
    if (c < 0x80) {
        out[0] = c >= 'a' && c <= 'z' ? c - 32 : c;
        return 1;
    }
    return map_letter(&upper, c, out);
}
