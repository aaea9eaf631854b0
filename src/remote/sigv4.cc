#include "remote/sigv4.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>

#include "base/hex.h"
#include "base/text.h"
#include "crypto/hash.h"

namespace hf::remote {
namespace {

constexpr std::string_view kAlgorithm = "AWS4-HMAC-SHA256";
constexpr std::size_t kDateDigits = 8;  // of amz_date: the day

bool is_unreserved(unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_' || c == '~'; }

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

// Outer blanks go, inner runs of them become one.
std::string trimmed(std::string_view value) {
  std::string out;
  for (const char c : value) {
    const bool blank = c == ' ' || c == '\t';
    if (blank && (out.empty() || out.back() == ' ')) continue;
    out += blank ? ' ' : c;
  }
  while (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

// Lower-case names in order; values of the same name joined.
HttpHeaders canonical_headers(HttpHeaders headers) {
  for (auto& [name, value] : headers) {
    name = lower(std::move(name));
    value = trimmed(value);
  }
  std::stable_sort(headers.begin(), headers.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  HttpHeaders out;
  for (auto& [name, value] : headers) {
    if (!out.empty() && out.back().first == name)
      out.back().second += "," + value;
    else
      out.emplace_back(std::move(name), std::move(value));
  }
  return out;
}

std::string names_of(const HttpHeaders& headers) {
  std::string out;
  for (const auto& [name, value] : headers) out += (out.empty() ? "" : ";") + name;
  return out;
}

crypto::Digest mac(ByteView key, std::string_view text) { return crypto::hmac_sha256(key, as_bytes(text)); }

std::string signature(std::string_view to_sign, std::string_view day, const SigV4Scope& scope, const Secret& secret) {
  const Secret first("AWS4" + secret.reveal_text());
  const crypto::Digest date_key = mac(first.reveal(), day);
  const crypto::Digest region_key = mac(date_key, scope.region);
  const crypto::Digest service_key = mac(region_key, scope.service);
  const crypto::Digest signing_key = mac(service_key, "aws4_request");
  return to_hex(mac(signing_key, to_sign));
}

}  // namespace

std::string uri_encode(std::string_view text, bool keep_slash) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char raw : text) {
    const auto c = static_cast<unsigned char>(raw);
    if (is_unreserved(c) || (c == '/' && keep_slash)) {
      out += raw;
    } else {
      out += '%';
      out += kDigits[c >> 4];
      out += kDigits[c & 15];
    }
  }
  return out;
}

Result<std::string> uri_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    const std::string_view digits = text.substr(i + 1, 2);
    const auto byte = parse_whole<std::uint8_t>(digits, 16);
    if (!byte || digits.size() != 2) {
      return make_error(ErrorKind::kInvalid, "'" + std::string(text) + "' has a '%' without two hexadecimal digits");
    }
    out += static_cast<char>(*byte);
    i += 2;
  }
  return out;
}

std::string canonical_query(const std::vector<std::pair<std::string, std::string>>& query) {
  std::vector<std::pair<std::string, std::string>> encoded;
  for (const auto& [name, value] : query) encoded.emplace_back(uri_encode(name, false), uri_encode(value, false));
  std::ranges::sort(encoded);
  std::string out;
  for (const auto& [name, value] : encoded) out += (out.empty() ? "" : "&") + name + "=" + value;
  return out;
}

std::string canonical_request(const SigV4Request& request, const HttpHeaders& signed_headers) {
  const HttpHeaders headers = canonical_headers(signed_headers);
  std::string out = request.method + "\n" + request.path + "\n" + canonical_query(request.query) + "\n";
  for (const auto& [name, value] : headers) out += name + ":" + value + "\n";
  return out + "\n" + names_of(headers) + "\n" + request.payload_sha256;
}

std::string amz_date(WallTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(std::chrono::floor<Seconds>(time - day));
  char text[40];
  std::snprintf(text, sizeof text, "%04d%02u%02uT%02d%02d%02dZ", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                static_cast<int>(clock.seconds().count()));
  return text;
}

std::optional<WallTime> parse_http_date(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (text.size() != 29 || text.substr(3, 2) != ", " || text.substr(25) != " GMT") return std::nullopt;
  const auto month = std::ranges::find(kMonths, text.substr(8, 3));
  const auto day = parse_whole<unsigned>(text.substr(5, 2));
  const auto year = parse_whole<int>(text.substr(12, 4));
  const auto hours = parse_whole<unsigned>(text.substr(17, 2));
  const auto minutes = parse_whole<unsigned>(text.substr(20, 2));
  const auto seconds = parse_whole<unsigned>(text.substr(23, 2));
  if (month == kMonths.end() || !day || !year || !hours || !minutes || !seconds) return std::nullopt;
  if (*hours > 23 || *minutes > 59 || *seconds > 60) return std::nullopt;
  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(month - kMonths.begin()) + 1),
                                         std::chrono::day(*day));
  if (!date.ok()) return std::nullopt;
  return WallTime(std::chrono::sys_days(date)) + std::chrono::hours(*hours) + std::chrono::minutes(*minutes) +
         Seconds(*seconds);
}

HttpHeaders sigv4_sign(const SigV4Request& request, const SigV4Scope& scope, const AwsCredentials& credentials,
                       WallTime now) {
  HttpHeaders headers = request.headers;
  const std::string date = amz_date(now);
  const std::string day = date.substr(0, kDateDigits);
  headers.emplace_back("host", request.host);
  headers.emplace_back("x-amz-date", date);
  if (!credentials.session_token.empty()) {
    headers.emplace_back("x-amz-security-token", credentials.session_token.reveal_text());
  }
  const std::string place = day + "/" + scope.region + "/" + scope.service + "/aws4_request";
  const std::string canonical = canonical_request(request, headers);
  const std::string to_sign =
      std::string(kAlgorithm) + "\n" + date + "\n" + place + "\n" + to_hex(crypto::sha256(as_bytes(canonical)));
  headers.emplace_back("authorization", std::string(kAlgorithm) + " Credential=" + credentials.access_key + "/" +
                                            place + ", SignedHeaders=" + names_of(canonical_headers(headers)) +
                                            ", Signature=" + signature(to_sign, day, scope, credentials.secret_key));
  return headers;
}

}  // namespace hf::remote
