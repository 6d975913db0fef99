#include <iostream>

#include "limequat/base/encoding.h"
#include "limequat/base/error.h"

int main() {
  const auto bytes = limequat::HexDecode("6c696d65");
  const auto bad = limequat::HexDecode("6c6");
  std::cout << limequat::AsText(*bytes) << ' ' << limequat::ErrorCodeName(bad.error().code) << '\n';
}
