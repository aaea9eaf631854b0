// What a check found damaged, and what loses something by it. Healing takes findings away, or notes why it could not.
// Invariant: an object is named once, with the first thing that was found wrong with it. One thread at a time.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "vault/index/index.h"
#include "vault/repository.h"

namespace hf::vault {

class Findings {
 public:
  void damage(const std::string& object, const std::string& why);
  void missing_pack(const PackName& pack);
  // The snapshot loses something by that object: the file at `path`; if that is empty, its tree.
  void hit(const std::string& object, const std::string& snapshot, const std::string& path);
  // ... by an index run, one of those that were named.
  void hit_runs(const std::string& snapshot, const std::string& path);
  // Damage becomes a finding; what says nothing about the object (the store is away) ends the check.
  Status note(const std::string& object, Error error);
  static bool is_damage(ErrorKind kind);
  bool empty() const { return damaged_.empty(); }

  struct Untried {
    std::string object;
    std::string why;
  };
  std::vector<Untried> untried(std::string_view prefix) const;          // begin so, and nobody tried to heal them
  void healed(const std::string& object) { damaged_.erase(object); }
  void not_healed(const std::string& object, const std::string& why);
  std::set<PackName> lost_packs() const;                                // are there, and nothing healed them
  void set_aside(const std::set<PackName>& packs);

  void tell(CheckReport& report);                                       // the last call

 private:
  struct Finding {
    std::string why;
    std::set<std::string> snapshots;
    std::vector<DamagedFile> files;
    std::uint64_t files_total = 0;
    std::optional<std::string> not_healed;                              // once it was tried
    bool set_aside = false;
  };
  std::map<std::string, Finding> damaged_;
};

}  // namespace hf::vault
