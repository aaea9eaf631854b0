// The grammar of synchronous_standby_names, and the count.
#include "actions/fence_verdict.h"

#include <algorithm>
#include <cctype>
#include <optional>
#include <set>

#include "base/text.h"

namespace hf::actions {
namespace {

constexpr int kMostMembers = 1000;

char lower(char c) { return static_cast<char>(std::tolower(static_cast<unsigned char>(c))); }

// PostgreSQL compares standby names without regard to case.
std::string folded(std::string_view name) {
  std::string out(name);
  std::ranges::transform(out, out.begin(), lower);
  return out;
}

// Words, quoted names, commas and parentheses, one at a time.
class Tokens {
 public:
  explicit Tokens(std::string_view text) : text_(text) {}

  bool at_end() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_]))) ++at_;
    return at_ >= text_.size();
  }
  bool take(char c) {
    if (at_end() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  // Empty optional where no word stands here.
  std::optional<std::string> word() {
    if (at_end()) return std::nullopt;
    if (text_[at_] == '"') return quoted();
    const std::size_t from = at_;
    if (take('*')) return "*";
    while (at_ < text_.size() && is_word(text_[at_])) ++at_;
    if (at_ == from) return std::nullopt;
    return std::string(text_.substr(from, at_ - from));
  }

 private:
  static bool is_word(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' ||
           (static_cast<unsigned char>(c) & 0x80);
  }
  std::optional<std::string> quoted() {
    std::string out;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] != '"') out += text_[at_];
      else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') out += text_[++at_];
      else {
        ++at_;
        return out;
      }
    }
    return std::nullopt;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

Error not_understood(std::string_view text) {
  return make_error(ErrorKind::kInvalid, "synchronous_standby_names '" + std::string(text) + "' is not understood");
}

std::optional<int> number(const std::string& word) {
  int value = 0;
  for (char c : word) {
    if (!std::isdigit(static_cast<unsigned char>(c)) || value > kMostMembers) return std::nullopt;
    value = value * 10 + (c - '0');
  }
  return word.empty() ? std::nullopt : std::optional(value);
}

bool take_list(Tokens& tokens, SyncStandbys& out) {
  do {
    auto member = tokens.word();
    if (!member || member->empty()) return false;
    out.members.push_back(std::move(*member));
  } while (tokens.take(','));
  return true;
}

std::string joined(const std::vector<std::string>& list) { return join(list, ", ", "none"); }

FenceVerdict refused(FenceVerdict v, std::string why) {
  v.proven = false;
  v.explanation = std::move(why);
  return v;
}

// Seals that count belong to one cluster and to its newest sealed timeline: an older seal binds only an older one.
Status choose_cluster(const std::vector<SealSeen>& seals, FenceVerdict& v) {
  for (const SealSeen& s : seals) {
    if (v.system_id != 0 && s.system_id != v.system_id)
      return make_error(ErrorKind::kInvalid, "the seals are of different clusters (" + std::to_string(v.system_id) +
                                                 " and " + std::to_string(s.system_id) + ")");
    v.system_id = s.system_id;
    v.timeline = std::max(v.timeline, s.timeline);
  }
  return ok();
}

}  // namespace

Result<SyncStandbys> parse_sync_standbys(std::string_view text) {
  SyncStandbys out;
  Tokens tokens(text);
  if (tokens.at_end()) return out;
  Tokens look = tokens;
  const auto first = look.word();
  if (!first) return not_understood(text);
  out.method = SyncStandbys::Method::kFirst;
  out.needed = 1;
  Tokens counted = look;
  std::optional<int> count = number(*first);
  if (!count && (folded(*first) == "any" || folded(*first) == "first")) {
    if (const auto second = counted.word()) count = number(*second);
  }
  if (count && counted.take('(')) {
    if (folded(*first) == "any") out.method = SyncStandbys::Method::kAny;
    out.needed = *count;
    if (out.needed < 1 || !take_list(counted, out) || !counted.take(')') || !counted.at_end())
      return not_understood(text);
    return out;
  }
  if (!take_list(tokens, out) || !tokens.at_end()) return not_understood(text);
  return out;
}

FenceVerdict fence_verdict(const FenceInput& input) {
  FenceVerdict v;
  if (auto chosen = choose_cluster(input.seals, v); !chosen) return refused(v, chosen.error().text);
  auto standbys = parse_sync_standbys(input.synchronous_standby_names);
  if (!standbys) return refused(v, standbys.error().text);
  v.standbys = *standbys;
  if (v.standbys.method == SyncStandbys::Method::kNone)
    return refused(
        v, "the primary waits for nobody (synchronous_standby_names is empty), so it can acknowledge commits alone");
  if (input.synchronous_commit.empty()) return refused(v, "it is not known which synchronous_commit is in force");
  for (const std::string& level : input.synchronous_commit)
    if (level != "on" && level != "remote_apply" && level != "remote_write")
      return refused(v, "synchronous_commit is '" + level +
                            "' for a role in use, so its commits are acknowledged without waiting");
  std::set<std::string> sealed;
  for (const SealSeen& s : input.seals)
    if (s.timeline == v.timeline) sealed.insert(folded(s.receiver));
  for (const std::string& member : v.standbys.members) {
    if (member == "*") return refused(v, "'*' lets any standby acknowledge, also one that nobody knows");
    (sealed.contains(folded(member)) ? v.sealed : v.unsealed).push_back(member);
  }
  for (const SealSeen& s : input.seals) {
    const bool counts =
        std::ranges::any_of(v.sealed, [&](const std::string& m) { return folded(m) == folded(s.receiver); });
    if (counts && s.timeline == v.timeline) v.furthest = std::max(v.furthest, s.lsn);
  }
  const std::string rule =
      "a commit needs " + std::to_string(v.standbys.needed) + " of " + joined(v.standbys.members);
  if (static_cast<int>(v.unsealed.size()) >= v.standbys.needed)
    return refused(v,
                   rule + "; sealed: " + joined(v.sealed) + "; " + joined(v.unsealed) + " could still acknowledge");
  v.proven = true;
  v.explanation = rule + "; " + joined(v.sealed) + " sealed timeline " + std::to_string(v.timeline) + " and only " +
                  joined(v.unsealed) + " could still acknowledge: no commit can gather its quorum any more";
  return v;
}

}  // namespace hf::actions
