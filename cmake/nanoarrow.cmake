# nanoarrow with its IPC part and flatcc's runtime, as objects inside libsluice. Its names get a prefix and hidden
# visibility, so that a program that links another nanoarrow is not disturbed; flatcc's are hidden.
execute_process(COMMAND ${CMAKE_SOURCE_DIR}/tools/fetch-nanoarrow ${CMAKE_BINARY_DIR}/third_party
    RESULT_VARIABLE rc)
if(NOT rc EQUAL 0)
    message(FATAL_ERROR "nanoarrow could not be fetched (see above)")
endif()
set(na ${CMAKE_BINARY_DIR}/third_party/nanoarrow/src)
set(fc ${CMAKE_BINARY_DIR}/third_party/flatcc)

set(NANOARROW_VERSION 0.9.0)
set(NANOARROW_VERSION_MAJOR 0)
set(NANOARROW_VERSION_MINOR 9)
set(NANOARROW_VERSION_PATCH 0)
set(NANOARROW_NAMESPACE_DEFINE "#define NANOARROW_NAMESPACE sli_na")
configure_file(${na}/nanoarrow/nanoarrow_config.h.in ${CMAKE_BINARY_DIR}/third_party/generated/nanoarrow/nanoarrow_config.h)

set(SL_NANOARROW_INCLUDES ${na} ${CMAKE_BINARY_DIR}/third_party/generated)
set(SL_NANOARROW_DEFINITIONS NANOARROW_DLL=) # empty: else its header makes every function visible

add_library(sl_nanoarrow OBJECT
    ${na}/nanoarrow/common/array.c ${na}/nanoarrow/common/array_stream.c
    ${na}/nanoarrow/common/schema.c ${na}/nanoarrow/common/utils.c
    ${na}/nanoarrow/ipc/codecs.c ${na}/nanoarrow/ipc/decoder.c ${na}/nanoarrow/ipc/encoder.c
    ${na}/nanoarrow/ipc/reader.c ${na}/nanoarrow/ipc/writer.c
    ${fc}/src/runtime/builder.c ${fc}/src/runtime/emitter.c ${fc}/src/runtime/refmap.c ${fc}/src/runtime/verifier.c)
target_include_directories(sl_nanoarrow PRIVATE ${SL_NANOARROW_INCLUDES} ${fc}/include)
target_compile_definitions(sl_nanoarrow PRIVATE ${SL_NANOARROW_DEFINITIONS} NANOARROW_IPC_WITH_LZ4
    NANOARROW_IPC_WITH_ZSTD)
target_compile_options(sl_nanoarrow PRIVATE -w -ffp-contract=off -ffunction-sections -fdata-sections
    -ffile-prefix-map=${CMAKE_BINARY_DIR}/=)
target_link_libraries(sl_nanoarrow PRIVATE PkgConfig::LZ4 PkgConfig::ZSTD)
