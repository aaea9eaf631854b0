// The slots of a vault: who can open it, and with what. Each change is a new `config/<n>`, created if absent, so that two
// administrators at once cannot overwrite each other: the second is told. Data is never written anew for it.
#pragma once

#include <string>
#include <vector>

#include "vault/keys/config.h"
#include "vault/repository.h"

namespace hf::vault {

struct SlotChange {
  std::uint32_t slot = 0;        // the new one
  std::uint32_t dropped = 0;     // 0: none
  std::uint64_t config = 0;      // n of the newest config afterwards
};

class Slots {
 public:
  // `repository` was opened with a credential of level admin for everything but list() and opened_by(); else kDenied. It
  // keeps the config that it was opened with: open it again to see a change.
  explicit Slots(Repository& repository) : repository_(repository) {}

  const std::vector<Slot>& list() const;
  const VaultId& vault() const;
  // The slot that these credentials open. kNotFound if none does.
  Result<Slot> opened_by(const Credentials& credentials) const;
  // kExists if somebody else changed the slots meanwhile: open the vault again and repeat.
  Result<SlotChange> add(const SlotRequest& request);
  // kBlocked for the last one of level admin. What the slot's writer signed stays valid. One that was cut short is ended by
  // the same call again.
  Result<SlotChange> drop(std::uint32_t number);
  // A slot of the same level and label in place of `number`. Killed between its two steps, both slots open.
  Result<SlotChange> replace(std::uint32_t number, SlotLock lock, crypto::Argon2Cost cost = {});

 private:
  Status store(const Created& created);
  Result<bool> stands_in_older(std::uint32_t number) const;
  // Older configs hold the dropped slot: whoever has its credential could open them.
  Status forget_older(std::uint64_t newest);
  Repository& repository_;
};

}  // namespace hf::vault
