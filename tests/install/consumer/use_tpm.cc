#include <iostream>

#include "limequat/tpm/attest.h"
#include "limequat/tpm/pcr.h"

int main() {
  const auto pcrs = limequat::tpm::ParsePcrList("0-7,10");
  const auto quote = limequat::tpm::ParseQuoteAttest({});
  std::cout << pcrs->size() << ' ' << quote.error().id << '\n';
}
