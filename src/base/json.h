// A JSON value: what crosses the edges of the program (journal leaves, machine output, provider answers).
// Parsed once at the edge into typed values; objects keep insertion order, canonical output sorts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/result.h"

namespace hf {

class Json {
 public:
  using Array = std::vector<Json>;
  using Member = std::pair<std::string, Json>;
  using Object = std::vector<Member>;

  Json() = default;                                                // null
  Json(bool v) : value_(v) {}                                      // NOLINT: implicit, to write objects as lists
  Json(int v) : value_(std::int64_t{v}) {}                         // NOLINT
  Json(std::int64_t v) : value_(v) {}                              // NOLINT
  Json(std::uint64_t v) : value_(static_cast<std::int64_t>(v)) {}  // NOLINT; REQUIRES: v < 2^63
  Json(std::uint32_t v) : value_(std::int64_t{v}) {}               // NOLINT
  Json(double v) : value_(v) {}                                    // NOLINT; never canonical
  Json(const char* v) : value_(std::string(v)) {}                  // NOLINT
  Json(std::string v) : value_(std::move(v)) {}                    // NOLINT
  Json(std::string_view v) : value_(std::string(v)) {}             // NOLINT
  Json(Array v) : value_(std::move(v)) {}                          // NOLINT
  Json(Object v) : value_(std::move(v)) {}                         // NOLINT

  static Json object() { return Json(Object{}); }
  static Json array() { return Json(Array{}); }

  bool is_null() const { return std::holds_alternative<std::monostate>(value_); }
  bool is_bool() const { return std::holds_alternative<bool>(value_); }
  bool is_int() const { return std::holds_alternative<std::int64_t>(value_); }
  bool is_number() const { return is_int() || std::holds_alternative<double>(value_); }
  bool is_string() const { return std::holds_alternative<std::string>(value_); }
  bool is_array() const { return std::holds_alternative<Array>(value_); }
  bool is_object() const { return std::holds_alternative<Object>(value_); }

  // The value, or the neutral one of that type where the type is another.
  bool as_bool() const;
  std::int64_t as_int() const;
  double as_double() const;
  const std::string& as_string() const;
  const Array& items() const;
  const Object& members() const;

  const Json* find(std::string_view key) const;        // nullptr if absent or not an object
  const Json& operator[](std::string_view key) const;  // null value if absent
  Json& set(std::string_view key, Json value);         // replaces or appends; makes a null an object; returns *this
  Json& push(Json value);                              // makes a null an array; returns *this

  friend bool operator==(const Json&, const Json&) = default;

 private:
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Array, Object> value_;
};

// Strict RFC 8259: duplicate keys, trailing text, depth over 64 and integers outside int64 are errors.
Result<Json> parse_json(std::string_view text);
// One line, members in insertion order. Strings that are not UTF-8 get U+FFFD.
std::string dump_json(const Json& value);
std::string dump_json_pretty(const Json& value);  // two blanks of indent, for people
// RFC 8785 (JCS) without floats: members sorted, integers within +-2^53; anything else is an error.
Result<std::string> canonical_json(const Json& value);

}  // namespace hf
