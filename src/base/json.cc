#include "base/json.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/text.h"

namespace hf {

namespace {

const std::string kEmptyString;
const Json::Array kEmptyArray;
const Json::Object kEmptyObject;
const Json kNull;
constexpr int kMaxDepth = 64;

// Builds a Json from parser events; the only place that sees the parser library.
class Builder final : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return put(Json()); }
  bool boolean(bool v) override { return put(Json(v)); }
  bool number_integer(number_integer_t v) override { return put(Json(static_cast<std::int64_t>(v))); }
  bool number_unsigned(number_unsigned_t v) override {
    if (v > static_cast<number_unsigned_t>(INT64_MAX)) return fail("an integer is over 2^63");
    return put(Json(static_cast<std::int64_t>(v)));
  }
  bool number_float(number_float_t v, const string_t&) override { return put(Json(v)); }
  bool string(string_t& v) override { return put(Json(std::move(v))); }
  bool binary(binary_t&) override { return fail("binary value"); }
  bool start_object(std::size_t) override { return open(Json::object()); }
  bool start_array(std::size_t) override { return open(Json::array()); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& v) override {
    if (stack_.back().value.find(v) != nullptr) return fail("the key '" + v + "' stands twice");
    stack_.back().key = v;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::detail::exception& e) override {
    return fail("at byte " + std::to_string(position) + ": " + e.what());
  }
  Json take() { return std::move(root_); }
  const std::string& why() const { return why_; }

 private:
  struct Level {
    Json value;
    std::string key;
  };
  bool fail(std::string why) {
    why_ = std::move(why);
    return false;
  }
  bool open(Json v) {
    if (stack_.size() >= kMaxDepth) return fail("nested deeper than 64 levels");
    stack_.push_back({std::move(v), {}});
    return true;
  }
  bool close() {
    Json v = std::move(stack_.back().value);
    stack_.pop_back();
    return put(std::move(v));
  }
  bool put(Json v) {
    if (stack_.empty())
      root_ = std::move(v);
    else if (stack_.back().value.is_array())
      stack_.back().value.push(std::move(v));
    else
      stack_.back().value.set(stack_.back().key, std::move(v));
    return true;
  }
  std::vector<Level> stack_;
  Json root_;
  std::string why_;
};

bool write_string(std::string& out, std::string_view s) {
  bool valid = true;
  out.push_back('"');
  for (std::size_t i = 0; i < s.size();) {
    unsigned char c = static_cast<unsigned char>(s[i]);
    std::size_t n = utf8_length(s, i);
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(static_cast<char>(c));
    } else if (c == '\n')
      out += "\\n";
    else if (c == '\t')
      out += "\\t";
    else if (c == '\r')
      out += "\\r";
    else if (c == '\b')
      out += "\\b";
    else if (c == '\f')
      out += "\\f";
    else if (c < 0x20) {
      char buf[8];
      std::snprintf(buf, sizeof buf, "\\u%04x", c);
      out += buf;
    } else if (n == 0) {
      out += "\xef\xbf\xbd";
      valid = false;
      n = 1;
    } else
      out.append(s.substr(i, n));
    i += n;
  }
  out.push_back('"');
  return valid;
}

void write_number(std::string& out, double v) {
  if (!std::isfinite(v)) {
    out += "null";
    return;
  }
  char buf[40];
  std::snprintf(buf, sizeof buf, "%.15g", v);
  if (std::strtod(buf, nullptr) != v) std::snprintf(buf, sizeof buf, "%.17g", v);
  out += buf;
}

struct Style {
  bool sorted = false;
  bool pretty = false;
};

void new_line(std::string& out, Style style, int depth) {
  if (style.pretty) {
    out.push_back('\n');
    out.append(static_cast<std::size_t>(depth) * 2, ' ');
  }
}

// Writes `v`; false if it has no canonical form.
bool write(std::string& out, const Json& v, Style style, int depth) {
  bool canonical = true;
  if (v.is_null())
    out += "null";
  else if (v.is_bool())
    out += v.as_bool() ? "true" : "false";
  else if (v.is_int()) {
    out += std::to_string(v.as_int());
    canonical = std::llabs(v.as_int()) <= (std::int64_t{1} << 53);
  } else if (v.is_number()) {
    write_number(out, v.as_double());
    canonical = false;
  } else if (v.is_string())
    canonical = write_string(out, v.as_string());
  else if (v.is_array()) {
    out.push_back('[');
    for (std::size_t i = 0; i < v.items().size(); ++i) {
      if (i > 0) out.push_back(',');
      new_line(out, style, depth + 1);
      canonical &= write(out, v.items()[i], style, depth + 1);
    }
    if (!v.items().empty()) new_line(out, style, depth);
    out.push_back(']');
  } else {
    std::vector<const Json::Member*> members;
    for (const Json::Member& m : v.members()) members.push_back(&m);
    // Keys of ours are ASCII, where the order of bytes is the order of UTF-16 units that RFC 8785 asks for.
    if (style.sorted) std::sort(members.begin(), members.end(), [](auto* a, auto* b) { return a->first < b->first; });
    out.push_back('{');
    for (std::size_t i = 0; i < members.size(); ++i) {
      if (i > 0) out.push_back(',');
      new_line(out, style, depth + 1);
      canonical &= write_string(out, members[i]->first);
      out += style.pretty ? ": " : ":";
      canonical &= write(out, members[i]->second, style, depth + 1);
    }
    if (!members.empty()) new_line(out, style, depth);
    out.push_back('}');
  }
  return canonical;
}

}  // namespace

bool Json::as_bool() const { return is_bool() && std::get<bool>(value_); }
std::int64_t Json::as_int() const {
  if (is_int()) return std::get<std::int64_t>(value_);
  return 0;
}
double Json::as_double() const {
  if (is_int()) return static_cast<double>(std::get<std::int64_t>(value_));
  return std::holds_alternative<double>(value_) ? std::get<double>(value_) : 0.0;
}
const std::string& Json::as_string() const { return is_string() ? std::get<std::string>(value_) : kEmptyString; }
const Json::Array& Json::items() const { return is_array() ? std::get<Array>(value_) : kEmptyArray; }
const Json::Object& Json::members() const { return is_object() ? std::get<Object>(value_) : kEmptyObject; }

const Json* Json::find(std::string_view key) const {
  for (const Member& m : members())
    if (m.first == key) return &m.second;
  return nullptr;
}

const Json& Json::operator[](std::string_view key) const {
  const Json* v = find(key);
  return v != nullptr ? *v : kNull;
}

Json& Json::set(std::string_view key, Json value) {
  if (!is_object()) value_ = Object{};
  auto& members = std::get<Object>(value_);
  for (Member& m : members) {
    if (m.first == key) {
      m.second = std::move(value);
      return *this;
    }
  }
  members.emplace_back(std::string(key), std::move(value));
  return *this;
}

Json& Json::push(Json value) {
  if (!is_array()) value_ = Array{};
  std::get<Array>(value_).push_back(std::move(value));
  return *this;
}

Result<Json> parse_json(std::string_view text) {
  Builder builder;
  bool done = nlohmann::json::sax_parse(text.begin(), text.end(), &builder);
  if (!done) return make_error(ErrorKind::kInvalid, "not valid JSON: " + builder.why());
  return builder.take();
}

std::string dump_json(const Json& value) {
  std::string out;
  write(out, value, {}, 0);
  return out;
}

std::string dump_json_pretty(const Json& value) {
  std::string out;
  write(out, value, {.sorted = false, .pretty = true}, 0);
  return out;
}

Result<std::string> canonical_json(const Json& value) {
  std::string out;
  if (!write(out, value, {.sorted = true, .pretty = false}, 0))
    return make_error(ErrorKind::kInvalid,
                      "value has no canonical JSON form (a float, an integer over 2^53, or text that is not UTF-8)");
  return out;
}

}  // namespace hf
