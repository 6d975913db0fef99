#include <iostream>

#include "limequat/appraise/appraisal.h"

int main() {
  using namespace limequat;
  appraise::Appraisal appraisal;
  appraise::Add(appraisal, Passed("tpm.quote.signature"));
  std::cout << appraise::VerdictName(appraise::Appraisal().verdict()) << ' '
            << appraise::VerdictName(appraisal.verdict()) << '\n';
}
