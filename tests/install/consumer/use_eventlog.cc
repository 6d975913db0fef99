#include <iostream>

#include "limequat/eventlog/event.h"
#include "limequat/eventlog/log.h"

int main() {
  using namespace limequat;
  const auto log = eventlog::LogReader::Open({});
  std::cout << eventlog::EventTypeName(eventlog::EventType::kSeparator) << ' ' << log.error().id
            << '\n';
}
