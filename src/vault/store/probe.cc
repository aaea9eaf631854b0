#include "vault/store/probe.h"

#include <algorithm>
#include <array>
#include <thread>

#include "base/text.h"
#include "vault/store/keeper.h"

namespace hf::vault {
namespace {

constexpr int kLooks = 3;  // at what was just written: a store of several machines may answer differently
constexpr int kRaces = 4;
constexpr int kRacers = 4;
constexpr std::size_t kEncodedBytes = 12;

enum Flag : std::uint32_t { kConditional = 1, kReads = 2, kLists = 4, kRemoves = 8, kLocks = 16 };

class Probe {
 public:
  Probe(Store& store, crypto::Entropy& entropy) : store_(store), entropy_(entropy) {}

  Result<StoreAbilities> run(Clock& clock) {
    StoreAbilities out;
    out.probed_at = clock.wall();
    const std::string name = new_name();
    HF_ASSIGN(out.conditional_create, creates_once(name));
    for (int race = 0; out.conditional_create && race < kRaces; ++race) {
      HF_ASSIGN(out.conditional_create, one_of_many_wins());
    }
    HF_ASSIGN(const bool listed, is_listed(name));
    HF_ASSIGN(const bool replaced, reads_back(name, "third", PutMode::kReplace));
    out.reads_its_writes = out.reads_its_writes && replaced;
    HF_ASSIGN(out.removes, removes_all());
    HF_ASSIGN(const bool still_listed, is_listed(name));
    out.lists_its_writes = listed && (!out.removes || !still_listed);
    if (out.removes) { HF_ASSIGN(out.reads_its_writes, is_gone_and(name, out.reads_its_writes)); }
    return out;
  }

 private:
  std::string new_name() {
    names_.push_back(std::string(kProbePrefix) + entropy_.hex_id());
    return names_.back();
  }

  Result<bool> reads_back(const std::string& name, std::string_view bytes, PutMode mode) {
    HF_TRY(store_.put(name, as_bytes(bytes), mode));
    bool same = true;
    for (int i = 0; i < kLooks; ++i) {
      auto back = store_.get(name);
      if (!back && back.error().kind != ErrorKind::kNotFound) return std::move(back).error();
      same = same && back && as_text(*back) == bytes;
    }
    return same;
  }

  // A name that nobody else has: where it "exists" at the first put, that put was ours and its answer was lost.
  Result<bool> creates_once(const std::string& name) {
    Status first = store_.put(name, as_bytes("first"), PutMode::kCreate);
    if (!first && first.error().kind == ErrorKind::kUnsupported) {
      HF_TRY(store_.put(name, as_bytes("first"), PutMode::kReplace));
      return false;
    }
    if (!first && first.error().kind != ErrorKind::kExists) return std::move(first).error();
    Status second = store_.put(name, as_bytes("second"), PutMode::kCreate);
    if (!second && second.error().kind != ErrorKind::kExists) return std::move(second).error();
    HF_ASSIGN(const Bytes kept, store_.get(name));
    return !second && as_text(kept) == "first" && store_.properties().conditional_create;
  }

  enum class Race : std::uint8_t { kNoAnswer, kWon, kLost, kPerhapsWon };  // the last: an answer was lost, then it existed

  // The object holds what the winner put; who lost an answer may be the winner.
  Result<bool> one_of_many_wins() {
    const std::string name = new_name();
    std::array<Race, kRacers> ends{};
    {
      std::vector<std::jthread> racers;
      for (int i = 0; i < kRacers; ++i) {
        racers.emplace_back([&, i] {
          Status put = store_.put(name, as_bytes(std::to_string(i)), PutMode::kCreate);
          if (put)
            ends[i] = Race::kWon;
          else if (put.error().kind == ErrorKind::kExists)
            ends[i] = put.error().effect == Effect::kMaybe ? Race::kPerhapsWon : Race::kLost;
        });
      }
    }
    if (std::ranges::find(ends, Race::kNoAnswer) != ends.end())
      return make_error(ErrorKind::kUnavailable, "the store did not answer while its abilities were tried");
    HF_ASSIGN(const Bytes kept, store_.get(name));
    const auto winner = parse_whole<std::size_t>(as_text(kept));
    if (!winner || *winner >= ends.size() || ends[*winner] == Race::kLost) return false;
    const auto others = std::ranges::count(ends, Race::kWon) - (ends[*winner] == Race::kWon ? 1 : 0);
    return others == 0;
  }

  Result<bool> is_listed(const std::string& name) {
    bool found = false;
    HF_TRY(store_.list(std::string(kProbePrefix), [&](const ObjectInfo& info) {
      found = found || info.name == name;
      return ok();
    }));
    return found;
  }

  Result<bool> removes_all() {
    for (const std::string& name : names_) {
      Status removed = store_.remove(name);
      if (!removed && removed.error().kind == ErrorKind::kDenied) return false;
      if (!removed) return std::move(removed).error();
    }
    return true;
  }

  Result<bool> is_gone_and(const std::string& name, bool so_far) {
    auto back = store_.get(name);
    if (!back && back.error().kind != ErrorKind::kNotFound) return std::move(back).error();
    return so_far && !back;
  }

  Store& store_;
  crypto::Entropy& entropy_;
  std::vector<std::string> names_;
};

}  // namespace

Result<StoreAbilities> probe_store(Store& store, crypto::Entropy& entropy, Clock& clock) {
  auto found = Probe(store, entropy).run(clock);
  if (found) return found;
  return std::move(found).error().with_context("trying what the store at " + store.properties().place + " can do");
}

Result<bool> check_locks(Store& store) {
  Keeper* const keeper = store.keeper();
  if (keeper == nullptr) return false;
  const bool asked = keeper->retain().value_or(Micros(0)) > Micros(0);
  auto support = keeper->lock_support();
  if (!support && !asked) return false;        // may not be looked at, or not known there
  if (!support) return std::move(support).error();
  const std::string place = store.properties().place;
  if (!support->default_retention.empty()) {
    return make_error(ErrorKind::kBlocked, "the bucket of " + place + " locks everything that is put in it (" +
                                               support->default_retention + "), leases too, which a vault must remove")
        .with_hint("Take the default retention off the bucket; retain=30d in the vault's address locks what snapshots are "
                   "made of, and nothing else.");
  }
  if (asked && !support->can_lock) {
    return make_error(ErrorKind::kBlocked, "the bucket of " + place + " has no Object Lock, and the address asks for it (retain)")
        .with_hint("Make the bucket with Object Lock enabled, or leave retain out.");
  }
  return asked;
}

std::vector<std::string> what_is_lost(const StoreAbilities& abilities) {
  std::vector<std::string> out;
  if (!abilities.conditional_create) {
    out.push_back(
        "This store cannot create an object only where none is: one writer at a time, and no prune while anything else "
        "uses the vault. Two writers at once can lose a snapshot.");
  }
  if (!abilities.reads_its_writes || !abilities.lists_its_writes) {
    out.push_back(
        "This store does not show at once what was written: a prune could miss a snapshot, so none is allowed.");
  }
  if (!abilities.removes) {
    out.push_back(
        "These credentials may not delete: leases stay until somebody who may runs `holdfast vault unlock`, and "
        "nothing "
        "is pruned from here. That is right for a host that must not be able to destroy backups.");
  }
  return out;
}

Bytes encode_abilities(const StoreAbilities& abilities) {
  std::uint32_t flags = 0;
  if (abilities.conditional_create) flags |= kConditional;
  if (abilities.reads_its_writes) flags |= kReads;
  if (abilities.lists_its_writes) flags |= kLists;
  if (abilities.removes) flags |= kRemoves;
  if (abilities.locks) flags |= kLocks;
  ByteWriter out;
  out.u32(flags).i64(abilities.probed_at ? abilities.probed_at->time_since_epoch().count() : 0);
  return out.take();
}

StoreAbilities decode_abilities(ByteView bytes) {
  StoreAbilities out;
  if (bytes.size() != kEncodedBytes) return out;
  ByteReader in(bytes, "the store's abilities");
  const std::uint32_t flags = in.u32().value();
  out.conditional_create = (flags & kConditional) != 0;
  out.reads_its_writes = (flags & kReads) != 0;
  out.lists_its_writes = (flags & kLists) != 0;
  out.removes = (flags & kRemoves) != 0;
  out.locks = (flags & kLocks) != 0;
  if (const std::int64_t at = in.i64().value(); at != 0) out.probed_at = WallTime(Micros(at));
  return out;
}

}  // namespace hf::vault
