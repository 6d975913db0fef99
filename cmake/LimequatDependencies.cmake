# Third-party libraries. Each is used by one module (see ARCHITECTURE.md) and
# shows in no public header.

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
# Policies of certificates cost exponential time before 3.0.9 (CVE-2023-0464).
find_package(OpenSSL 3.0.9 REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
find_package(PkgConfig REQUIRED)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET libpcre2-8)

if(LQ_BUILD_TESTS)
  find_package(GTest REQUIRED)
endif()

if(LQ_BUILD_SERVICES OR LQ_BUILD_FUZZERS)
  find_package(LibArchive 3.6 REQUIRED)
endif()
if(LQ_BUILD_SERVICES)
  find_package(spdlog REQUIRED)
  find_package(tomlplusplus REQUIRED)
  find_package(CLI11 REQUIRED)
  find_package(yaml-cpp REQUIRED)
  find_package(SQLite3 REQUIRED)
  pkg_check_modules(TSS2 REQUIRED IMPORTED_TARGET tss2-esys tss2-mu tss2-tctildr tss2-rc)
endif()
if(LQ_BUILD_BENCHMARKS)
  find_package(benchmark REQUIRED)
endif()
