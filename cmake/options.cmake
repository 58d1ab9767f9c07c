# Compiler flags, in one interface target (sl_flags) that everything of ours links and nothing third-party does.
set(SL_SANITIZE "" CACHE STRING "address (with undefined), thread, fuzz (clang), coverage, or empty")
set_property(CACHE SL_SANITIZE PROPERTY STRINGS "" address thread fuzz coverage)
if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Release or Debug" FORCE)
endif()
if(CMAKE_BUILD_TYPE STREQUAL "Debug")
    option(SL_WERROR "Warnings are errors" ON)
else()
    option(SL_WERROR "Warnings are errors" OFF) # a user's newer compiler must not fail the build
endif()

set(CMAKE_C_STANDARD 17)
set(CMAKE_CXX_STANDARD 17)
set(CMAKE_C_EXTENSIONS ON) # gnu17: _GNU_SOURCE and statement attributes
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# x86-64-v2 (SSE4.2, POPCNT) is every server since 2009; hot kernels add more by function multiversioning.
set(baseline "")
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64")
    set(baseline "-march=x86-64-v2")
endif()
foreach(lang C CXX)
    set(CMAKE_${lang}_FLAGS_RELEASE "-O3 -g ${baseline} -DNDEBUG")
    set(CMAKE_${lang}_FLAGS_DEBUG "-Og -g3 ${baseline} -DSL_DEBUG=1 -fno-omit-frame-pointer")
endforeach()

file(RELATIVE_PATH up ${CMAKE_BINARY_DIR} ${CMAKE_SOURCE_DIR}) # how a compiler cache with a base directory names our files
add_library(sl_flags INTERFACE)
target_include_directories(sl_flags INTERFACE ${CMAKE_SOURCE_DIR}/include ${CMAKE_SOURCE_DIR}/src)
target_compile_definitions(sl_flags INTERFACE _GNU_SOURCE SL_VERSION_TEXT="${PROJECT_VERSION}")
target_compile_options(sl_flags INTERFACE
    -ffp-contract=off # equal bytes on machines with and without FMA
    -fno-semantic-interposition -ffunction-sections -fdata-sections
    -ffile-prefix-map=${CMAKE_SOURCE_DIR}/= -ffile-prefix-map=${up}= # __FILE__ and debug info hold no path of the building machine
    -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wvla -Wundef -Wformat=2 -Wcast-qual -Wwrite-strings
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
    $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>
    $<$<BOOL:${SL_WERROR}>:-Werror>)
target_link_options(sl_flags INTERFACE -Wl,--gc-sections -Wl,--as-needed)

set(SL_SANITIZE_FLAGS "")
if(SL_SANITIZE STREQUAL "address")
    set(SL_SANITIZE_FLAGS -fsanitize=address,undefined -fno-sanitize-recover=all)
elseif(SL_SANITIZE STREQUAL "thread")
    set(SL_SANITIZE_FLAGS -fsanitize=thread)
elseif(SL_SANITIZE STREQUAL "fuzz")
    if(NOT CMAKE_C_COMPILER_ID MATCHES "Clang")
        message(FATAL_ERROR "SL_SANITIZE=fuzz needs clang: -DCMAKE_C_COMPILER=clang-14 -DCMAKE_CXX_COMPILER=clang++-14")
    endif()
    set(SL_SANITIZE_FLAGS -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize=vptr -fno-sanitize-recover=all)
elseif(SL_SANITIZE STREQUAL "coverage")
    set(SL_SANITIZE_FLAGS --coverage -fprofile-update=atomic)
elseif(SL_SANITIZE)
    message(FATAL_ERROR "SL_SANITIZE=${SL_SANITIZE}: unknown; address, thread, fuzz or coverage")
endif()
# Stacks of the sanitizers tell files and lines, which is all that -g1 has: these builds compile and link in two thirds of the time.
if(SL_SANITIZE MATCHES "address|thread|fuzz")
    list(APPEND SL_SANITIZE_FLAGS -g1)
endif()
# Global, so that nanoarrow's objects are checked too: they read bytes of others.
add_compile_options(${SL_SANITIZE_FLAGS})
add_link_options(${SL_SANITIZE_FLAGS})
