#include "limequat/base/error.h"

namespace limequat {

std::string_view ErrorCodeName(ErrorCode code) {
  switch (code) {
    case ErrorCode::kMalformed:
      return "malformed";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kUntrusted:
      return "untrusted";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kConflict:
      return "conflict";
    case ErrorCode::kPermissionDenied:
      return "permission_denied";
    case ErrorCode::kUnavailable:
      return "unavailable";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "internal";
}

int ExitStatus(ErrorCode code) {
  switch (code) {
    case ErrorCode::kMalformed:
    case ErrorCode::kUnsupported:
      return 3;
    case ErrorCode::kUntrusted:
    case ErrorCode::kConflict:
      return 1;
    case ErrorCode::kNotFound:
      return 4;
    case ErrorCode::kPermissionDenied:
      return 5;
    case ErrorCode::kUnavailable:
      return 6;
    case ErrorCode::kInternal:
      return 70;
  }
  return 70;
}

Error Error::In(std::string_view context) && {
  message.insert(0, ": ");
  message.insert(0, context);
  return std::move(*this);
}

namespace {
Error Make(ErrorCode code, std::string_view id, std::string message) {
  return Error{.code = code, .id = std::string(id), .message = std::move(message)};
}
}  // namespace

Error Malformed(std::string_view id, std::string message) {
  return Make(ErrorCode::kMalformed, id, std::move(message));
}
Error Unsupported(std::string_view id, std::string message) {
  return Make(ErrorCode::kUnsupported, id, std::move(message));
}
Error Untrusted(std::string_view id, std::string message) {
  return Make(ErrorCode::kUntrusted, id, std::move(message));
}
Error NotFound(std::string_view id, std::string message) {
  return Make(ErrorCode::kNotFound, id, std::move(message));
}
Error Conflict(std::string_view id, std::string message) {
  return Make(ErrorCode::kConflict, id, std::move(message));
}
Error PermissionDenied(std::string_view id, std::string message) {
  return Make(ErrorCode::kPermissionDenied, id, std::move(message));
}
Error Unavailable(std::string_view id, std::string message) {
  return Make(ErrorCode::kUnavailable, id, std::move(message));
}
Error Internal(std::string_view id, std::string message) {
  return Make(ErrorCode::kInternal, id, std::move(message));
}

}  // namespace limequat
