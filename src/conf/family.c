/// family.c — options that are declared together, by what their names begin with.
#include "conf/conf_int.h"

bool sli_option_has(const sl_option *option, sl_text name)
{
    if (option->type != SL_OPT_FAMILY) {
        return sli_text_is(name, option->name);
    }
    size_t size = strlen(option->name);
    return name.size > size && memcmp(name.data, option->name, size) == 0;
}

/// Whether the name holds the word, in whatever case.
static bool holds(sl_text name, sl_text word)
{
    for (size_t at = 0; at + word.size <= name.size; at++) {
        if (strncasecmp(name.data + at, word.data, word.size) == 0) {
            return true;
        }
    }
    return false;
}

bool sl_option_is_secret(const sl_option *option, sl_text name)
{
    if (!sli_option_has(option, name)) {
        return false;
    }
    if (option->type != SL_OPT_FAMILY) {
        return option->type == SL_OPT_SECRET;
    }
    for (const char *at = option->choices; at != NULL && *at != '\0';) {
        size_t size = strcspn(at, "|");
        if (size > 0 && holds(name, (sl_text){at, size})) {
            return true;
        }
        at += size + (at[size] == '|' ? 1 : 0);
    }
    return false;
}

void sli_conf_forget(char **text, bool secret)
{
    if (*text != NULL && secret) {
        explicit_bzero(*text, strlen(*text));
    }
    sl_free(*text);
    *text = NULL;
}

void sli_members_reset(sli_members *members)
{
    for (int32_t i = 0; i < members->n; i++) {
        sl_free(members->items[i].name);
        sli_conf_forget(&members->items[i].value, members->items[i].secret);
    }
    sl_free(members->items);
    *members = (sli_members){0};
}

/// The member's place, and whether it is there.
static int32_t place_of(const sli_members *members, const char *name, bool *there)
{
    int32_t i = 0;
    int order = 1;
    while (i < members->n && (order = strcmp(members->items[i].name, name)) < 0) {
        i++;
    }
    *there = i < members->n && order == 0;
    return i;
}

static sl_code make_room(sli_members *members, sl_error *err)
{
    if (members->n == SLI_CONF_MAX_MEMBERS) {
        return sl_error_set(err, SL_E_CONFIG, "more than %d options of families",
                            SLI_CONF_MAX_MEMBERS);
    }
    if (members->n < members->capacity) {
        return SL_OK;
    }
    int32_t capacity = members->capacity == 0 ? 8 : members->capacity * 2;
    sli_member *items =
        sl_realloc(SLI_TAG_CONF, members->items, (size_t)capacity * sizeof(sli_member));
    if (items == NULL) {
        return sl_error_nomem(err, (size_t)capacity * sizeof(sli_member), "options");
    }
    members->items = items;
    members->capacity = capacity;
    return SL_OK;
}

static sl_code insert(sli_members *members, int32_t at, const sli_member *item, sl_error *err)
{
    SL_TRY(make_room(members, err));
    memmove(members->items + at + 1, members->items + at,
            (size_t)(members->n - at) * sizeof(sli_member));
    members->items[at] = *item;
    members->n++;
    return SL_OK;
}

sl_code sli_members_set(sli_members *members, const sl_option *family, const char *name,
                        sl_text value, sl_error *err)
{
    bool there = false;
    int32_t at = place_of(members, name, &there);
    sli_member item = {.value =
                           sl_strndup(SLI_TAG_CONF, value.size == 0 ? "" : value.data, value.size),
                       .secret = sl_option_is_secret(family, sli_text_of(name))};
    if (there && item.value != NULL) {
        sli_conf_forget(&members->items[at].value, item.secret);
        members->items[at].value = item.value;
        return SL_OK;
    }
    item.name = sl_strdup(SLI_TAG_CONF, name);
    sl_code rc = item.value == NULL || item.name == NULL
                     ? sl_error_nomem(err, value.size, "an option's value")
                     : insert(members, at, &item, err);
    if (rc != SL_OK) {
        sli_conf_forget(&item.value, item.secret);
        sl_free(item.name);
    }
    return rc;
}

sl_code sli_members_each(const sli_members *members, const char *family, sli_pair_fn each,
                         void *ctx, sl_error *err)
{
    size_t size = strlen(family);
    for (int32_t i = 0; i < members->n; i++) {
        const sli_member *m = &members->items[i];
        if (strncmp(m->name, family, size) == 0) {
            SL_TRY(each(ctx, sli_text_of(m->name + size), sli_text_of(m->value), err));
        }
    }
    return SL_OK;
}
