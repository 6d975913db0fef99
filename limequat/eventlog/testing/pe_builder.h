#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "limequat/base/byte_reader.h"
#include "limequat/base/bytes.h"

namespace limequat::eventlog::testing {

// For tests only: writes PE32+ images, and tells which of their bytes Authenticode hashes.
class PeBuilder {
 public:
  PeBuilder& Section(std::string name, std::string content, std::size_t zeros = 0) {
    sections_.push_back({std::move(name), std::move(content), zeros});
    return *this;
  }
  // Bytes behind the sections that no section holds.
  PeBuilder& Trailing(std::string bytes) {
    trailing_ = std::move(bytes);
    return *this;
  }
  PeBuilder& Certificates(std::string bytes) {
    certificates_ = std::move(bytes);
    return *this;
  }
  PeBuilder& CheckSum(std::uint32_t value) {
    checksum_ = value;
    return *this;
  }

  static constexpr std::size_t kOptional = 0x40 + 24;
  static constexpr std::size_t kOptionalSize = 112 + 8 * 16;
  static constexpr std::size_t kCheckSumAt = kOptional + 64;
  static constexpr std::size_t kDirectoryAt = kOptional + 112 + 8 * 4;
  std::size_t HeaderSize() const { return kOptional + kOptionalSize + 40 * sections_.size(); }

  Bytes File() const {
    ByteWriter out;
    out.Raw(AsBytes(std::string_view("MZ"))).Raw(Bytes(0x3c - 2, 0)).U32Le(0x40);
    out.Raw(AsBytes(std::string_view("PE\0\0", 4))).U16Le(0x8664);
    out.U16Le(static_cast<std::uint16_t>(sections_.size())).Raw(Bytes(12, 0));
    out.U16Le(kOptionalSize).U16Le(0x206);
    out.U16Le(0x20b).Raw(Bytes(58, 0)).U32Le(static_cast<std::uint32_t>(HeaderSize()));
    out.U32Le(checksum_).Raw(Bytes(108 - 68, 0)).U32Le(16);
    out.Raw(Bytes(8 * 4, 0)).U32Le(0).U32Le(static_cast<std::uint32_t>(certificates_.size()));
    out.Raw(Bytes(8 * 11, 0));
    std::size_t at = HeaderSize();
    for (const Part& part : sections_) {
      out.Raw(AsBytes((part.name + std::string(8, '\0')).substr(0, 8)));
      out.U32Le(static_cast<std::uint32_t>(part.content.size() + part.zeros)).U32Le(0x1000);
      out.U32Le(static_cast<std::uint32_t>(part.content.size()));
      out.U32Le(static_cast<std::uint32_t>(at)).Raw(Bytes(16, 0));
      at += part.content.size();
    }
    for (const Part& part : sections_) out.Raw(AsBytes(part.content));
    out.Raw(AsBytes(trailing_)).Raw(AsBytes(certificates_));
    return out.Take();
  }

 private:
  struct Part {
    std::string name;
    std::string content;
    std::size_t zeros;
  };
  std::vector<Part> sections_;
  std::string trailing_;
  std::string certificates_;
  std::uint32_t checksum_ = 0;
};

}  // namespace limequat::eventlog::testing
