/// module.h — parts of Sluice that are loaded when they are first asked for.
///
/// What needs a large library (a disk store's RocksDB) is no part of libsluice: it is a *module*, a
/// shared object of its own that nobody links. A module has one entry function, whose name holds
/// the version of the struct below; what it offers is a table of functions, whose layout has a
/// number of its own (`abi`). A module calls nothing of libsluice and so goes with the shared and
/// the static library alike; failures it writes into the sl_error it is given.
///
/// A module stays loaded until the process ends: libraries with threads can't be taken out safely.
#pragma once

#include "env/env.h"

/// What a module tells about itself. Entries are added at the end, for who looks at struct_size.
typedef struct sli_module {
    size_t struct_size;
    const char *name;  ///< "state_rocksdb"; its file is NAME.so
    const char *needs; ///< what it was built with: "RocksDB 7.8.3"
    uint32_t abi;      ///< of `table`
    const void *table; ///< its functions; the struct's type follows from name and abi
} sli_module;

/// The one function a module exports.
#define SLI_MODULE_ENTRY sluice_module_1
typedef const sli_module *(*sli_module_entry)(void);

/// What somebody asks for.
typedef struct sli_module_want {
    const char *name;
    uint32_t abi;
    const char *why;     ///< "state.store=rocksdb"
    const char *package; ///< that has it: "libsluice-rocksdb"
    const char *library; ///< what a build needs for it: "librocksdb-dev"
} sli_module_want;

/// Finds NAME.so in `dir` (of the option `modules`); when that is NULL in the directory that the
/// variable SLUICE_MODULES names; without either in sluice/ beside libsluice, then in ../lib/sluice
/// (a program linked with libsluice.a). Loads it and checks entry, name and abi. Fails:
/// SL_E_NOT_FOUND with the places looked at and what to install; SL_E_INCOMPATIBLE for a module of
/// another build, with both numbers; SL_E_UNSUPPORTED when it can't be loaded (with the loader's
/// reason), and in simulation, unless the world has a module of that name in its place
/// (sli_world_module). Thread: any. Blocks: disk.
sl_code sli_module_load(sl_env *env, const char *dir, const sli_module_want *want,
                        const sli_module **out, sl_error *err);
