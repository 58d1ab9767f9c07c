# ONNX Runtime for the module score_onnx, by tools/fetch-onnxruntime: its headers to compile with, and its shared library,
# which the module opens by itself and which therefore lies beside it.
option(SL_ONNX "Build the module score_onnx: scoring of ONNX models (ONNX Runtime is fetched with pip and go)" ON)
set_property(GLOBAL APPEND PROPERTY SL_OPTIONALS ONNX)
if(NOT SL_ONNX)
    return()
endif()

execute_process(COMMAND ${CMAKE_SOURCE_DIR}/tools/fetch-onnxruntime ${CMAKE_BINARY_DIR}/third_party RESULT_VARIABLE rc)
if(NOT rc EQUAL 0)
    message(FATAL_ERROR "ONNX Runtime could not be fetched (see above); -DSL_ONNX=OFF builds without it")
endif()
set(ONNX_VERSION 1.32.0)
set(SL_ONNX_LIBRARY ${CMAKE_BINARY_DIR}/third_party/onnxruntime/libonnxruntime.so.1)
add_library(PkgConfig::ONNX INTERFACE IMPORTED)
set_target_properties(PkgConfig::ONNX PROPERTIES INTERFACE_LINK_LIBRARIES "${CMAKE_DL_LIBS};Threads::Threads")
target_include_directories(PkgConfig::ONNX SYSTEM INTERFACE ${CMAKE_BINARY_DIR}/third_party/onnxruntime)
file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/lib/sluice)
file(CREATE_LINK ${SL_ONNX_LIBRARY} ${CMAKE_BINARY_DIR}/lib/sluice/libonnxruntime.so.1 SYMBOLIC)
