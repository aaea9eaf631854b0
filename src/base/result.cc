#include "base/result.h"

#include <cerrno>
#include <cstring>

namespace hf {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::kFailed:
      return "failed";
    case ErrorKind::kUsage:
      return "usage";
    case ErrorKind::kInvalid:
      return "invalid";
    case ErrorKind::kNotFound:
      return "not_found";
    case ErrorKind::kExists:
      return "exists";
    case ErrorKind::kBusy:
      return "busy";
    case ErrorKind::kBlocked:
      return "blocked";
    case ErrorKind::kDenied:
      return "denied";
    case ErrorKind::kUnavailable:
      return "unavailable";
    case ErrorKind::kTimeout:
      return "timeout";
    case ErrorKind::kExhausted:
      return "exhausted";
    case ErrorKind::kCorrupt:
      return "corrupt";
    case ErrorKind::kUnsupported:
      return "unsupported";
    case ErrorKind::kCancelled:
      return "cancelled";
  }
  return "failed";
}

namespace {

ErrorKind kind_of_errno(int err) {
  switch (err) {
    case ENOENT:
    case ENOTDIR:
      return ErrorKind::kNotFound;
    case EEXIST:
      return ErrorKind::kExists;
    case EACCES:
    case EPERM:
      return ErrorKind::kDenied;
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return ErrorKind::kExhausted;
    case EAGAIN:
    case EBUSY:
      return ErrorKind::kBusy;
    case ETIMEDOUT:
      return ErrorKind::kTimeout;
    case ECONNREFUSED:
    case ECONNRESET:
    case ENETUNREACH:
    case EHOSTUNREACH:
      return ErrorKind::kUnavailable;
    default:
      return ErrorKind::kFailed;
  }
}

}  // namespace

Error errno_error(int err, std::string_view doing, std::string_view object, std::source_location where) {
  Error e =
      make_error(kind_of_errno(err), std::string(doing) + " " + std::string(object) + ": " + std::strerror(err), where);
  e.object = object;
  if (err == EFBIG) e.hint = "Raise the limit on the size of files (ulimit -f), then run the same command again.";
  if (err == ENOSPC || err == EDQUOT) e.hint = "Free space on that file system, then run the same command again.";
  return e;
}

}  // namespace hf
