#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace limequat {

// What the caller can do about an Error. Eight codes, no more: a code answers
// "what now?", the identifier and the message answer "what happened?".
enum class ErrorCode {
  kMalformed,         // the bytes are not what they claim to be; asking again will not help
  kUnsupported,       // well-formed, but of a kind this version does not handle
  kUntrusted,         // well-formed, but nothing vouches for it
  kNotFound,          // the named thing does not exist
  kConflict,          // the request contradicts what is stored
  kPermissionDenied,  // the caller may not do this
  kUnavailable,       // the other side or the device does not answer; may be retried
  kInternal,          // a defect of this program or a broken environment
};

// Name of `code` as it appears in logs and JSON, for example "malformed".
std::string_view ErrorCodeName(ErrorCode code);

// Exit status of a program that ends because of `code` (docs: the command-line contract).
int ExitStatus(ErrorCode code);

// Why something could not be done. An Error is never a verdict about a machine:
// a check that ran and failed is a Finding.
struct Error {
  ErrorCode code = ErrorCode::kInternal;
  // Stable, dotted, lower-case: "tpm.attest.magic". Operators search for it.
  std::string id;
  // One sentence for people: got, expected, where. May quote hostile input only
  // through EscapeForDisplay.
  std::string message;

  // The same error with "context: " in front of its message.
  Error In(std::string_view context) &&;
};

// An Error of that code; the comment of ErrorCode says which one fits.
Error Malformed(std::string_view id, std::string message);
Error Unsupported(std::string_view id, std::string message);
Error Untrusted(std::string_view id, std::string message);
Error NotFound(std::string_view id, std::string message);
Error Conflict(std::string_view id, std::string message);
Error PermissionDenied(std::string_view id, std::string message);
Error Unavailable(std::string_view id, std::string message);
Error Internal(std::string_view id, std::string message);

}  // namespace limequat
