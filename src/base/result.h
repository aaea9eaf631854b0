// Failure is data: what can fail returns Result<T>.
//
// An Error carries a closed kind (it decides the exit code and whether a retry makes sense), a text for a person
// ("what, on what, why", lower case, no full stop), a hint sentence that says what to do next, a stable id, and
// whether the failed call may have changed the world. A Result that is dropped is a compile error.
#pragma once

#include <cstdint>
#include <expected>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

namespace hf {

enum class ErrorKind : std::uint8_t {
  kFailed,       // the work was tried and did not succeed
  kUsage,        // the caller's words are wrong
  kInvalid,      // input that does not parse or breaks a rule
  kNotFound,     // the thing named is proven absent
  kExists,       // create-if-absent found it there
  kBusy,         // somebody else holds it
  kBlocked,      // a precondition does not hold
  kDenied,       // authentication, permission, wrong key
  kUnavailable,  // the other side does not answer or refuses for now
  kTimeout,      // a deadline passed
  kExhausted,    // disk full, quota, limit reached
  kCorrupt,      // bytes are not what was written
  kUnsupported,  // newer format, missing feature
  kCancelled,    // a stop was asked for
};

std::string_view to_string(ErrorKind kind);

// Did the failed call possibly change the world? A kMaybe is observed again, never blindly repeated.
enum class Effect : std::uint8_t { kNone, kMaybe };

struct Error {
  ErrorKind kind = ErrorKind::kFailed;
  std::string text;
  std::string hint;
  std::string id;      // "HF0123", empty where no stable id exists yet
  std::string object;  // the file, object or server concerned, for machine output
  Effect effect = Effect::kNone;
  std::source_location where = std::source_location::current();

  Error&& with_hint(std::string h) && {
    hint = std::move(h);
    return std::move(*this);
  }
  Error&& with_id(std::string i) && {
    id = std::move(i);
    return std::move(*this);
  }
  Error&& with_object(std::string o) && {
    object = std::move(o);
    return std::move(*this);
  }
  Error&& maybe_happened() && {
    effect = Effect::kMaybe;
    return std::move(*this);
  }
  // Context is added going up: with_context("restoring 'orders' from 4f2a") -> "restoring 'orders' from 4f2a: <text>".
  Error&& with_context(std::string_view context) && {
    text = std::string(context) + ": " + text;
    return std::move(*this);
  }
};

inline Error make_error(ErrorKind kind, std::string text,
                        std::source_location where = std::source_location::current()) {
  Error e;
  e.kind = kind;
  e.text = std::move(text);
  e.where = where;
  return e;
}

template <class T>
class [[nodiscard]] Result : public std::expected<T, Error> {
 public:
  using std::expected<T, Error>::expected;
  Result(Error e) : std::expected<T, Error>(std::unexpect, std::move(e)) {}  // NOLINT: implicit on purpose
};

template <>
class [[nodiscard]] Result<void> : public std::expected<void, Error> {
 public:
  using std::expected<void, Error>::expected;
  Result() = default;
  Result(Error e) : std::expected<void, Error>(std::unexpect, std::move(e)) {}  // NOLINT: implicit on purpose
};

using Status = Result<void>;

inline Status ok() { return Status(); }

// Maps errno of a failed system call on `object`; says what was tried in `doing` ("opening", "syncing").
Error errno_error(int err, std::string_view doing, std::string_view object,
                  std::source_location where = std::source_location::current());

}  // namespace hf

#define HF_CONCAT_INNER(a, b) a##b
#define HF_CONCAT(a, b) HF_CONCAT_INNER(a, b)

// Returns the error upward.
#define HF_TRY(expr)                                                                                                   \
  do {                                                                                                                 \
    if (auto hf_try_result = (expr); !hf_try_result.has_value()) return ::hf::Error(std::move(hf_try_result).error()); \
  } while (false)

// Declares `lhs` with the value, or returns the error upward.
#define HF_ASSIGN(lhs, expr) HF_ASSIGN_INNER(HF_CONCAT(hf_assign_, __LINE__), lhs, expr)
#define HF_ASSIGN_INNER(tmp, lhs, expr)                             \
  auto tmp = (expr);                                                \
  if (!tmp.has_value()) return ::hf::Error(std::move(tmp).error()); \
  lhs = std::move(*tmp)
