#include <algorithm>
#include <limits>

#include <fmt/format.h>

#include "limequat/base/check.h"
#include "limequat/crypto/openssl_internal.h"

namespace limequat::crypto {

namespace {

template <class T>
struct OpensslFree {
  void operator()(T* pointer) const { OPENSSL_free(pointer); }
};
using OpensslText = std::unique_ptr<char, OpensslFree<char>>;
using OpensslBytes = std::unique_ptr<unsigned char, OpensslFree<unsigned char>>;

}  // namespace

PemBlocks::PemBlocks(std::string_view text) {
  // More than a memory BIO addresses is no PEM: read nothing of it.
  if (text.size() > std::numeric_limits<int>::max()) text = {};
  bio_.reset(BIO_new_mem_buf(text.empty() ? "" : text.data(), static_cast<int>(text.size())));
  LQ_CHECK(bio_ != nullptr);
}

PemBlocks::Step PemBlocks::Next(PemBlock& block) {
  const ErrorQueueScope scope;
  char* label = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
  const int read = PEM_read_bio(bio_.get(), &label, &header, &data, &size);
  const OpensslText label_owner(label);
  const OpensslText header_owner(header);
  const OpensslBytes data_owner(data);
  if (read != 1) {
    return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE ? Step::kEnd
                                                                        : Step::kDamaged;
  }
  block.label = label;
  block.encrypted = header != nullptr && *header != '\0';
  block.der.assign(data, data + size);
  OPENSSL_cleanse(data, static_cast<std::size_t>(size));
  return Step::kBlock;
}

bool PemBlocks::OnlyBlanksLeft() const {
  char* left = nullptr;
  const long size = BIO_get_mem_data(bio_.get(), &left);
  return std::all_of(left, left + size,
                     [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; });
}

std::string PemText(const char* label, ByteView der) {
  const BioPtr bio(BIO_new(BIO_s_mem()));
  LQ_CHECK(bio != nullptr);
  LQ_CHECK(PEM_write_bio(bio.get(), label, "", der.data(), static_cast<long>(der.size())) > 0);
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  std::string copy(text, static_cast<std::size_t>(size));
  OPENSSL_cleanse(text, static_cast<std::size_t>(size));
  return copy;
}

}  // namespace limequat::crypto
