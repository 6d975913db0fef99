#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include <sys/types.h>

#include "limequat/base/result.h"

namespace limequat::device {

// A TPM in software (swtpm) on the loopback, with a fresh seed, without a resource
// manager and with three slots for transient objects. For tests.
class SwTpm {
 public:
  // kNotFound if swtpm is not installed: the test is then skipped with this reason.
  static Result<std::unique_ptr<SwTpm>> Start();
  ~SwTpm();

  // For Tpm::Open.
  std::string tcti() const;
  // A power cycle: the same TPM, one reset later.
  Status Reboot();
  // A reset that nobody follows up with TPM2_Startup: every command is refused by the
  // TPM itself, while its connections last.
  Status ResetWithoutStartup();
  void Stop();
  // After Stop, at the same address: another power cycle.
  Status Resume() { return Launch(); }

 private:
  SwTpm() = default;
  void HoldPorts();
  void ReleasePorts();
  Status Launch();
  std::string folder_;
  std::uint16_t port_ = 0;
  // Bound to the port and the next one without listening: swtpm can listen there, and nobody
  // else is given them while it does not.
  std::array<int, 2> held_ = {-1, -1};
  pid_t process_ = -1;
};

}  // namespace limequat::device
