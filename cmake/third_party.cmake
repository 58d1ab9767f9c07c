# Libraries of others: from Debian through pkg-config, nanoarrow by tools/fetch-nanoarrow, DuckDB by
# tools/fetch-duckdb and ONNX Runtime by tools/fetch-onnxruntime (pinned, checked by hash).
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(SIMDJSON REQUIRED IMPORTED_TARGET simdjson)
pkg_check_modules(SQLITE3 REQUIRED IMPORTED_TARGET sqlite3)
pkg_check_modules(XXHASH REQUIRED IMPORTED_TARGET libxxhash)
pkg_check_modules(LZ4 REQUIRED IMPORTED_TARGET liblz4)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
pkg_check_modules(ZLIB REQUIRED IMPORTED_TARGET zlib)
pkg_check_modules(EDIT REQUIRED IMPORTED_TARGET libedit) # the line editor of sluice shell; of the program alone
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET yaml-0.1) # test files of scripts; of the program alone
pkg_check_modules(JSON_C REQUIRED IMPORTED_TARGET json-c) # parse trees of SQL, which are taken apart and put together
# Requests of sources that listen for HTTP. 26 KiB of code without state of its own that Debian's later releases no longer
# have as a shared library: it is linked into libsluice.
find_library(SL_HTTP_PARSER libhttp_parser.a REQUIRED)
find_package(BZip2 REQUIRED) # it has no file for pkg-config

# sl_optional(NAME TEXT NEEDS PACKAGE...): the option SL_NAME, for a part of Sluice over a library that most jobs do
# without; with it PkgConfig::NAME is that library, and tests know SLT_NAME.
macro(sl_optional name text needs)
    option(SL_${name} "Build ${text} (needs ${needs})" ON)
    set_property(GLOBAL APPEND PROPERTY SL_OPTIONALS ${name})
    if(SL_${name})
        pkg_check_modules(${name} IMPORTED_TARGET ${ARGN})
        if(NOT ${name}_FOUND)
            message(FATAL_ERROR "SL_${name} needs ${needs}: run tools/setup, or give -DSL_${name}=OFF")
        endif()
    endif()
endmacro()
sl_optional(ROCKSDB "the module state_rocksdb: state larger than memory" RocksDB rocksdb)
sl_optional(KAFKA "the module kafka_rd: Kafka, in and out" librdkafka rdkafka)
sl_optional(POSTGRES "the module postgres_pq: PostgreSQL, as a sink and as tables" libpq libpq)
sl_optional(TLS "the module net_tls: TLS of sources that listen" OpenSSL openssl)
sl_optional(MQTT "the module mqtt_mosq: MQTT, in and out" "libmosquitto and OpenSSL" libmosquitto openssl)
sl_optional(CURL "the module http_curl: HDFS, in and out" libcurl libcurl)
sl_optional(XGBOOST "the module score_xgboost: scoring of XGBoost models" XGBoost xgboost)
include(duckdb)
include(onnxruntime)

pkg_check_modules(CMOCKA IMPORTED_TARGET cmocka)
option(SL_TESTS "Build the tests (needs cmocka)" ${CMOCKA_FOUND})
if(SL_TESTS AND NOT CMOCKA_FOUND)
    message(FATAL_ERROR "SL_TESTS needs cmocka: run tools/setup, or give -DSL_TESTS=OFF")
endif()

include(nanoarrow)

add_library(sl_third_party INTERFACE)
target_link_libraries(sl_third_party INTERFACE PkgConfig::SIMDJSON PkgConfig::SQLITE3 PkgConfig::XXHASH
    PkgConfig::LZ4 PkgConfig::ZSTD PkgConfig::ZLIB PkgConfig::JSON_C BZip2::BZip2 ${SL_HTTP_PARSER} Threads::Threads m ${CMAKE_DL_LIBS})
target_include_directories(sl_third_party SYSTEM INTERFACE ${SL_NANOARROW_INCLUDES})
target_compile_definitions(sl_third_party INTERFACE ${SL_NANOARROW_DEFINITIONS})
