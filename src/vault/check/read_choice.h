// Which objects' data a check reads, every byte of them: a share of the packs, or those that the caller's hooks choose, in
// their order. Immutable, so any thread may ask.
#pragma once

#include <functional>
#include <string>

#include "vault/repository.h"

namespace hf::vault {

class ReadChoice {
 public:
  explicit ReadChoice(const CheckOptions& options) : options_(options) {}

  bool by_rank() const { return options_.hooks != nullptr; }        // hooks choose: packs, WAL and attachments in one order
  std::uint64_t rank(const std::string& object) const;              // lowest first; all the same without hooks
  bool takes(const std::string& object) const;                      // a pack, or by rank any object
  bool takes_blob(const std::string& object) const;                 // WAL and attachments are not sampled
  // Calls `read` unless the hooks let the object be, and tells them whether it was good.
  Status read(const ObjectInfo& object, const std::function<Status()>& read) const;

 private:
  const CheckOptions& options_;
};

}  // namespace hf::vault
