// The line editor of the shell: libedit, with a history in the user's state directory. Where that
// can't be written there is none.
#include <errno.h>
#include <histedit.h>
#include <locale.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#include "shell.h"

enum { KEPT = 1000 };

static struct line {
    EditLine *edit;
    History *history;
    HistEvent event;
    char path[4096]; ///< of the history; "": none is kept
    bool goes_on;
} line;

static char *prompt(EditLine *edit)
{
    static char first[] = "sluice> ", more[] = "   ...> ";
    (void)edit;
    return line.goes_on ? more : first;
}

/// Makes every directory of the path; what fails shows when the file is opened.
static void make_dirs(char *path)
{
    for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        (void)mkdir(path, 0700);
        *at = '/';
    }
}

static void find_history(void)
{
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    int n = 0;
    if (state != NULL && state[0] == '/') {
        n = snprintf(line.path, sizeof line.path, "%s/sluice/history", state);
    } else if (home != NULL && home[0] == '/') {
        n = snprintf(line.path, sizeof line.path, "%s/.local/state/sluice/history", home);
    }
    if (n <= 0 || (size_t)n >= sizeof line.path) {
        line.path[0] = '\0';
        return;
    }
    make_dirs(line.path);
    FILE *file = fopen(line.path, "ae");
    if (file == NULL) {
        line.path[0] = '\0';
        return;
    }
    (void)fclose(file); // nothing was written
}

/// Waits for input. False: it was interrupted, maybe before it waited; a read alone would wait on
/// then.
static bool await_input(void)
{
    sigset_t interrupt, before;
    (void)sigemptyset(&interrupt);
    (void)sigaddset(&interrupt, SIGINT);
    (void)sigprocmask(SIG_BLOCK, &interrupt, &before);
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    int n = -1;
    do {
        n = shell_is_interrupted() ? -1 : ppoll(&in, 1, NULL, &before);
    } while (n < 0 && errno == EINTR && !shell_is_interrupted());
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    return n > 0;
}

/// The editor's next character: 1, 0 at the end of the input, -1.
static int next_char(EditLine *edit, wchar_t *out)
{
    mbstate_t state = {0};
    (void)edit;
    for (;;) {
        char byte;
        ssize_t n = await_input() ? read(STDIN_FILENO, &byte, 1) : -1;
        if (n <= 0) {
            return (int)n;
        }
        size_t size = mbrtowc(out, &byte, 1, &state);
        if (size == (size_t)-1) {
            *out = L'?'; // no character of this locale
            return 1;
        }
        if (size != (size_t)-2) { // -2: more bytes of it follow
            return 1;
        }
    }
}

void shell_line_open(void)
{
    (void)setlocale(LC_CTYPE, ""); // the editor moves by characters
    line.edit = el_init("sluice", stdin, stdout, stderr);
    line.history = history_init();
    if (line.edit == NULL || line.history == NULL) {
        return;
    }
    find_history();
    (void)history(line.history, &line.event, H_SETSIZE, KEPT);
    (void)history(line.history, &line.event, H_SETUNIQUE, 1);
    if (line.path[0] != '\0') {
        (void)history(line.history, &line.event, H_LOAD, line.path);
    }
    (void)el_set(line.edit, EL_PROMPT, prompt);
    (void)el_set(line.edit, EL_GETCFN, next_char);
    (void)el_set(line.edit, EL_EDITOR, "emacs");
    (void)el_set(line.edit, EL_HIST, history, line.history);
    (void)el_source(line.edit, NULL); // the user's ~/.editrc
}

void shell_line_close(void)
{
    if (line.history != NULL && line.path[0] != '\0') {
        (void)history(line.history, &line.event, H_SAVE, line.path);
    }
    if (line.history != NULL) {
        history_end(line.history);
    }
    if (line.edit != NULL) {
        el_end(line.edit);
    }
    memset(&line, 0, sizeof line);
}

char *shell_line_next(bool goes_on, bool *interrupted)
{
    int n = 0;
    line.goes_on = goes_on;
    *interrupted = false;
    if (line.edit == NULL) {
        return NULL;
    }
    (void)el_set(line.edit, EL_PREP_TERM, 1); // before the prompt: what is typed at it is not lost
    const char *text = el_gets(line.edit, &n);
    if (text == NULL || n <= 0) {
        *interrupted = shell_was_interrupted();
        (void)fputc('\n', stdout);
        if (*interrupted) {
            el_reset(line.edit);
        }
        return NULL;
    }
    char *copy = strdup(text);
    if (copy != NULL) {
        copy[strcspn(copy, "\n")] = '\0';
    }
    return copy;
}

void shell_line_keep(const char *text)
{
    if (line.history != NULL) {
        (void)history(line.history, &line.event, H_ENTER, text);
    }
}
