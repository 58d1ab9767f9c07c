// registry.c — the formats by name.
#include "format/format.h"

static const sli_format_ops *const formats[] = {
    &sli_format_text,  &sli_format_csv,   &sli_format_json, &sli_format_arrow,
    &sli_format_fixed, &sli_format_bytes, &sli_format_avro, &sli_format_parquet};
static const char *const names[] = {"text",  "csv",  "json",    "arrow", "fixed",
                                    "bytes", "avro", "parquet", NULL};

const sli_format_ops *sli_format_find(sl_text name)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        if (sli_text_is(name, formats[i]->name)) {
            return formats[i];
        }
    }
    return NULL;
}

const sli_format_ops *sli_format_of_extension(sl_text extension)
{
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        for (const char *const *one = formats[i]->extensions; *one != NULL; one++) {
            if (sli_text_is(extension, *one)) {
                return formats[i];
            }
        }
    }
    return NULL;
}

const char *const *sli_format_names(void)
{
    return names;
}

sl_code sli_format_prepare(const sli_format_ops *format, sl_conf *conf, sl_env *env, sl_error *err)
{
    return format->prepare == NULL ? SL_OK : format->prepare(conf, env, err);
}
