#include "lab/customer.h"

#include <charconv>

#include "remote/postgres.h"

namespace hf::lab {

namespace {

constexpr std::size_t kMaxAcknowledgementBytes = 64 << 20;

std::optional<long> number_of(std::string_view text) {
  long v = 0;
  auto done = std::from_chars(text.data(), text.data() + text.size(), v);
  if (done.ec != std::errc() || done.ptr != text.data() + text.size()) return std::nullopt;
  return v;
}

}  // namespace

Result<std::vector<Acknowledgement>> read_acknowledgements(Files& files, const std::string& path) {
  HF_ASSIGN(Bytes bytes, read_file(files, path, kMaxAcknowledgementBytes));
  std::string_view text = as_text(bytes);
  std::vector<Acknowledgement> out;
  for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    std::string_view line = text.substr(0, end);
    text.remove_prefix(end + 1);
    std::size_t blank = line.find(' ');
    auto number = number_of(line.substr(0, blank));
    auto at = blank == std::string_view::npos ? std::nullopt : number_of(line.substr(blank + 1));
    if (!number || !at)
      return make_error(ErrorKind::kCorrupt, path + ": '" + std::string(line) + "' is no acknowledgement");
    out.push_back({*number, WallTime(Micros(*at))});
  }
  return out;
}

Result<std::set<long>> orders_in(Clock& clock, const std::string& dsn) {
  HF_ASSIGN(remote::PgConnection c, remote::PgConnection::connect(dsn, clock));
  HF_ASSIGN(remote::PgRows rows, c.query("select number from orders where number > 0"));
  std::set<long> out;
  for (std::size_t i = 0; i < rows.rows.size(); ++i)
    if (auto n = number_of(rows.text(i, 0))) out.insert(*n);
  return out;
}

std::vector<long> lost_orders(const std::vector<Acknowledgement>& promised, const std::set<long>& present) {
  std::vector<long> out;
  for (const Acknowledgement& a : promised)
    if (!present.contains(a.number)) out.push_back(a.number);
  return out;
}

std::optional<WallTime> last_before(const std::vector<Acknowledgement>& promised, WallTime t) {
  std::optional<WallTime> out;
  for (const Acknowledgement& a : promised)
    if (a.at <= t && (!out || a.at > *out)) out = a.at;
  return out;
}

std::optional<WallTime> first_after(const std::vector<Acknowledgement>& promised, WallTime t) {
  std::optional<WallTime> out;
  for (const Acknowledgement& a : promised)
    if (a.at > t && (!out || a.at < *out)) out = a.at;
  return out;
}

}  // namespace hf::lab
