#include <iostream>

#include "limequat/json/value.h"

int main() {
  const auto value = limequat::json::Parse(R"({"b": [1, 2.5], "a": "x"})");
  const auto twice = limequat::json::Parse(R"({"a": 1, "a": 2})");
  std::cout << limequat::json::Serialize(*value) << ' ' << twice.error().id << '\n';
}
