#include "vault/check/scrub.h"

#include <algorithm>
#include <mutex>

#include "base/hex.h"
#include "base/text.h"
#include "vault/core.h"

namespace hf::vault {
namespace {

constexpr std::string_view kFirstLine = "holdfast scrub ledger 1 ";
constexpr std::string_view kLastLine = "sha256 ";
constexpr Micros kSaveEvery = 10s;

class Scrubber {
 public:
  Scrubber(Repository& repository, ScrubLedger& ledger, const ScrubOptions& options)
      : repository_(repository), core_(repository.core()), ledger_(ledger), options_(options) {}

  Result<ScrubReport> run() {
    begun_ = last_save_ = due_ = core_.clock.mono();
    HF_ASSIGN(const std::vector<ObjectInfo> objects, list());
    forget_what_is_gone(objects);
    choose(objects);
    ReadHooks hooks;
    hooks.rank = [this](const std::string& object) -> std::optional<std::uint64_t> {
      const auto at = chosen_.find(object);
      return at == chosen_.end() ? std::nullopt : std::optional(at->second);
    };
    hooks.before = [this](const ObjectInfo& object) { return before(object); };
    hooks.after = [this](const ObjectInfo& object, bool good) { after(object, good); };
    CheckOptions check = options_.check;
    check.hooks = &hooks;
    auto found = repository_.check(check);
    if (found) note_healed(found->healed);
    Status saved = save();                       // also what was verified before an error
    if (!found) return std::move(found).error();
    HF_TRY(std::move(saved));
    report_.found = std::move(*found);
    report_.interrupted = options_.stop.stop_requested();
    sum_up(objects);
    return std::move(report_);
  }

 private:
  Result<std::vector<ObjectInfo>> list() {
    std::vector<ObjectInfo> out;
    for (const char* prefix : {"packs/", "wal/", "attach/"}) {
      HF_ASSIGN(const std::vector<ObjectInfo> some, core_.list(prefix));
      out.insert(out.end(), some.begin(), some.end());
    }
    for (const ObjectInfo& info : out) report_.total_bytes += info.size;
    report_.objects = out.size();
    return out;
  }

  void forget_what_is_gone(const std::vector<ObjectInfo>& objects) {
    std::map<std::string, LedgerEntry> there;
    for (const ObjectInfo& info : objects) {
      const auto at = ledger_.objects.find(info.name);
      if (at != ledger_.objects.end() && at->second.size == info.size) there.insert(*at);
    }
    ledger_.objects = std::move(there);
  }

  // The longest unread first, never read before all others, until the share of the bytes is reached.
  void choose(std::vector<ObjectInfo> objects) {
    const auto last = [&](const ObjectInfo& info) {
      const auto at = ledger_.objects.find(info.name);
      return at == ledger_.objects.end() ? WallTime::min() : at->second.verified;
    };
    std::ranges::stable_sort(objects, {}, last);
    const std::uint64_t limit = (report_.total_bytes * options_.limit_percent + 99) / 100;
    std::uint64_t bytes = 0;
    for (const ObjectInfo& info : objects) {
      if (bytes >= limit && options_.limit_percent < 100) break;
      bytes += info.size;
      chosen_.emplace(info.name, chosen_.size());
    }
  }

  // Waits for its turn at the rate. False: no more is read by this call.
  Result<bool> before(const ObjectInfo& object) {
    const std::lock_guard lock(mutex_);
    const auto over = [&] {
      return options_.stop.stop_requested() || (options_.duration && core_.clock.mono() - begun_ >= *options_.duration);
    };
    if (over()) return false;
    if (options_.bytes_per_second) {
      if (due_ > core_.clock.mono()) core_.clock.sleep_until(due_, options_.stop);
      if (over()) return false;
      const auto rate = static_cast<double>(*options_.bytes_per_second);
      const std::chrono::duration<double> takes(static_cast<double>(object.size) / rate);
      due_ = std::max(due_, core_.clock.mono()) + std::chrono::duration_cast<std::chrono::nanoseconds>(takes);
    }
    return true;
  }

  void after(const ObjectInfo& object, bool good) {
    const std::lock_guard lock(mutex_);
    ledger_.objects[object.name] = {object.size, core_.clock.wall(), good};
    ++report_.verified_objects;
    report_.verified_bytes += object.size;
    if (core_.clock.mono() - last_save_ < kSaveEvery) return;
    last_save_ = core_.clock.mono();
    Status saved = save();
    if (!saved) core_.log.warning("vault", "scrub ledger not saved", {{"error", saved.error().text}});
  }

  void note_healed(const std::vector<Healed>& healed) {
    for (const Healed& h : healed) {
      const auto at = ledger_.objects.find(h.object);
      if (at == ledger_.objects.end()) continue;
      ledger_.objects.erase(at);                 // read back when it was replaced; scrubbed next time
    }
  }

  Status save() { return options_.save ? options_.save(ledger_) : ok(); }

  void sum_up(const std::vector<ObjectInfo>& objects) {
    for (const ObjectInfo& info : objects) {
      const auto at = ledger_.objects.find(info.name);
      if (at == ledger_.objects.end()) ++report_.never_verified;
      else if (!report_.oldest || at->second.verified < *report_.oldest) report_.oldest = at->second.verified;
    }
    if (report_.never_verified > 0) report_.oldest.reset();
  }

  Repository& repository_;
  const Repository::Core& core_;
  ScrubLedger& ledger_;
  const ScrubOptions& options_;
  ScrubReport report_;
  std::map<std::string, std::uint64_t> chosen_;
  std::mutex mutex_;
  MonoTime begun_{};
  MonoTime last_save_{};
  MonoTime due_{};                               // when the next object may be begun
};

Error not_a_ledger(const std::string& why) { return make_error(ErrorKind::kCorrupt, "the scrub ledger " + why); }

}  // namespace

std::string encode_ledger(const ScrubLedger& ledger) {
  std::string out(kFirstLine);
  out += ledger.store + "\n";
  for (const auto& [name, entry] : ledger.objects) {
    out += std::to_string(entry.verified.time_since_epoch().count()) + " " + std::to_string(entry.size) +
           (entry.good ? " good " : " damaged ") + name + "\n";
  }
  return out + std::string(kLastLine) + to_hex(crypto::sha256(as_bytes(out))) + "\n";
}

Result<ScrubLedger> parse_ledger(std::string_view text, const std::string& store) {
  const std::size_t last = text.size() < 2 ? std::string_view::npos : text.rfind('\n', text.size() - 2);
  if (last == std::string_view::npos) return not_a_ledger("is cut short");
  const std::string_view body = text.substr(0, last + 1);
  if (text.substr(last + 1) != std::string(kLastLine) + to_hex(crypto::sha256(as_bytes(body))) + "\n")
    return not_a_ledger("is not what was written");
  ScrubLedger out;
  out.store = store;
  std::size_t at = body.find('\n') + 1;
  if (body.substr(0, at) != std::string(kFirstLine) + store + "\n") return not_a_ledger("is of another store or version");
  while (at < body.size()) {
    const std::size_t end = body.find('\n', at);
    const std::string_view line = body.substr(at, end - at);
    at = end + 1;
    const std::size_t a = line.find(' '), b = line.find(' ', a + 1), c = line.find(' ', b + 1);
    if (a == std::string_view::npos || b == std::string_view::npos || c == std::string_view::npos)
      return not_a_ledger("has a line that is none");
    const auto when = parse_whole<std::int64_t>(line.substr(0, a));
    const auto size = parse_whole<std::uint64_t>(line.substr(a + 1, b - a - 1));
    if (!when || !size) return not_a_ledger("has a line that is none");
    out.objects[std::string(line.substr(c + 1))] = {*size, WallTime(Micros(*when)), line.substr(b + 1, c - b - 1) == "good"};
  }
  return out;
}

Result<ScrubReport> scrub_vault(Repository& repository, ScrubLedger& ledger, const ScrubOptions& options) {
  return Scrubber(repository, ledger, options).run();
}

}  // namespace hf::vault
