// simdjson_shim.cc — simdjson's first stage as three C functions; no exception leaves it.
#include "format/json/simdjson_shim.h"

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion" // not our header
#pragma GCC diagnostic ignored "-Wshadow"
#include <simdjson.h>
#pragma GCC diagnostic pop

#include <memory>
#include <new>

struct sli_tokens {
    std::unique_ptr<simdjson::internal::dom_parser_implementation> parser;
};

namespace
{
constexpr size_t first_capacity = 64 * 1024;
constexpr size_t depth = 1; // stage one does not look at it

bool reserve(sli_tokens &tokens, size_t size)
{
    if (tokens.parser == nullptr) {
        size_t capacity = size < first_capacity ? first_capacity : size;
        return simdjson::get_active_implementation()->create_dom_parser_implementation(
                   capacity, depth, tokens.parser) == simdjson::SUCCESS;
    }
    if (size <= tokens.parser->capacity()) {
        return true;
    }
    return tokens.parser->set_capacity(size) == simdjson::SUCCESS;
}
} // namespace

sli_tokens *sli_tokens_new(void)
{
    return new (std::nothrow) sli_tokens();
}

void sli_tokens_free(sli_tokens *tokens)
{
    delete tokens;
}

sli_tokens_rc sli_tokens_find(sli_tokens *tokens, const char *data, size_t size,
                              const uint32_t **at, size_t *n)
{
    if (!reserve(*tokens, size)) {
        return SLI_TOKENS_NOMEM;
    }
    simdjson::error_code rc = tokens->parser->stage1(reinterpret_cast<const uint8_t *>(data), size,
                                                     simdjson::stage1_mode::regular);
    switch (rc) {
    case simdjson::SUCCESS:
        *at = tokens->parser->structural_indexes.get();
        *n = tokens->parser->n_structural_indexes;
        return SLI_TOKENS_OK;
    case simdjson::UNCLOSED_STRING:
        return SLI_TOKENS_UNCLOSED;
    case simdjson::UNESCAPED_CHARS:
        return SLI_TOKENS_CONTROL;
    case simdjson::UTF8_ERROR:
        return SLI_TOKENS_UTF8;
    case simdjson::EMPTY:
        return SLI_TOKENS_EMPTY;
    case simdjson::MEMALLOC:
        return SLI_TOKENS_NOMEM;
    default: // no other error is documented for stage one; the caller then reads line by line and
             // says so
        return SLI_TOKENS_CONTROL;
    }
}
