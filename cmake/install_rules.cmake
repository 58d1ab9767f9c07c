# What `make install` puts where: libraries, modules, headers, pkg-config and CMake files; the program, its man pages
# and service.
# Every path is relative, so the installed tree may be moved or staged under DESTDIR.
include(CMakePackageConfigHelpers)

install(TARGETS sluice_shared EXPORT sluice LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS sluice_static ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
get_property(modules GLOBAL PROPERTY SL_MODULES)
if(modules)
    install(TARGETS ${modules} LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR}/sluice)
endif()
if(SL_ONNX) # the module opens it from beside itself
    install(PROGRAMS ${SL_ONNX_LIBRARY} DESTINATION ${CMAKE_INSTALL_LIBDIR}/sluice)
    get_filename_component(onnxruntime ${SL_ONNX_LIBRARY} DIRECTORY)
    install(FILES ${onnxruntime}/LICENSE ${onnxruntime}/ThirdPartyNotices.txt DESTINATION share/doc/sluice/onnxruntime)
endif()
install(DIRECTORY ${CMAKE_SOURCE_DIR}/include/sluice DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
if(TARGET sluice)
    install(TARGETS sluice RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
# The default is zsh's own place; Debian's packages have vendor-completions.
set(SL_ZSH_DIR share/zsh/site-functions CACHE STRING "Where zsh looks for completions, below the prefix")
set(completions ${CMAKE_SOURCE_DIR}/cli/completions)
install(FILES ${completions}/sluice.bash DESTINATION share/bash-completion/completions RENAME sluice)
install(FILES ${completions}/_sluice DESTINATION ${SL_ZSH_DIR})
install(FILES ${completions}/sluice.fish DESTINATION share/fish/vendor_completions.d)
foreach(section 1 3 7)
    file(GLOB man_pages CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/docs/man/*.${section} ${CMAKE_SOURCE_DIR}/docs/man/made/*.${section})
    install(FILES ${man_pages} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section})
endforeach()

# Not ${CMAKE_INSTALL_LIBDIR}: systemd looks below /usr/lib and /usr/local/lib whatever the machine's kind.
install(FILES ${CMAKE_SOURCE_DIR}/packaging/sluice@.service DESTINATION lib/systemd/system)

file(RELATIVE_PATH pc_to_prefix /p/${CMAKE_INSTALL_LIBDIR}/pkgconfig /p)
configure_file(${CMAKE_SOURCE_DIR}/cmake/sluice.pc.in ${CMAKE_BINARY_DIR}/sluice.pc @ONLY)
install(FILES ${CMAKE_BINARY_DIR}/sluice.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/sluice)
install(EXPORT sluice NAMESPACE sluice:: FILE sluiceConfig.cmake DESTINATION ${package_dir})
# Version 0 promises nothing across minor versions; see the soname.
write_basic_package_version_file(${CMAKE_BINARY_DIR}/sluiceConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${CMAKE_BINARY_DIR}/sluiceConfigVersion.cmake DESTINATION ${package_dir})
