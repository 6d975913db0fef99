"""Projects of others on top of the installed tree."""

import unittest
from pathlib import Path

from install_testing import COMPILERS, ROOT, InstalledTree, must

HERE = Path(__file__).resolve().parent
SAYS = {
    "base": "lime malformed\n",
    "crypto": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\n",
    "json": '{"b":[1,2.5],"a":"x"} json.duplicate\n',
    "tpm": "9 tpm.attest.short\n",
    "ima": "/usr/bin/true end\n",
    "eventlog": "EV_SEPARATOR eventlog.empty\n",
    "policy": "10 policy.json\n",
    "appraise": "error unpoliced\n",
}


class Consumer(InstalledTree):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.trees = {compiler: cls.install(compiler) for compiler in COMPILERS}

    def test_one_program_for_each_target_with_the_other_compiler(self):
        for made_with, used_with in zip(COMPILERS, reversed(COMPILERS)):
            with self.subTest(made_with=made_with, used_with=used_with):
                done, folder = self.configure(HERE / "consumer", self.trees[made_with], used_with)
                self.assertEqual(done.returncode, 0, done.stdout)
                must("cmake", "--build", folder)
                said = {module: must(folder / f"use_{module}") for module in SAYS}
                self.assertEqual(said, SAYS)

    def test_the_examples_with_the_same_compiler(self):
        for compiler in COMPILERS:
            with self.subTest(compiler=compiler):
                tree = self.trees[compiler]
                done, folder = self.configure(tree / "share" / "doc" / "limequat" / "examples", tree, compiler,
                                              f"-DLIMEQUAT_DATA={ROOT / 'data'}")
                self.assertEqual(done.returncode, 0, done.stdout)
                must("cmake", "--build", folder)
                said = must("ctest", "--test-dir", folder, "--output-on-failure", "--no-tests=error")
                self.assertIn("100% tests passed, 0 tests failed out of 8", said)


# find_package for one case, in a scope of its own; says what came of it.
CASE = """
{setting}
find_package(limequat {version} QUIET CONFIG COMPONENTS {components} OPTIONAL_COMPONENTS {optional})
message(STATUS "{name}: found=${{limequat_FOUND}} ${{limequat_NOT_FOUND_MESSAGE}}")
foreach(component {components} {optional})
  message(STATUS "{name}: component ${{component}}=${{limequat_${{component}}_FOUND}}")
endforeach()
foreach(target OpenSSL::Crypto fmt::fmt Boost::json PkgConfig::PCRE2)
  if(TARGET ${{target}})
    message(STATUS "{name}: target ${{target}}")
  endif()
endforeach()
unset(ENV{{PKG_CONFIG_LIBDIR}})
"""
# name: components, optional components, version, what is set before
CASES = {
    # First: pkg-config is asked again only while it does not find something.
    "no_pcre2": ("policy", "", "0.1", "set(ENV{PKG_CONFIG_LIBDIR} /nowhere)"),
    "all": ("", "", "0.1", ""),
    **{module: (module, "", "0.1", "") for module in ("base", "crypto", "json", "ima", "appraise")},
    "unknown": ("tpm rego", "", "0.1", ""),
    "optional": ("tpm", "rego", "0.1", ""),
    "no_boost": ("json", "", "0.1", "set(CMAKE_DISABLE_FIND_PACKAGE_Boost ON)"),
    "no_boost_needed": ("crypto", "", "0.1", "set(CMAKE_DISABLE_FIND_PACKAGE_Boost ON)"),
    **{f"version_{version}": ("base", "", version, "") for version in ("0.1", "0.1.0", "0.0", "0.2", "1.0", "0.1.99")},
}


class Package(InstalledTree):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        tree, project = cls.install("g++"), cls.scratch / "project"
        project.mkdir()
        text = "cmake_minimum_required(VERSION 3.25)\nproject(cases LANGUAGES CXX)\n"
        for name, (components, optional, version, setting) in CASES.items():
            (project / name).mkdir()
            (project / name / "CMakeLists.txt").write_text(
                CASE.format(name=name, components=components, optional=optional, version=version, setting=setting))
            text += f"add_subdirectory({name})\n"
        (project / "CMakeLists.txt").write_text(text)
        done, _ = cls.configure(project, tree, "g++")
        cls.assertEqual(cls(), done.returncode, 0, done.stdout)
        cls.said = done.stdout

    def of(self, name):
        return {line.removeprefix(f"-- {name}: ").strip() for line in self.said.splitlines() if line.startswith(f"-- {name}: ")}

    def test_all_without_components(self):
        self.assertEqual(self.of("all"), {"found=1", "target OpenSSL::Crypto", "target fmt::fmt", "target Boost::json", "target PkgConfig::PCRE2"})

    def test_a_component_needs_only_its_own_libraries(self):
        self.assertEqual(self.of("base"), {"found=1", "component base=TRUE", "target fmt::fmt"})
        self.assertEqual(self.of("crypto"), {"found=1", "component crypto=TRUE", "target fmt::fmt", "target OpenSSL::Crypto"})
        self.assertEqual(self.of("json"), {"found=1", "component json=TRUE", "target fmt::fmt", "target Boost::json"})
        self.assertEqual(self.of("no_boost_needed"), {"found=1", "component crypto=TRUE", "target fmt::fmt", "target OpenSSL::Crypto"})

    def test_a_component_needs_what_those_below_it_need(self):
        # ima uses tpm, and tpm uses json.
        self.assertEqual(self.of("ima"), {"found=1", "component ima=TRUE", "target fmt::fmt", "target OpenSSL::Crypto", "target Boost::json"})
        self.assertIn("target PkgConfig::PCRE2", self.of("appraise"))

    def test_an_unknown_component_is_not_found(self):
        self.assertIn("found=0 limequat has no component 'rego'; it has: base;crypto;json;tpm;ima;eventlog;policy;appraise",
                      self.of("unknown"))

    def test_an_unknown_optional_component_does_no_harm(self):
        self.assertLessEqual({"found=1", "component tpm=TRUE", "component rego=FALSE"}, self.of("optional"))

    def test_a_library_that_is_missing_is_named(self):
        self.assertIn("found=0 limequat could not be found because dependency Boost could not be found.", self.of("no_boost"))
        self.assertIn("found=0 limequat needs PCRE2 (libpcre2-8), and pkg-config does not find it", self.of("no_pcre2"))

    def test_only_versions_of_the_same_minor_number(self):
        found = {name.removeprefix("version_"): "found=1" in self.of(name) for name in CASES if name.startswith("version_")}
        self.assertEqual(found, {"0.1": True, "0.1.0": True, "0.0": False, "0.2": False, "1.0": False, "0.1.99": False})


if __name__ == "__main__":
    unittest.main()
