// sluice new NAME: a job, its test, and a build file against the installed library.
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"

static const char job_text[] =
    "// @: counts the words that arrive, every second.\n"
    "//\n"
    "//     make && sluice run @.so --checkpoint state\n"
    "//     nc -lk 9999     # in another terminal: type lines\n"
    "#include <sluice/sluice.h>\n"
    "\n"
    "static void @(sl_graph *graph)\n"
    "{\n"
    "    sl_stream *lines = sl_stream_open(graph, \"socket://localhost:9999\");\n"
    "    sl_stream *words = sl_stream_flat_map(lines, &sl_split, \"by=' ' skip_empty=true\");\n"
    "    sl_stream_print(sl_stream_reduce_by_key(words, \"word\", \"count() as n\"), 10);\n"
    "}\n"
    "\n"
    "SL_JOB(\"@\", @);\n";

static const char test_text[] =
    "// The job in a simulated world: no socket, no clock, no file is touched.\n"
    "#include <stdio.h>\n"
    "#include <string.h>\n"
    "\n"
    "#include <sluice/test.h>\n"
    "\n"
    "extern const sl_job_entry sl_job;\n"
    "\n"
    "int main(void)\n"
    "{\n"
    "    sl_test *test = sl_test_new(sl_job.build, (sl_test_conf){.struct_size = "
    "sizeof(sl_test_conf)});\n"
    "    sl_test_send(test, \"localhost:9999\", \"to be or not to be\\n\");\n"
    "    sl_test_advance(test, 1);\n"
    "    int failed = strstr(sl_test_console(test), \"(be,2)\") == NULL;\n"
    "    if (failed || sl_test_error(test)[0] != '\\0') {\n"
    "        fprintf(stderr, \"FAIL %s\\n\", sl_test_error(test));\n"
    "        failed = 1;\n"
    "    }\n"
    "    sl_test_free(test);\n"
    "    puts(failed ? \"0 passed, 1 failed\" : \"1 passed, 0 failed\");\n"
    "    return failed;\n"
    "}\n";

static const char make_text[] = "# make: the job as a shared object; make test: its test\n"
                                "CFLAGS ?= -O2 -Wall -Wextra\n"
                                "CFLAGS += -std=c17 -fPIC $(shell pkg-config --cflags sluice)\n"
                                "LIBS := $(shell pkg-config --libs sluice)\n"
                                "\n"
                                "@.so: @.c\n"
                                "\t$(CC) $(CFLAGS) -shared -o $@ $< $(LIBS)\n"
                                "\n"
                                "test: @_test\n"
                                "\t./@_test\n"
                                "\n"
                                "@_test: @_test.c @.c\n"
                                "\t$(CC) $(CFLAGS) -o $@ $^ $(LIBS)\n"
                                "\n"
                                "clean:\n"
                                "\trm -f @.so @_test\n"
                                "\n"
                                ".PHONY: test clean\n";

/// Writes a template with each '@' replaced by the job's name, but not the make variable $@.
static int write_file(const char *dir, const char *name, const char *suffix, const char *text,
                      const char *job)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s%s", dir, name, suffix) >= (int)sizeof path) {
        fprintf(stderr, "sluice new: %s is too long a name\n", dir);
        return EXIT_USAGE;
    }
    FILE *file = fopen(path, "wx");
    if (file == NULL) {
        fprintf(stderr, "sluice new: %s: %s\n", path, strerror(errno));
        return EXIT_JOB;
    }
    for (const char *at = text; *at != '\0'; at++) {
        if (*at == '@' && (at == text || at[-1] != '$')) {
            fputs(job, file);
        } else {
            fputc(*at, file);
        }
    }
    if (fclose(file) != 0) {
        fprintf(stderr, "sluice new: %s: %s\n", path, strerror(errno));
        return EXIT_JOB;
    }
    return 0;
}

static bool is_name(const char *name)
{
    if (name[0] == '\0' || strlen(name) > 64 || isdigit((unsigned char)name[0])) {
        return false;
    }
    for (const char *c = name; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c) && *c != '_') {
            return false;
        }
    }
    return true;
}

int cli_new(int argc, char **argv)
{
    if (argc != 2) {
        return cli_usage("new", "name the job");
    }
    const char *name = argv[1];
    if (!is_name(name)) {
        return cli_usage("new",
                         "a job's name is a C identifier of at most 64 letters, digits and '_'");
    }
    if (mkdir(name, 0777) != 0) {
        fprintf(stderr, "sluice new: %s: %s\n", name, strerror(errno));
        return EXIT_JOB;
    }
    int status = write_file(name, name, ".c", job_text, name);
    status = status != 0 ? status : write_file(name, name, "_test.c", test_text, name);
    status = status != 0 ? status : write_file(name, "Makefile", "", make_text, name);
    if (status == 0) {
        printf("%s/ is ready: cd %s && make test && make && sluice run %s.so\n", name, name, name);
    }
    return status;
}
