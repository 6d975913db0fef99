# `cmake --install`: the evidence library as a CMake package (component `library`), and the programs with what belongs
# to them (component `programs`, in apps/CMakeLists.txt). Why static: docs/decisions/0004-static-library.md.

include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/limequat")

# Public is what lies beside the sources of a module and is not internal (cmake/internal_headers.txt).
file(STRINGS "${PROJECT_SOURCE_DIR}/cmake/internal_headers.txt" internal_headers REGEX "^[^#]")
set(not_public PATTERN "*_internal.h" EXCLUDE PATTERN "*_testing.h" EXCLUDE PATTERN "testing" EXCLUDE)
foreach(header IN LISTS internal_headers)
  if(NOT EXISTS "${PROJECT_SOURCE_DIR}/${header}")
    message(FATAL_ERROR "cmake/internal_headers.txt names ${header}, which does not exist")
  endif()
  string(REGEX REPLACE "[.]" "[.]" pattern "${header}")
  list(APPEND not_public REGEX "/${pattern}$" EXCLUDE)
endforeach()

# What a consumer needs to find, by the target that stands on it; limequatConfig.cmake knows how.
set(findable fmt::fmt OpenSSL::Crypto Boost::json PkgConfig::PCRE2)
set(LQ_PACKAGE_MODULES "")
foreach(module IN LISTS LQ_EVIDENCE_MODULES)
  get_target_property(uses limequat_${module} LQ_USES)
  get_target_property(needs limequat_${module} LQ_NEEDS)
  foreach(need IN LISTS needs)
    if(NOT need IN_LIST findable)
      message(FATAL_ERROR "limequat::${module} stands on ${need}: say in cmake/limequatConfig.cmake.in how it is found")
    endif()
  endforeach()
  # The modules come in an order in which each uses only those before it.
  foreach(used IN LISTS uses)
    list(APPEND needs ${needs_of_${used}})
  endforeach()
  list(REMOVE_DUPLICATES needs)
  set(needs_of_${module} ${needs})
  string(APPEND LQ_PACKAGE_MODULES "set(_limequat_needs_${module} ${needs})\n")

  set_target_properties(limequat_${module} PROPERTIES EXPORT_NAME ${module})
  install(TARGETS limequat_${module} EXPORT limequatTargets
    ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT library
    INCLUDES DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}")
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/limequat/${module}"
    DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/limequat" COMPONENT library
    FILES_MATCHING PATTERN "*.h" ${not_public})
endforeach()

string(REGEX MATCH "^[0-9]+" LQ_FMT_MAJOR "${fmt_VERSION}")
install(EXPORT limequatTargets NAMESPACE limequat:: DESTINATION "${package_dir}" COMPONENT library)
configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/limequatConfig.cmake.in" "${PROJECT_BINARY_DIR}/limequatConfig.cmake"
  INSTALL_DESTINATION "${package_dir}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(
  "${PROJECT_BINARY_DIR}/limequatConfigVersion.cmake" VERSION "${PROJECT_VERSION}" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/limequatConfig.cmake" "${PROJECT_BINARY_DIR}/limequatConfigVersion.cmake"
  DESTINATION "${package_dir}" COMPONENT library)
install(FILES README.md CHANGELOG.md LICENSE SECURITY.md
  DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT library)
install(FILES docs/library.md DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT library)
install(DIRECTORY examples DESTINATION "${CMAKE_INSTALL_DOCDIR}" COMPONENT library)

# All of it and nothing else, for who wants only the library: cmake --build … --target limequat_library
add_custom_target(limequat_library)
list(TRANSFORM LQ_EVIDENCE_MODULES PREPEND limequat_ OUTPUT_VARIABLE libraries)
add_dependencies(limequat_library ${libraries})
