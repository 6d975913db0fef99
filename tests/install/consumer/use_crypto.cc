#include <iostream>

#include "limequat/crypto/digest.h"

int main() {
  using namespace limequat;
  std::cout << crypto::Hash(crypto::HashAlgorithm::kSha256, AsBytes("abc")).hex() << '\n';
}
