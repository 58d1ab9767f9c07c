/// webhdfs.c — what a NameNode and a DataNode say to a request. Answers and exceptions are those
/// that Hadoop 3.5 was seen to give.
#include "fs/hdfs/sim/hsim_int.h"

#include <stdlib.h>

#include "base/arena.h"

// ---------------------------------------------------------------- the question

static int hex_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void unescape(sli_str *out, const char *text, size_t n)
{
    sli_str_clear(out);
    for (size_t i = 0; i < n; i++) {
        bool is_escape = text[i] == '%' && i + 2 < n;
        sli_str_char(out,
                     is_escape ? (char)(hex_of(text[i + 1]) * 16 + hex_of(text[i + 2])) : text[i]);
        i += is_escape ? 2 : 0;
    }
}

static bool is_key(const char *text, size_t n, const char *key)
{
    return n == strlen(key) && memcmp(text, key, n) == 0;
}

static void take_parameter(hsim_request *r, const char *key, size_t n, const char *value,
                           size_t n_value)
{
    bool is_true = is_key(value, n_value, "true");
    if (is_key(key, n, "op")) {
        unescape(&r->op, value, n_value);
    } else if (is_key(key, n, "destination")) {
        unescape(&r->destination, value, n_value);
    } else if (is_key(key, n, "sources")) {
        unescape(&r->sources, value, n_value);
    } else if (is_key(key, n, "offset")) {
        r->offset = strtoll(value, NULL, 10);
    } else if (is_key(key, n, "length")) {
        r->length = strtoll(value, NULL, 10);
    } else if (is_key(key, n, "overwrite")) {
        r->overwrite = is_true;
    } else if (is_key(key, n, "createparent")) {
        r->createparent = is_true;
    } else if (is_key(key, n, "recursive")) {
        r->recursive = is_true;
    } else if (is_key(key, n, "renameoptions")) {
        r->has_rename_option = true;
    }
}

bool sli_hsim_parse(hsim_request *r, const char *url)
{
    static const char prefix[] = "/webhdfs/v1";
    const char *host = strstr(url, "://");
    const char *path = host == NULL ? NULL : strchr(host + 3, '/');
    if (path == NULL || strncmp(path, prefix, sizeof prefix - 1) != 0) {
        return false;
    }
    path += sizeof prefix - 1;
    size_t n = strcspn(path, "?");
    r->length = -1;
    r->createparent = true;
    unescape(&r->path, path, n);
    for (const char *at = path + n; *at != '\0';) {
        const char *key = at + 1;
        size_t whole = strcspn(key, "&"), n_key = strcspn(key, "=&");
        const char *value = n_key < whole ? key + n_key + 1 : key + whole;
        take_parameter(r, key, n_key, value, (size_t)(key + whole - value));
        at = key + whole;
    }
    return !r->path.failed && !r->op.failed && !r->destination.failed && !r->sources.failed;
}

void sli_hsim_request_reset(hsim_request *r)
{
    sli_str *const all[] = {&r->path,    &r->op,       &r->destination,
                            &r->sources, &r->location, &r->answer};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        sli_str_reset(all[i]);
    }
}

static const char *text_of(const sli_str *s)
{
    return s->data == NULL ? "" : s->data;
}

// ---------------------------------------------------------------- answers

static void refuse(hsim_request *r, int32_t status, const char *exception, const char *message)
{
    r->status = status;
    sli_str_clear(&r->answer);
    sli_str_printf(&r->answer,
                   "{\"RemoteException\":{\"exception\":\"%s\",\"javaClassName\":\"x.%s\","
                   "\"message\":",
                   exception, exception);
    sli_str_json(&r->answer, message, strlen(message));
    sli_str_text(&r->answer, "}}");
}

static void refuse_missing(hsim_request *r)
{
    refuse(r, 404, "FileNotFoundException", "File does not exist");
}

static void say_bool(hsim_request *r, bool value)
{
    r->status = 200;
    sli_str_text(&r->answer, value ? "{\"boolean\":true}" : "{\"boolean\":false}");
}

static void add_status(sli_str *out, const hsim_node *node, const char *name)
{
    sli_str_printf(out,
                   "{\"accessTime\":0,\"fileId\":%lld,\"length\":%lld,\"modificationTime\":%lld,"
                   "\"ecPolicyObj\":{\"length\":99},\"pathSuffix\":",
                   (long long)node->id, (long long)node->bytes.size,
                   (long long)(node->modified_us / 1000));
    sli_str_json(out, name, strlen(name));
    sli_str_printf(out, ",\"type\":\"%s\"}", node->is_dir ? "DIRECTORY" : "FILE");
}

static int64_t now_of(const sli_hdfs_cluster *cluster)
{
    return INT64_C(1600000000000000) + sli_world_mono_us(cluster->world);
}

/// A file is on the way: each operation has its own word for it.
static void refuse_blocked(hsim_request *r)
{
    bool looks = strcmp(r->method, "GET") == 0, deletes = strcmp(r->method, "DELETE") == 0;
    refuse(r, looks ? 404 : 403,
           looks     ? "FileNotFoundException"
           : deletes ? "AccessControlException"
                     : "ParentNotDirectoryException",
           "(is not a directory)");
}

// ---------------------------------------------------------------- reading

static void do_status(sli_hdfs_cluster *cluster, hsim_request *r)
{
    const hsim_node *node = sli_hsim_find(&cluster->tree, text_of(&r->path));
    if (node == NULL) {
        refuse_missing(r);
        return;
    }
    r->status = 200;
    sli_str_text(&r->answer, "{\"FileStatus\":");
    add_status(&r->answer, node, "");
    sli_str_char(&r->answer, '}');
}

static void do_list(sli_hdfs_cluster *cluster, hsim_request *r)
{
    const char *path = text_of(&r->path);
    const hsim_node *node = sli_hsim_find(&cluster->tree, path), *child = NULL;
    if (node == NULL) {
        refuse_missing(r);
        return;
    }
    r->status = 200;
    sli_str_text(&r->answer, "{\"FileStatuses\":{\"FileStatus\":[\n");
    if (!node->is_dir) {
        add_status(&r->answer, node, "");
    }
    while (node->is_dir && (child = sli_hsim_child(&cluster->tree, path, child)) != NULL) {
        sli_str_text(&r->answer, r->answer.data[r->answer.size - 1] == '}' ? ",\n" : "");
        add_status(&r->answer, child, child->path + strlen(path) + 1);
    }
    sli_str_text(&r->answer, "\n]}}\n");
}

static void do_open(sli_hdfs_cluster *cluster, hsim_request *r)
{
    const hsim_node *node = sli_hsim_find(&cluster->tree, text_of(&r->path));
    if (node == NULL || node->is_dir) {
        refuse(r, 404, "FileNotFoundException",
               node == NULL ? "File does not exist" : "Path is not a file");
        return;
    }
    int64_t size = (int64_t)node->bytes.size, left = size - r->offset;
    if (r->offset > 0 && left <= 0) {
        refuse(r, 403, "IOException", "Offset is out of the range; OPEN");
        return;
    }
    r->is_data = true;
    r->status = 200;
    left = r->length >= 0 && r->length < left ? r->length : left;
    sli_str_add(&r->answer, text_of(&node->bytes) + r->offset, (size_t)left);
}

// ---------------------------------------------------------------- changing

static int64_t bytes_of(const hsim_tree *tree)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < tree->n; i++) {
        sum += (int64_t)tree->nodes[i]->bytes.size;
    }
    return sum;
}

/// All or nothing.
static bool append(hsim_node *node, const char *data, size_t size)
{
    bool fits = sli_str_reserve(&node->bytes, size);
    node->bytes.failed = false;
    if (fits) {
        sli_str_add(&node->bytes, data, size);
    }
    return fits;
}

static void do_create(sli_hdfs_cluster *cluster, hsim_request *r)
{
    const char *path = text_of(&r->path);
    const hsim_node *node = sli_hsim_find(&cluster->tree, path);
    int64_t now = now_of(cluster);
    if (node != NULL && (node->is_dir || !r->overwrite)) {
        refuse(r, 403, "FileAlreadyExistsException", "already exists");
    } else if (!r->createparent && sli_hsim_find_dir_of(&cluster->tree, path) == NULL) {
        refuse(r, 404, "FileNotFoundException", "Parent directory doesn't exist");
    } else if (cluster->quota_bytes > 0 &&
               bytes_of(&cluster->tree) + (int64_t)r->body.size > cluster->quota_bytes) {
        refuse(r, 403, "DSQuotaExceededException", "The DiskSpace quota of / is exceeded");
    } else {
        if (node != NULL) {
            sli_hsim_remove(&cluster->tree, path, now);
        }
        hsim_node *made = sli_hsim_add(&cluster->tree, path, false, now);
        r->status = made != NULL && append(made, r->body.data, r->body.size) ? 201 : 500;
    }
}

static void do_concat(sli_hdfs_cluster *cluster, hsim_request *r)
{
    hsim_node *to = sli_hsim_find(&cluster->tree, text_of(&r->path));
    hsim_node *from = sli_hsim_find(&cluster->tree, text_of(&r->sources));
    if (to == NULL || from == NULL) {
        refuse_missing(r);
        return;
    }
    if (from->bytes.size == 0) {
        refuse(r, 400, "HadoopIllegalArgumentException", "concat: source file is empty");
        return;
    }
    if (!append(to, from->bytes.data, from->bytes.size)) {
        r->status = 500;
        return;
    }
    to->modified_us = now_of(cluster);
    sli_hsim_remove(&cluster->tree, text_of(&r->sources), now_of(cluster));
    r->status = 200;
}

static void do_mkdirs(sli_hdfs_cluster *cluster, hsim_request *r)
{
    const char *path = text_of(&r->path);
    const hsim_node *node = sli_hsim_find(&cluster->tree, path);
    if (node != NULL && !node->is_dir) {
        refuse(r, 403, "FileAlreadyExistsException", "Path is not a directory");
        return;
    }
    say_bool(r, sli_hsim_make_dirs(&cluster->tree, path, now_of(cluster)) != NULL);
}

/// Without an option: false for all that is wrong, and a directory takes what is moved onto it.
static void do_old_rename(sli_hdfs_cluster *cluster, hsim_request *r, const char *from,
                          const char *to)
{
    const hsim_node *there = sli_hsim_find(&cluster->tree, to);
    bool fine = sli_hsim_find(&cluster->tree, from) != NULL &&
                sli_hsim_find_dir_of(&cluster->tree, to) != NULL && there == NULL;
    say_bool(r, fine && sli_hsim_move(&cluster->tree, from, to, now_of(cluster)));
}

static void do_rename(sli_hdfs_cluster *cluster, hsim_request *r)
{
    const char *from = text_of(&r->path), *to = text_of(&r->destination);
    const hsim_node *moved = sli_hsim_find(&cluster->tree, from);
    const hsim_node *there = sli_hsim_find(&cluster->tree, to);
    if (cluster->old_rename || !r->has_rename_option) {
        do_old_rename(cluster, r, from, to);
    } else if (moved == NULL) {
        refuse(r, 404, "FileNotFoundException", "rename source not found");
    } else if (there != NULL && moved->is_dir != there->is_dir) {
        refuse(r, 403, "IOException", "Source and destination must both be directories");
    } else if (there != NULL) {
        refuse(r, 403, "FileAlreadyExistsException", "rename destination already exists");
    } else if (sli_hsim_find_dir_of(&cluster->tree, to) == NULL) {
        refuse(r, 404, "FileNotFoundException", "rename destination parent not found");
    } else {
        r->status = sli_hsim_move(&cluster->tree, from, to, now_of(cluster)) ? 200 : 500;
    }
}

static void do_delete(sli_hdfs_cluster *cluster, hsim_request *r)
{
    bool is_there = sli_hsim_find(&cluster->tree, text_of(&r->path)) != NULL;
    if (is_there) {
        sli_hsim_remove(&cluster->tree, text_of(&r->path), now_of(cluster));
    }
    say_bool(r, is_there);
}

// ---------------------------------------------------------------- who does what

typedef struct operation {
    const char *method, *op;
    void (*run)(sli_hdfs_cluster *cluster, hsim_request *r);
    bool changes, by_datanode;
} operation;

static const operation operations[] = {
    {"GET", "GETFILESTATUS", do_status, false, false},
    {"GET", "LISTSTATUS", do_list, false, false},
    {"GET", "OPEN", do_open, false, true},
    {"PUT", "CREATE", do_create, true, true},
    {"POST", "CONCAT", do_concat, true, false},
    {"PUT", "MKDIRS", do_mkdirs, true, false},
    {"PUT", "RENAME", do_rename, true, false},
    {"DELETE", "DELETE", do_delete, true, false},
};

static const operation *find_operation(const hsim_request *r)
{
    for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++) {
        if (strcmp(operations[i].op, text_of(&r->op)) == 0 &&
            strcmp(operations[i].method, r->method) == 0) {
            return &operations[i];
        }
    }
    return NULL;
}

/// What keeps a NameNode from doing anything. True: it was refused.
static bool is_refused(sli_hdfs_cluster *cluster, hsim_request *r, const operation *o)
{
    int64_t now = sli_world_mono_us(cluster->world);
    const char *path = text_of(&r->path);
    if (!o->changes) {
        return false;
    }
    if (now < cluster->safe_until_us) {
        refuse(r, 403, "SafeModeException", "Cannot change names. Name node is in safe mode.");
    } else if (cluster->forbidden != NULL && sli_hsim_is_below(path, cluster->forbidden)) {
        refuse(r, 403, "AccessControlException", "Permission denied: user=nobody, access=WRITE");
    } else if (now < cluster->lease_until_us && sli_hsim_is_below(path, cluster->leased) &&
               strcmp(o->op, "CREATE") == 0) {
        refuse(r, 403, "AlreadyBeingCreatedException", "another client holds the lease");
    } else {
        return false;
    }
    return true;
}

void sli_hsim_answer(sli_hdfs_cluster *cluster, hsim_request *r)
{
    const operation *o = find_operation(r);
    if (o == NULL) {
        refuse(r, 400, "IllegalArgumentException", "Invalid value for webhdfs parameter \"op\"");
    } else if (sli_hsim_find_blocking(&cluster->tree, text_of(&r->path)) != NULL) {
        refuse_blocked(r);
    } else if (is_refused(cluster, r, o)) {
        return;
    } else if (o->by_datanode && !r->to_datanode) {
        r->status = 307;
    } else {
        o->run(cluster, r);
    }
}
