# limequat_module(NAME
#   [SOURCES file...]        product sources
#   [USES module...]         other modules, as the table in ARCHITECTURE.md allows
#   [PRIVATE_LIBS target...] third-party targets, never visible in a public header
#   [TESTS file...]          unit tests, beside the code: one binary NAME_test
#   [TEST_LIBS target...]    what only the tests link)
#
# One folder is one library is one namespace. Inside the tree a module is
# limequat::NAME; header paths are the paths in the repository.
function(limequat_module name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;USES;PRIVATE_LIBS;TESTS;TEST_LIBS")
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "limequat_module(${name}): unknown arguments ${arg_UNPARSED_ARGUMENTS}")
  endif()

  set(target limequat_${name})
  list(TRANSFORM arg_USES PREPEND "limequat::" OUTPUT_VARIABLE uses)
  if(arg_SOURCES)
    add_library(${target} STATIC ${arg_SOURCES})
    target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
    target_compile_features(${target} PUBLIC cxx_std_23)
    # What cmake/LimequatInstall.cmake tells consumers.
    set_target_properties(${target} PROPERTIES LQ_USES "${arg_USES}" LQ_NEEDS "${arg_PRIVATE_LIBS}")
    target_link_libraries(${target}
      PUBLIC ${uses}
      PRIVATE $<BUILD_INTERFACE:limequat_compile_options> ${arg_PRIVATE_LIBS})
  else()
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>)
    target_link_libraries(${target} INTERFACE ${uses})
  endif()
  add_library(limequat::${name} ALIAS ${target})

  if(LQ_BUILD_TESTS AND arg_TESTS)
    add_executable(${name}_test ${arg_TESTS})
    target_link_libraries(${name}_test PRIVATE
      limequat::${name} limequat_compile_options GTest::gmock GTest::gtest_main ${arg_TEST_LIBS} ${arg_PRIVATE_LIBS})
    target_compile_definitions(${name}_test PRIVATE LQ_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    gtest_discover_tests(${name}_test
      TEST_PREFIX "${name}/" DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 120 LABELS unit)
  endif()
endfunction()
