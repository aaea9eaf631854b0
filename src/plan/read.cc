// Scalars: one text form each, with a finding that says what is wrong and how to write it.
#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "plan/codec.h"
#include "plan/suggest.h"

namespace hf::plan {
namespace {

constexpr int kMaxInteger = 1'000'000;
constexpr Micros kMaxDuration = std::chrono::hours(24 * 365 * 100);

const Type& scalar_type(const Field& field) {
  return field.type.element.empty() ? field.type : field.type.element[0];
}

bool is_bare_number(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789.") == std::string_view::npos;
}

// Words and numbers that YAML 1.1 and 1.2 read differently.
bool is_ambiguous(std::string_view text) {
  std::string low(text);
  std::ranges::transform(low, low.begin(),
                         [](unsigned char c) { return static_cast<char>(c | (c >= 'A' && c <= 'Z' ? 32 : 0)); });
  for (std::string_view word : {"yes", "no", "on", "off", "y", "n"}) {
    if (low == word) return true;
  }
  if (low.size() < 2 || low[0] != '0') return false;
  bool digits = low.find_first_not_of("0123456789") == std::string::npos;
  return digits || low.starts_with("0x") || low.starts_with("0o") || low.starts_with("0b");
}

std::string shape_hint(const Field& field) {
  std::string hint = "A " + std::string(to_string(scalar_type(field).shape)) + " is expected";
  return field.note.example.empty() ? hint + "." : hint + ", for example: " + field.name + ": " + field.note.example;
}

std::optional<int> two_digits(std::string_view text) {
  const auto value = parse_whole<std::uint8_t>(text);
  return text.size() == 2 ? value : std::nullopt;
}

// "3800 USD/month", "0.05 EUR/hour".
std::optional<Money> parse_money(std::string_view text) {
  constexpr std::size_t kMostDigits = 9;  // of the whole units
  const std::size_t space = text.find(' '), slash = text.find('/');
  if (space == std::string_view::npos || slash != space + 4) return std::nullopt;
  const std::string_view amount = text.substr(0, space), currency = text.substr(space + 1, 3), per = text.substr(slash + 1);
  const std::size_t point = amount.find('.');
  const auto units = parse_whole<std::uint32_t>(amount.substr(0, point));
  const auto cents = point == std::string_view::npos ? std::optional(0) : two_digits(amount.substr(point + 1));
  if (!units || std::min(point, amount.size()) > kMostDigits || !cents) return std::nullopt;
  if (!std::ranges::all_of(currency, [](char c) { return c >= 'A' && c <= 'Z'; })) return std::nullopt;
  if (per != "month" && per != "year" && per != "hour" && per != "day") return std::nullopt;
  return Money{std::int64_t{*units} * 100 + *cents, std::string(currency), std::string(per)};
}

bool is_zone(std::string_view zone) {
  if (zone == "UTC") return true;
  if (zone.find('/') == std::string_view::npos || zone.front() == '/' || zone.back() == '/') return false;
  return std::ranges::all_of(zone, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '/' || c == '_' || c == '-' || c == '+';
  });
}

std::optional<ClockTime> parse_clock(std::string_view text) {
  static constexpr std::string_view kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  ClockTime t;
  if (text.size() > 4 && text[3] == ' ') {
    const auto* day = std::ranges::find(kDays, text.substr(0, 3));
    if (day == std::end(kDays)) return std::nullopt;
    t.weekday = static_cast<int>(day - std::begin(kDays));
    text.remove_prefix(4);
  }
  if (text.size() < 7 || text[2] != ':' || text[5] != ' ') return std::nullopt;
  auto hour = two_digits(text.substr(0, 2));
  auto minute = two_digits(text.substr(3, 2));
  if (!hour || !minute || *hour > 23 || *minute > 59 || !is_zone(text.substr(6))) return std::nullopt;
  t.hour = *hour;
  t.minute = *minute;
  t.zone = std::string(text.substr(6));
  return t;
}

// "scheme://user:password@host", "password=..." as keyword or URL parameter.
bool has_password(std::string_view dsn) {
  std::size_t scheme = dsn.find("://");
  if (scheme != std::string_view::npos) {
    std::string_view rest = dsn.substr(scheme + 3);
    std::string_view authority = rest.substr(0, rest.find_first_of("/?"));
    std::size_t at = authority.rfind('@');
    if (at != std::string_view::npos && authority.substr(0, at).find(':') != std::string_view::npos) return true;
  }
  for (std::size_t at = dsn.find("password"); at != std::string_view::npos; at = dsn.find("password", at + 1)) {
    bool begins = at == 0 || dsn[at - 1] == ' ' || dsn[at - 1] == '?' || dsn[at - 1] == '&';
    std::size_t after = dsn.find_first_not_of(' ', at + 8);
    if (begins && after != std::string_view::npos && dsn[after] == '=') return true;
  }
  return false;
}

Place at_path(Place place, const std::string& path) {
  place.path = path;
  return place;
}

}  // namespace

void read_value(Reader& r, const Node& node, const std::string& path, const Field& field, std::string& out) {
  const Type& type = scalar_type(field);
  if (!type.words.empty()) {
    int at = read_word(r, node, path, field, type.words);
    if (at >= 0) out = type.words[static_cast<std::size_t>(at)];
    return;
  }
  auto text = r.scalar(node, path, field);
  if (!text) return;
  if (text->find('\0') != std::string::npos) {
    r.report("bad-value", node.place, path, "a text holds a NUL character", "Take it out.");
    return;
  }
  if (field.name == "url" && has_password(*text)) {
    r.report("secret-in-plan", node.place, path, "the address holds a password",
             "Take the password out of the address.");
    return;
  }
  out = *text;
  r.refer(field, out, node, path);
}

void read_value(Reader& r, const Node& node, const std::string& path, const Field& field, int& out) {
  auto text = r.scalar(node, path, field);
  if (!text) return;
  int value = 0;
  auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (ec != std::errc() || end != text->data() + text->size() || value < (field.note.positive ? 1 : 0) ||
      value > kMaxInteger) {
    r.report("bad-value", node.place, path, "'" + *text + "' is not a number that '" + field.name + "' can have",
             "Write a whole number from " + std::string(field.note.positive ? "1" : "0") + " to " +
                 std::to_string(kMaxInteger) + ".");
    return;
  }
  out = value;
}

void read_value(Reader& r, const Node& node, const std::string& path, const Field& field, bool& out) {
  auto text = r.scalar(node, path, field);
  if (!text) return;
  if (!node.plain || (*text != "true" && *text != "false")) {
    r.report("bad-value", node.place, path, "'" + *text + "' is neither true nor false",
             "Write true or false, without quotes.");
    return;
  }
  out = *text == "true";
}

void read_value(Reader& r, const Node& node, const std::string& path, const Field& field, Micros& out) {
  auto text = r.scalar(node, path, field);
  if (!text) return;
  if (is_bare_number(*text)) {
    r.report("unit-missing", node.place, path, "the duration '" + *text + "' has no unit",
             "Write the unit: " + *text + "s, " + *text + "m or " + *text + "h.");
    return;
  }
  auto value = parse_duration(*text);
  if (!value || *value < Micros(0) || *value > kMaxDuration) {
    r.report("bad-value", node.place, path, "'" + *text + "' is not a duration",
             "Write a number and a unit (us ms s m h d w mo y), for example 90s, 4h or 1d12h.");
    return;
  }
  if (field.note.positive && *value == Micros(0)) {
    r.report("bad-value", node.place, path, "'" + field.name + "' cannot be zero", shape_hint(field));
    return;
  }
  out = *value;
}

void read_value(Reader& r, const Node& node, const std::string& path, const Field& field, ClockTime& out) {
  auto text = r.scalar(node, path, field);
  if (!text) return;
  if (auto value = parse_clock(*text)) {
    out = *value;
    return;
  }
  r.report(
      "bad-value", node.place, path, "'" + *text + "' is not a time of day",
      "Write hour, minute and zone, with a weekday in front where it is weekly: \"02:00 UTC\", \"Sun 03:00 UTC\".");
}

void read_value(Reader& r, const Node& node, const std::string& path, const Field& field, ClockWindow& out) {
  auto text = r.scalar(node, path, field);
  if (!text) return;
  std::size_t blank = text->find(' ');
  std::string zone = blank == std::string::npos ? "" : text->substr(blank);
  auto from = text->size() > 6 && (*text)[5] == '-' ? parse_clock(text->substr(0, 5) + zone) : std::nullopt;
  auto to = from ? parse_clock(text->substr(6)) : std::nullopt;
  if (!from || !to || to->weekday) {
    r.report("bad-value", node.place, path, "'" + *text + "' is not a window of the day",
             "Write it as \"20:00-06:00 UTC\".");
    return;
  }
  out = {*from, *to};
}

void read_value(Reader& r, const Node& node, const std::string& path, const Field& field, Retention& out) {
  if (node.kind == Node::Kind::kScalar && node.text == "forever") {
    out.forever = true;
    return;
  }
  read_value(r, node, path, field, out.duration);
}

void read_value(Reader& r, const Node& node, const std::string& path, const Field& field, Money& out) {
  auto text = r.scalar(node, path, field);
  if (!text) return;
  const std::optional<Money> money = parse_money(*text);
  if (!money) {
    r.report("bad-value", node.place, path, "'" + *text + "' is not an amount of money over time",
             "Write it as 3800 USD/month.");
    return;
  }
  out = *money;
}

void read_value(Reader& r, const Node& node, const std::string& path, const Field& field, WallTime& out) {
  auto text = r.scalar(node, path, field);
  if (!text) return;
  auto day = text->size() == 10 ? parse_time(*text + "T00:00:00Z")
                                : Result<WallTime>(make_error(ErrorKind::kInvalid, "length"));
  if (!day) {
    r.report("bad-value", node.place, path, "'" + *text + "' is not a day", "Write it as 2027-06-30.");
    return;
  }
  out = *day + std::chrono::days(1);
}

void read_value(Reader& r, const Node& node, const std::string& path, const Field& field, SecretRef& out) {
  auto text = r.scalar(node, path, field);
  if (!text) return;
  out.place = at_path(node.place, path);
  using Kind = SecretRef::Kind;
  static const std::pair<std::string_view, Kind> kForms[] = {
      {"env:", Kind::kEnv}, {"file:", Kind::kFile}, {"command:", Kind::kCommand}};
  for (auto [prefix, kind] : kForms) {
    if (!text->starts_with(prefix)) continue;
    if (text->size() == prefix.size()) {
      r.report("bad-value", node.place, path, "nothing stands after '" + std::string(prefix) + "'",
               shape_hint(field));
      return;
    }
    out.kind = kind;
    out.value = text->substr(prefix.size());
    return;
  }
  std::string hint = "Write env:NAME, file:PATH or command:PROGRAM.";
  if (field.type.shape != Shape::kDsn) {
    r.report("secret-in-plan", node.place, path,
             "'" + field.name + "' holds the secret itself, or something that is no reference", hint);
  } else if (has_password(*text)) {
    r.report("secret-in-plan", node.place, path, "the DSN holds a password",
             "Use a password file, or take the whole DSN from a secret. " + hint);
  } else {
    out.kind = Kind::kLiteral;
    out.value = *text;
  }
}

void read_value(Reader& r, const Node& node, const std::string& path, const Field& field, Selection& out) {
  if (node.kind == Node::Kind::kScalar && node.text == "all") {
    out.all = true;
    return;
  }
  if (node.kind == Node::Kind::kScalar) {
    r.report("wrong-type", node.place, path, "'" + field.name + "' is neither 'all' nor a list",
             "Write all, or [a, b].");
    return;
  }
  read_any(r, node, path, field, out.names);
}

void read_value(Reader& r, const Node& node, const std::string& path, const Field& field, Participants& out) {
  if (node.kind == Node::Kind::kScalar && node.text == "automated") {
    out.automated = true;
    return;
  }
  read_any(r, node, path, field, out.groups);
}

void read_value(Reader& r, const Node& node, const std::string& path, const Field& field, Isolation& out) {
  if (node.kind == Node::Kind::kScalar && node.text == "namespace") {
    out.by_namespace = true;
    return;
  }
  if (node.kind == Node::Kind::kScalar) {
    r.report("unknown-word", node.place, path, "'" + node.text + "' is no isolation",
             "Write namespace, or {terraform: FOLDER, vars: {...}}.");
    return;
  }
  Field inner = field;
  inner.note = {};
  inner.type = type_of<std::string>();
  if (!r.is_map(node, path, field.name)) return;
  for (const Member& member : node.members) {
    std::string at = path + "." + member.key;
    inner.name = member.key;
    if (member.key == "terraform")
      read_value(r, member.value, at, inner, out.terraform);
    else if (member.key == "vars")
      read_value(r, member.value, at, inner, out.vars);
    else
      r.report("unknown-key", member.key_place, at, "'" + member.key + "' is no field of an isolation",
               did_you_mean(member.key, {"terraform", "vars"}));
  }
  if (out.terraform.empty())
    r.report("missing-key", node.place, path, "'terraform' is missing", "Name the folder with the configuration.");
}

void read_value(Reader& r, const Node& node, const std::string& path, const Field& field, Pairs& out) {
  if (!r.is_map(node, path, field.name)) return;
  Field inner = field;
  inner.type = type_of<std::string>();
  for (const Member& member : node.members) {
    std::string value, at = path + "." + member.key;
    inner.name = member.key;
    r.places[at] = member.value.place;
    read_value(r, member.value, at, inner, value);
    out.emplace_back(member.key, value);
  }
}

const std::vector<std::string>& alert_words() {
  static const std::vector<std::string> kWords = {"verify-failed", "backup-late",      "objective-missed",
                                                  "drill-overdue", "vault-filling",    "copy-late",
                                                  "check-failed",  "failover-proposed"};
  return kWords;
}

void read_value(Reader& r, const Node& node, const std::string& path, const Field& field, std::vector<Alert>& out) {
  if (!r.is_map(node, path, field.name)) return;
  for (const Member& member : node.members) {
    std::string at = path + "." + member.key;
    if (std::ranges::find(alert_words(), member.key) == alert_words().end()) {
      r.report("unknown-word", member.key_place, at, "'" + member.key + "' is no event that alerts",
               did_you_mean(member.key, alert_words()));
      continue;
    }
    Alert alert;
    alert.name = member.key;
    alert.place = at_path(member.key_place, at);
    r.places[at] = member.key_place;
    read_any(r, member.value, at, field, alert.channels);
    out.push_back(std::move(alert));
  }
}

int read_word(Reader& r, const Node& node, const std::string& path, const Field& field,
              const std::vector<std::string>& words) {
  auto text = r.scalar(node, path, field);
  if (!text) return -1;
  auto found = std::ranges::find(words, *text);
  if (found != words.end()) return static_cast<int>(found - words.begin());
  r.report("unknown-word", node.place, path, "'" + *text + "' is no word that '" + field.name + "' knows",
           did_you_mean(*text, words));
  return -1;
}

bool check_name(Reader& r, const Member& member, const std::string& path) {
  constexpr std::size_t kMaxName = 100;
  const std::string& name = member.key;
  bool good = !name.empty() && name.size() <= kMaxName && std::ranges::all_of(name, [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_';
  });
  if (good) return true;
  r.report("bad-value", member.key_place, path, "'" + name + "' cannot be a name",
           "Use letters, digits, '-' and '_', at most 100 of them: names stand in paths, waivers and reports.");
  return false;
}

std::optional<std::string> Reader::scalar(const Node& node, const std::string& path, const Field& field) {
  if (node.kind != Node::Kind::kScalar) {
    report("wrong-type", node.place, path,
           std::string("a ") + (node.kind == Node::Kind::kMap ? "map" : "list") + " stands where '" + field.name +
               "' needs a single value",
           shape_hint(field));
    return std::nullopt;
  }
  if (node.plain && (node.text.empty() || node.text == "~" || node.text == "null")) {
    report("empty-value", node.place, path, "'" + field.name + "' has no value", shape_hint(field));
    return std::nullopt;
  }
  if (node.plain && is_ambiguous(node.text)) {
    report("ambiguous-scalar", node.place, path, "'" + node.text + "' is read differently by different programs",
           "Write true or false, a decimal number, or put the text in quotes.");
    return std::nullopt;
  }
  if (node.text.empty() && (field.note.required || scalar_type(field).shape != Shape::kText)) {
    report("empty-value", node.place, path, "'" + field.name + "' is empty", shape_hint(field));
    return std::nullopt;
  }
  return node.text;
}

}  // namespace hf::plan
