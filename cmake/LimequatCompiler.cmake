# One place for what every target is compiled with.

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)

# The services use coroutines inside `http`; g++ 12 destroys temporaries of a
# co_await expression twice, so only the evidence library may be built with it.
if(LQ_BUILD_SERVICES AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  message(FATAL_ERROR "g++ ${CMAKE_CXX_COMPILER_VERSION} miscompiles coroutines: use clang++-19, "
                      "or -DLQ_BUILD_SERVICES=OFF for the evidence library alone")
endif()

add_library(limequat_compile_options INTERFACE)
target_compile_options(limequat_compile_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Wold-style-cast
  -Wcast-qual -Wformat=2 -Wundef -Werror -fstack-protector-strong
  $<$<CXX_COMPILER_ID:Clang>:-Wextra-semi -Wimplicit-fallthrough -Wthread-safety>)
# A release is optimised and hardened; _FORTIFY_SOURCE needs optimisation.
target_compile_definitions(limequat_compile_options INTERFACE
  $<$<CONFIG:Release,RelWithDebInfo>:_FORTIFY_SOURCE=2>
  $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)

if(LQ_SANITIZE)
  set(sanitize -fsanitize=${LQ_SANITIZE} -fno-omit-frame-pointer)
  if(LQ_SANITIZE MATCHES "undefined")
    list(APPEND sanitize -fno-sanitize-recover=all)
  endif()
  add_compile_options(${sanitize})
  add_link_options(${sanitize})
endif()

find_program(LQ_CCACHE ccache)
if(LQ_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${LQ_CCACHE}")
endif()

if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  find_program(LQ_LLD NAMES ld.lld-19 ld.lld)
  if(LQ_LLD)
    add_link_options("--ld-path=${LQ_LLD}")
  endif()
endif()
add_link_options(-Wl,-z,relro -Wl,-z,now)
