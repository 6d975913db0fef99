#include <iostream>

#include "limequat/ima/list.h"

int main() {
  using namespace limequat;
  const std::string_view list =
      "10 0000000000000000000000000000000000000000 ima-ng "
      "sha1:0000000000000000000000000000000000000000 /usr/bin/true\n";
  ima::ListReader reader(AsBytes(list), ima::DetectFormat(AsBytes(list)));
  const auto entry = reader.Next();
  std::cout << (*entry)->path << ' ' << (*reader.Next() ? "more" : "end") << '\n';
}
