#include "limequat/device/swtpm_for_test.h"

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "limequat/base/result_macros.h"

namespace limequat::device {

namespace {

constexpr auto kStartTime = std::chrono::seconds(20);

sockaddr_in Loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

// A socket that is bound to a port, 0 for any, or -1 if the port is somebody's.
int Hold(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(port);
  const auto* generic = static_cast<const sockaddr*>(static_cast<const void*>(&address));
  if (::bind(socket, generic, sizeof address) != 0) {
    ::close(socket);
    return -1;
  }
  // It lets swtpm, which sets it too, listen here. Before bind it would let two tests hold one
  // port.
  const int yes = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  return socket;
}

std::uint16_t PortOf(int socket) {
  sockaddr_in address{};
  socklen_t size = sizeof address;
  ::getsockname(socket, static_cast<sockaddr*>(static_cast<void*>(&address)), &size);
  return ntohs(address.sin_port);
}

// Whether `process` itself listens on the port. That somebody accepts a connection there
// says little: another test may have been given the port in between.
bool Listens(pid_t process, std::uint16_t port) {
  constexpr std::string_view kListening = "0A";
  const std::string address = fmt::format("0100007F:{:04X}", port);
  std::string socket;
  std::ifstream table("/proc/net/tcp");
  for (std::string line; std::getline(table, line);) {
    std::istringstream fields(line);
    std::string number, local, remote, state, queues, timer, retransmits, user, timeout, inode;
    fields >> number >> local >> remote >> state >> queues >> timer >> retransmits >> user >>
        timeout >> inode;
    if (local == address && state == kListening) socket = "socket:[" + inode + "]";
  }
  if (socket.empty()) return false;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(fmt::format("/proc/{}/fd", process), error)) {
    if (std::filesystem::read_symlink(entry.path(), error) == socket) return true;
  }
  return false;
}

pid_t Spawn(const std::vector<std::string>& arguments, const std::string& log) {
  std::vector<char*> pointers;
  for (const std::string& argument : arguments)
    pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child != 0) return child;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  const int output = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  ::execvp(pointers.front(), pointers.data());
  ::_exit(127);
}

}  // namespace

Result<std::unique_ptr<SwTpm>> SwTpm::Start() {
  std::unique_ptr<SwTpm> tpm(new SwTpm());
  std::string pattern = (std::filesystem::temp_directory_path() / "limequat-swtpm-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) return Internal("test.swtpm", "no temporary folder");
  tpm->folder_ = pattern;
  tpm->HoldPorts();
  LQ_RETURN_IF_ERROR(tpm->Launch());
  return tpm;
}

SwTpm::~SwTpm() {
  Stop();
  ReleasePorts();
  if (!folder_.empty()) std::filesystem::remove_all(folder_);
}

std::string SwTpm::tcti() const { return fmt::format("swtpm:host=127.0.0.1,port={}", port_); }

Status SwTpm::Reboot() {
  Stop();
  return Launch();
}

Status SwTpm::ResetWithoutStartup() {
  // CMD_INIT of swtpm's control channel, without flags; its answer is a result, 0 if good.
  constexpr std::array<std::uint8_t, 8> kInit = {0, 0, 0, 2, 0, 0, 0, 0};
  std::array<std::uint8_t, 4> result = {0xff, 0xff, 0xff, 0xff};
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = Loopback(static_cast<std::uint16_t>(port_ + 1));
  const auto* generic = static_cast<const sockaddr*>(static_cast<const void*>(&address));
  const bool answered =
      ::connect(socket, generic, sizeof address) == 0 &&
      ::send(socket, kInit.data(), kInit.size(), MSG_NOSIGNAL) == ssize_t{kInit.size()} &&
      ::recv(socket, result.data(), result.size(), MSG_WAITALL) == ssize_t{result.size()};
  ::close(socket);
  if (!answered || result != std::array<std::uint8_t, 4>{}) {
    return Internal("test.swtpm", "swtpm does not reset its TPM");
  }
  return {};
}

void SwTpm::Stop() {
  if (process_ <= 0) return;
  ::kill(process_, SIGTERM);
  ::waitpid(process_, nullptr, 0);
  process_ = -1;
}

// The TCTI takes the control channel to be one port above.
void SwTpm::HoldPorts() {
  while (held_[1] < 0) {
    ReleasePorts();
    held_[0] = Hold(0);
    port_ = PortOf(held_[0]);
    if (port_ != 0 && port_ < 65535) held_[1] = Hold(static_cast<std::uint16_t>(port_ + 1));
  }
}

void SwTpm::ReleasePorts() {
  for (int& socket : held_) {
    if (socket >= 0) ::close(socket);
    socket = -1;
  }
}

Status SwTpm::Launch() {
  process_ = Spawn({"swtpm", "socket", "--tpm2", "--tpmstate", "dir=" + folder_, "--server",
                    fmt::format("type=tcp,port={},bindaddr=127.0.0.1", port_), "--ctrl",
                    fmt::format("type=tcp,port={},bindaddr=127.0.0.1", port_ + 1), "--flags",
                    "not-need-init,startup-clear"},
                   folder_ + "/log");
  const auto end = std::chrono::steady_clock::now() + kStartTime;
  int status = 0;
  while (::waitpid(process_, &status, WNOHANG) == 0) {
    if (Listens(process_, port_) && Listens(process_, static_cast<std::uint16_t>(port_ + 1)))
      return {};
    if (std::chrono::steady_clock::now() > end) {
      Stop();
      return Internal("test.swtpm", "swtpm does not listen");
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  process_ = -1;
  if (WIFEXITED(status) && WEXITSTATUS(status) == 127) {
    return NotFound("test.swtpm", "swtpm is not installed");
  }
  return Internal("test.swtpm", "swtpm does not start");
}

}  // namespace limequat::device
