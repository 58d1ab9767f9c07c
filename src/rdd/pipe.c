// pipe.c — pipe: a partition's rows as lines through a program.
//
//     rows ─► lines of a batch ─► exchange ─► what came back ─► whole lines ─► batches
//
// One exchange moves bytes both ways (env.h), so nobody waits for the other: what the program gives
// is taken while it is fed. Held are the lines of one batch, one exchange's output, a line that is
// not whole, and a batch in the making.
#include "rdd/rdd_int.h"

#include "base/arena.h"
#include "sluice/pipe.h"

enum {
    ROOM = 64 << 10,            ///< of an exchange's output
    MAX_LINE = 64 << 20,        ///< bytes
    BATCH_BYTES = 1 << 20,      ///< rows go on when they are as large
    LOOK_EVERY_US = 100 * 1000, ///< for a cancel, while a program thinks
    MAX_WORDS = 1024,           ///< of a command, and of its variables
    LAST_WORDS = 300            ///< bytes of its errors in ours
};

// ---------------------------------------------------------------- words

/// Takes the next word off *text, without its quotes, to *to; false at the end of the text.
static sl_code next_word(const char **text, char **to, bool *found, sl_error *err)
{
    const char *at = *text + strspn(*text, " \t");
    char quote = '\0';
    *found = *at != '\0';
    for (; *at != '\0' && (quote != '\0' || (*at != ' ' && *at != '\t')); at++) {
        if (quote == '\0' && (*at == '\'' || *at == '"')) {
            quote = *at;
        } else if (*at == quote) {
            quote = '\0';
        } else {
            *(*to)++ = *at;
        }
    }
    *(*to)++ = '\0';
    *text = at;
    return quote == '\0' ? SL_OK : sl_error_set(err, SL_E_INVALID, "a %c without its end", quote);
}

/// *out: the words of a text, NULL-ended, in the arena.
static sl_code words_of(const char *text, sl_arena *arena, const char ***out, sl_error *err)
{
    size_t size = strlen(text);
    char *to = sl_arena_alloc(arena, 2 * size + 2); // a word and its zero are two bytes at least
    const char **words = sl_arena_alloc(arena, (MAX_WORDS + 1) * sizeof *words);
    if (to == NULL || words == NULL) {
        return sl_error_nomem(err, size, "the words of a command");
    }
    bool found = true;
    for (int32_t n = 0; found; n++) {
        if (n > MAX_WORDS) {
            return sl_error_set(err, SL_E_INVALID, "more than %d words", MAX_WORDS);
        }
        words[n] = to;
        SL_TRY(next_word(&text, &to, &found, err));
        words[n] = found ? words[n] : NULL;
    }
    *out = words;
    return SL_OK;
}

typedef struct program {
    const char **words, **variables;
} program;

/// `text`: both as a pair (texts.c).
static sl_code parse(const char *text, sl_arena *arena, program *out, sl_error *err)
{
    size_t size = strcspn(text, "\n");
    char *first = sl_arena_alloc(arena, size + 1);
    if (first == NULL) {
        return sl_error_nomem(err, size, "a command");
    }
    memcpy(first, text, size);
    first[size] = '\0';
    SL_TRY(words_of(first, arena, &out->words, err));
    SL_TRY(words_of(sli_pair_second(text), arena, &out->variables, err));
    if (out->words[0] == NULL) {
        return sl_error_set(err, SL_E_INVALID, "no command");
    }
    for (int32_t i = 0; out->variables[i] != NULL; i++) {
        const char *equals = strchr(out->variables[i], '=');
        if (equals == NULL || equals == out->variables[i]) {
            return sl_error_set(err, SL_E_INVALID, "variable '%.100s' is not NAME=value",
                                out->variables[i]);
        }
    }
    return SL_OK;
}

// ---------------------------------------------------------------- one partition

typedef struct piped {
    const sli_op *op;
    sli_task *task;
    sli_push_fn push;
    void *ctx;
    sli_child *child;
    sli_str in; ///< lines that it has not got yet, from `fed` on
    size_t fed;
    sli_str line; ///< the beginning of one
    sl_builder *out;
    int64_t n_out; ///< rows in it
    char *room;
    int32_t status;
    bool ended;
} piped;

static sl_code push_lines(piped *p, sl_error *err)
{
    sl_batch *batch = NULL;
    if (p->n_out == 0) {
        return SL_OK;
    }
    SL_TRY(sl_builder_finish(p->out, &batch, err));
    p->n_out = 0;
    sl_code rc = sli_push_unplaced(p->task, p->push, p->ctx, batch, err);
    sl_batch_unref(batch);
    return rc;
}

static sl_code add_line(piped *p, const char *text, size_t size, sl_error *err)
{
    if (sli_utf8_check(text, size) != size) {
        return sl_error_set(err, SL_E_DATA, "a line of the program's output is not UTF-8");
    }
    sl_builder_text(p->out, 0, text, size);
    p->n_out++;
    bool full = p->n_out == SLI_BATCH_ROWS || sli_builder_bytes(p->out) >= BATCH_BYTES;
    return full ? push_lines(p, err) : SL_OK;
}

/// Ends the line in the making with these bytes.
static sl_code end_line(piped *p, const char *text, size_t size, sl_error *err)
{
    if (p->line.size == 0) {
        return add_line(p, text, size, err);
    }
    sli_str_add(&p->line, text, size);
    SL_TRY(sli_str_check(&p->line, "a line of a program's output", err));
    sl_code rc = add_line(p, p->line.data, p->line.size, err);
    sli_str_clear(&p->line);
    return rc;
}

static sl_code take_output(piped *p, const char *text, size_t size, sl_error *err)
{
    const char *end = NULL;
    while (size > 0 && (end = memchr(text, '\n', size)) != NULL) {
        size_t n = (size_t)(end - text);
        SL_TRY(end_line(p, text, n, err));
        text += n + 1;
        size -= n + 1;
    }
    sli_str_add(&p->line, text, size);
    return p->line.size > MAX_LINE
               ? sl_error_set(err, SL_E_DATA,
                              "a line of the program's output is longer than %d "
                              "bytes",
                              MAX_LINE)
               : sli_str_check(&p->line, "a line of a program's output", err);
}

static sl_code exchange(piped *p, sl_error *err)
{
    sl_env *env = p->task->runtime->env;
    sli_exchange x = {.in = p->in.data + p->fed,
                      .in_size = p->in.size - p->fed,
                      .out = p->room,
                      .out_size = ROOM};
    SL_TRY(sli_task_check(p->task, err));
    SL_TRY(sli_child_exchange(p->child, &x, sli_env_mono_us(env) + LOOK_EVERY_US, err));
    p->fed += x.n_in;
    p->ended = x.ended;
    p->status = x.status;
    return take_output(p, p->room, x.n_out, err);
}

static sl_code feed(void *ctx, sl_batch *batch, sl_error *err)
{
    piped *p = ctx;
    const sl_column *rows = sl_batch_column(batch, 0);
    sli_str_clear(&p->in);
    p->fed = 0;
    for (int64_t i = 0; i < rows->n_rows; i++) {
        if (sl_column_is_null(rows, i)) {
            return sl_error_set(err, SL_E_DATA, "a null is no line");
        }
        sl_text text = sl_column_text(rows, i);
        sli_str_add(&p->in, text.data, text.size);
        sli_str_char(&p->in, '\n');
    }
    SL_TRY(sli_str_check(&p->in, "lines for a program", err));
    while (p->fed < p->in.size && !p->ended) { // one that has ended reads nothing more
        SL_TRY(exchange(p, err));
    }
    return SL_OK;
}

static sl_code finish(piped *p, sl_error *err)
{
    sli_str_clear(&p->in);
    p->fed = 0;
    sli_child_end_input(p->child);
    while (!p->ended) {
        SL_TRY(exchange(p, err));
    }
    if (p->status != 0) {
        sl_text said = sli_child_errors(p->child);
        size_t n = said.size < LAST_WORDS ? said.size : LAST_WORDS;
        while (n > 0 && said.data[said.size - 1] == '\n') {
            said.size--;
            n--;
        }
        return sl_error_set(err, SL_E_USER, "exit code %d%s%.*s", p->status, n == 0 ? "" : ": ",
                            (int)n, said.data + said.size - n);
    }
    SL_TRY(p->line.size == 0 ? SL_OK : end_line(p, "", 0, err));
    return push_lines(p, err);
}

static sl_code start(piped *p, sl_error *err)
{
    program c;
    SL_TRY(parse(p->op->text, p->task->arena, &c, err));
    p->room = sl_arena_alloc(p->task->arena, ROOM);
    if (p->room == NULL) {
        return sl_error_nomem(err, ROOM, "a program's output");
    }
    SL_TRY(sl_builder_new(&p->out, p->op->out, err));
    return sli_child_start(p->task->runtime->env, c.words, c.variables, &p->child, err);
}

static sl_code compute_pipe(sl_rdd *rdd, int32_t partition, sli_task *task, sli_push_fn push,
                            void *ctx, sl_error *err)
{
    piped p = {.op = rdd->body,
               .task = task,
               .push = push,
               .ctx = ctx,
               .in = {.tag = SLI_TAG_RDD},
               .line = {.tag = SLI_TAG_RDD}};
    sl_code rc = start(&p, err);
    rc = rc != SL_OK ? rc : sli_rdd_each(rdd->deps[0].parent, partition, task, feed, &p, err);
    rc = rc != SL_OK ? rc : finish(&p, err);
    sli_child_free(&p.child);
    sl_builder_free(p.out);
    sli_str_reset(&p.in);
    sli_str_reset(&p.line);
    if (rc == SL_OK) {
        return SL_OK;
    }
    task->operator_uid = rdd->uid;
    return sl_error_wrap(err, rc, "pipe %.*s", (int)strcspn(p.op->text, "\n"), p.op->text);
}

// ---------------------------------------------------------------- definition

static const sli_rdd_ops pipe_ops = {
    .name = "pipe", .compute = compute_pipe, .free = sli_op_free_body};

static sl_code compile_pipe(sli_runtime *runtime, sli_op *op, sl_error *err)
{
    (void)runtime;
    program c;
    if (sl_schema_columns(op->in) != 1 || sl_schema_field(op->in, 0)->type != SL_STRING) {
        return sl_error_set(err, SL_E_INVALID, "rows are (%.200s); it takes one column of text",
                            sl_schema_text(op->in));
    }
    sl_arena *arena = sl_arena_new(SLI_TAG_RDD);
    sl_code rc =
        arena == NULL ? sl_error_nomem(err, 0, "a command") : parse(op->text, arena, &c, err);
    sl_arena_free(arena);
    return rc == SL_OK ? sl_schema_parse(&op->out, "line string", err) : rc;
}

sl_rdd *sl_rdd_pipe(sl_rdd *rdd, const char *command, const char *variables)
{
    if (rdd == NULL || rdd->mistake != NULL) {
        return sli_rdd_inherit(rdd, NULL);
    }
    sl_error error = SL_ERROR_INIT;
    sli_op *op = NULL;
    sli_pair pair;
    const char *text = sli_pair_make(&pair, command, variables == NULL ? "" : variables);
    sli_op_key key = {.kind = pipe_ops.name, .text = text, .in = rdd->schema};
    sl_code rc = text == NULL ? sl_error_nomem(&error, 0, "a definition")
                              : sli_op_find(rdd->runtime, &key, compile_pipe, &op, &error);
    sli_pair_reset(&pair);
    return rc == SL_OK ? sli_rdd_narrow(rdd, &pipe_ops, op)
                       : sli_rdd_wrong(rdd->runtime, pipe_ops.name, &error);
}
