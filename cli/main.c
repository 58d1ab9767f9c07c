// sluice COMMAND ...: finds the subcommand.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cli.h"

static const struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *text;
} commands[] = {
    {"run", cli_run,
     "JOB.so|JOB.sql [--master local[N]] [--interval 1s] [--checkpoint DIR] [--set NAME=VALUE] ... "
     "  "
     "run a job until it ends or is told to"},
    {"new", cli_new,
     "NAME                    a new job in directory NAME: source, test, build file"},
    {"validate", cli_validate,
     "JOB.so|JOB.sql [--set NAME=VALUE]   build the job's graph, check it, show it"},
    {"test", cli_test,
     "JOB_test.yaml ...         try a script on input that is given, and compare"},
    {"status", cli_status, "DIR [--json]             what a checkpoint directory says of its job"},
    {"dead", cli_dead, "DIR [--json]               the dead letters in a checkpoint directory"},
    {"state", cli_state,
     "DIR [\"SELECT ...\"] [--csv] [--json] [--limit N] [--memory SIZE]   "
     "what a checkpoint directory holds as tables, and SQL over them"},
    {"shell", cli_shell,
     "[DIR|JOB.sql] [--csv] [--json] [--line] [--memory SIZE] [--set NAME=VALUE]   "
     "a prompt: SQL over a checkpoint, or statements tried one by one"},
    {"help", cli_help,
     "[options|sources|sinks|formats|sql|models|state|shell]   what can be set, and to what"},
    {"version", cli_version, "                        which version this is"},
};

static int usage(FILE *to)
{
    fputs("usage: sluice COMMAND ...\n\n", to);
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        fprintf(to, "  %-9s %s\n", commands[i].name, commands[i].text);
    }
    fputs("\n'sluice run JOB --help' lists every setting of a job. Exit codes: 0 ok, 1 the job "
          "failed, 2 usage,\n"
          "3 configuration, 4 checkpoint incompatible or damaged.\n",
          to);
    return to == stdout ? 0 : EXIT_USAGE;
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return &commands[i];
        }
    }
    return NULL;
}

/// The command with a name near to this one; NULL: none.
static const struct command *near_command(const char *name)
{
    const struct command *near = NULL;
    size_t least = strlen(name) / 2 + 1;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        size_t distance = cli_distance(name, commands[i].name);
        near = distance < least ? &commands[i] : near;
        least = distance < least ? distance : least;
    }
    return near;
}

/// A command's line of the table: its arguments, and behind two blanks what it does.
static int command_usage(const struct command *command)
{
    const char *text = command->text;
    size_t size = text[0] == ' ' ? 0 : strcspn(text, " ");
    while (text[size] == ' ' && text[size + 1] != ' ') {
        size += 1 + strcspn(text + size + 1, " ");
    }
    printf("usage: sluice %s%s%.*s\n\n%s\n", command->name, size == 0 ? "" : " ", (int)size, text,
           text + size + strspn(text + size, " "));
    if (strcmp(command->name, "run") == 0) {
        fputs(
            "\n'sluice run JOB --help' lists every setting; `sluice help sql` says how a script is "
            "written.\n",
            stdout);
    }
    return 0;
}

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int cli_help(int argc, char **argv)
{
    char *text = NULL;
    sl_error err = SL_ERROR_INIT;
    if (argc < 2) {
        return usage(stdout);
    }
    if (strcmp(argv[1], "state") == 0 || strcmp(argv[1], "shell") == 0) { // of the program alone
        char flag[] = "--help";
        char *words[] = {argv[1], flag, NULL};
        return strcmp(argv[1], "state") == 0 ? cli_state(2, words) : cli_shell(2, words);
    }
    if (asks_for_help(argv[1])) {
        return command_usage(find_command("help"));
    }
    const struct command *command = find_command(argv[1]);
    if (command != NULL) {
        char flag[] = "--help";
        char *words[] = {argv[1], flag, NULL};
        return strcmp(argv[1], "dead") == 0 ? cli_dead(2, words) : command_usage(command);
    }
    if (sl_help_text(argv[1], 100, &text, &err) != SL_OK) {
        fprintf(stderr, "sluice help: %s, and the commands\n", err.text);
        return EXIT_USAGE;
    }
    fputs(text, stdout);
    sl_text_free(text);
    return 0;
}

int cli_version(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    printf("sluice %s\n", sl_version());
    return 0;
}

void cli_time_text(int64_t time_us, char *out, size_t size)
{
    time_t seconds = (time_t)(time_us / 1000000);
    int64_t rest = time_us % 1000000;
    struct tm parts;
    char whole[40];
    if (gmtime_r(&seconds, &parts) == NULL ||
        strftime(whole, sizeof whole, "%Y-%m-%dT%H:%M:%S", &parts) == 0) {
        (void)snprintf(out, size, "%lld us", (long long)time_us);
    } else if (rest == 0) {
        (void)snprintf(out, size, "%sZ", whole);
    } else {
        (void)snprintf(out, size, "%s.%03lldZ", whole, (long long)(rest / 1000));
    }
}

int cli_fail(const char *name, const sl_error *err)
{
    fprintf(stderr, "sluice %s: %s\n", name, err->text);
    switch (err->code) {
    case SL_E_CONFIG:
    case SL_E_INVALID:
        return EXIT_CONFIG;
    case SL_E_INCOMPATIBLE:
    case SL_E_CORRUPT:
        return EXIT_CHECKPOINT;
    default:
        return EXIT_JOB;
    }
}

int cli_unexpected(const char *name, const char *argument)
{
    char what[300];
    (void)snprintf(what, sizeof what, "unexpected argument '%.200s'", argument);
    return cli_usage(name, what);
}

int cli_usage(const char *name, const char *what)
{
    fprintf(stderr, "sluice %s: %s\nTry 'sluice help %s'.\n", name, what, name);
    return EXIT_USAGE;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        return usage(stderr);
    }
    const char *name = argv[1];
    if (asks_for_help(name)) {
        return usage(stdout);
    }
    if (strcmp(name, "--version") == 0) {
        return cli_version(0, NULL);
    }
    const struct command *command = find_command(name);
    if (command != NULL) {
        bool has_own = command->run == cli_dead || command->run == cli_state ||
                       command->run == cli_shell || command->run == cli_help;
        return argc == 3 && asks_for_help(argv[2]) && !has_own ? command_usage(command)
                                                               : command->run(argc - 1, argv + 1);
    }
    command = near_command(name);
    if (command != NULL) {
        fprintf(stderr, "sluice: unknown command '%s'; did you mean '%s'?\nTry 'sluice help'.\n",
                name, command->name);
        return EXIT_USAGE;
    }
    fprintf(stderr, "sluice: unknown command '%s'\n", name);
    return usage(stderr);
}
