// One list of fields gives a typed body both directions: struct -> JSON, and JSON -> struct.
//
// A body declares  template <class Self, class V> static void visit(Self& s, V& v)  and calls v("name",
// s.field) for what must be there, v.optional("name", s.field) for what is left out when it holds its neutral
// value. Forms: signed integers as integers; std::uint64_t as a decimal string (it may pass 2^53); Micros as
// an integer under a name ending in "_us"; WallTime as RFC 3339; Lsn as "16/B374D848"; enums by their names.
// Unknown members are ignored.
#pragma once

#include <charconv>
#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/lsn.h"
#include "base/result.h"
#include "base/time.h"

namespace hf::record {

// An enum whose names are found by argument-dependent lookup: constexpr auto enum_names(E) -> array of
// string_view.
template <class E>
concept NamedEnum = std::is_enum_v<E> && requires(E e) { enum_names(e); };

template <NamedEnum E>
std::string_view to_string(E e) { return enum_names(e)[static_cast<std::size_t>(e)]; }

template <NamedEnum E>
std::optional<E> enum_of(std::string_view name) {
  constexpr auto names = enum_names(E{});
  for (std::size_t i = 0; i < names.size(); ++i)
    if (names[i] == name) return static_cast<E>(i);
  return std::nullopt;
}

template <class T>
struct is_vector : std::false_type {};
template <class T>
struct is_vector<std::vector<T>> : std::true_type {};
template <class T>
struct is_optional : std::false_type {};
template <class T>
struct is_optional<std::optional<T>> : std::true_type {};

template <class T>
Json field_to_json(const T& value);
template <class T>
Status field_from_json(const Json& json, T& value);

class FieldWriter {
 public:
  template <class T>
  void operator()(std::string_view name, const T& value) { out_.set(name, field_to_json(value)); }
  template <class T>
  void optional(std::string_view name, const T& value) {
    if (!neutral(value)) (*this)(name, value);
  }
  Json take() { return std::move(out_); }

 private:
  template <class T>
  static bool neutral(const T& value) {
    if constexpr (std::is_same_v<T, Json>) return value.is_null() || value == Json::object();
    else return value == T{};
  }
  Json out_ = Json::object();
};

// Keeps the first error; after it, does nothing.
class FieldReader {
 public:
  explicit FieldReader(const Json& in) : in_(in) {}
  template <class T>
  void operator()(std::string_view name, T& value) { read(name, value, true); }
  template <class T>
  void optional(std::string_view name, T& value) { read(name, value, false); }
  Status status() const {
    if (error_) return Error(*error_);
    return ok();
  }

 private:
  template <class T>
  void read(std::string_view name, T& value, bool required) {
    if (error_) return;
    const Json* found = in_.find(name);
    if (found == nullptr) {
      if (required) error_ = make_error(ErrorKind::kInvalid, "field '" + std::string(name) + "' is missing");
      return;
    }
    if (Status s = field_from_json(*found, value); !s)
      error_ = std::move(s).error().with_context("field '" + std::string(name) + "'");
  }

  const Json& in_;
  std::optional<Error> error_;
};

template <class T>
Json field_to_json(const T& value) {
  if constexpr (std::is_same_v<T, Json> || std::is_same_v<T, std::string> || std::is_same_v<T, bool>)
    return Json(value);
  else if constexpr (std::is_same_v<T, std::uint64_t>) return Json(std::to_string(value));
  else if constexpr (std::is_integral_v<T>) return Json(static_cast<std::int64_t>(value));
  else if constexpr (std::is_same_v<T, Micros>) return Json(static_cast<std::int64_t>(value.count()));
  else if constexpr (std::is_same_v<T, WallTime>) return Json(format_time(value));
  else if constexpr (std::is_same_v<T, Lsn>) return Json(format_lsn(value));
  else if constexpr (NamedEnum<T>) return Json(to_string(value));
  else if constexpr (is_optional<T>::value) return value ? field_to_json(*value) : Json();
  else if constexpr (is_vector<T>::value) {
    Json out = Json::array();
    for (const auto& item : value) out.push(field_to_json(item));
    return out;
  } else {
    FieldWriter writer;
    T::visit(value, writer);
    return writer.take();
  }
}

inline Status wrong_field(std::string_view wanted) {
  return make_error(ErrorKind::kInvalid, "is not " + std::string(wanted));
}

// A decimal string without sign, blanks or leading zeros: one number has one form.
inline Status count_from_json(const Json& json, std::uint64_t& value) {
  const std::string& text = json.as_string();
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!json.is_string() || error != std::errc{} || end != text.data() + text.size() ||
      std::to_string(value) != text)
    return wrong_field("a decimal number in a string");
  return ok();
}

template <class T>
Status field_from_json(const Json& json, T& value) {
  if constexpr (std::is_same_v<T, Json>) value = json;
  else if constexpr (std::is_same_v<T, std::string>) {
    if (!json.is_string()) return wrong_field("a text");
    value = json.as_string();
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!json.is_bool()) return wrong_field("true or false");
    value = json.as_bool();
  } else if constexpr (std::is_same_v<T, std::uint64_t>) {
    return count_from_json(json, value);
  } else if constexpr (std::is_integral_v<T>) {
    if (!json.is_int() || !std::in_range<T>(json.as_int())) return wrong_field("an integer in range");
    value = static_cast<T>(json.as_int());
  } else if constexpr (std::is_same_v<T, Micros>) {
    if (!json.is_int()) return wrong_field("an integer of microseconds");
    value = Micros(json.as_int());
  } else if constexpr (std::is_same_v<T, WallTime>) {
    if (!json.is_string()) return wrong_field("a time");
    HF_ASSIGN(value, parse_time(json.as_string()));
  } else if constexpr (std::is_same_v<T, Lsn>) {
    if (!json.is_string()) return wrong_field("a log sequence number");
    HF_ASSIGN(value, parse_lsn(json.as_string()));
  } else if constexpr (NamedEnum<T>) {
    auto named = enum_of<T>(json.as_string());
    if (!named) return wrong_field("a name that is known here");
    value = *named;
  } else if constexpr (is_optional<T>::value) {
    return field_from_json(json, value.emplace());
  } else if constexpr (is_vector<T>::value) {
    if (!json.is_array()) return wrong_field("a list");
    for (const Json& item : json.items()) HF_TRY(field_from_json(item, value.emplace_back()));
  } else {
    if (!json.is_object()) return wrong_field("an object");
    FieldReader reader(json);
    T::visit(value, reader);
    return reader.status();
  }
  return ok();
}

template <class Body>
Json to_body(const Body& body) { return field_to_json(body); }

template <class Body>
Result<Body> from_body(const Json& json) {
  Body body;
  HF_TRY(field_from_json(json, body));
  return body;
}

}  // namespace hf::record
