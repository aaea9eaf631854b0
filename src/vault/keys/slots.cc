#include "vault/keys/slots.h"

#include <algorithm>

#include "vault/core.h"
#include "vault/object/names.h"

namespace hf::vault {

const std::vector<Slot>& Slots::list() const { return repository_.core().config.slots; }

const VaultId& Slots::vault() const { return repository_.core().config.vault; }

Result<Slot> Slots::opened_by(const Credentials& credentials) const {
  const Config& config = repository_.core().config;
  for (const Slot& slot : config.slots) {
    if (open_slot(slot, config.vault, credentials)) return slot;
  }
  return make_error(ErrorKind::kNotFound, "no slot of this vault is opened by this credential");
}

Result<SlotChange> Slots::add(const SlotRequest& request) {
  const Repository::Core& core = repository_.core();
  HF_ASSIGN(const Created created, add_slot(core.entropy, core.config, core.keys, request));
  HF_TRY(store(created));
  return SlotChange{created.config.slots.back().number, 0, created.config.number};
}

Result<SlotChange> Slots::drop(std::uint32_t number) {
  const Repository::Core& core = repository_.core();
  const bool there = std::ranges::find(core.config.slots, number, &Slot::number) != core.config.slots.end();
  if (!there && core.keys.can_administer()) {
    HF_ASSIGN(const bool cut_short, stands_in_older(number));
    if (cut_short) {
      HF_TRY(forget_older(core.config.number));
      return SlotChange{0, number, core.config.number};
    }
  }
  HF_ASSIGN(const Created created, drop_slot(core.config, core.keys, number, false));
  HF_TRY(store(created));
  HF_TRY(forget_older(created.config.number));
  return SlotChange{0, number, created.config.number};
}

Result<SlotChange> Slots::replace(std::uint32_t number, SlotLock lock, crypto::Argon2Cost cost) {
  const Repository::Core& core = repository_.core();
  const auto old = std::ranges::find(core.config.slots, number, &Slot::number);
  if (old == core.config.slots.end()) return make_error(ErrorKind::kNotFound, "vault has no slot " + std::to_string(number));
  const SlotRequest request{std::move(lock), old->level, old->label, true, cost};
  HF_ASSIGN(const Created added, add_slot(core.entropy, core.config, core.keys, request));
  HF_ASSIGN(const Created dropped, drop_slot(added.config, core.keys, number, false));
  HF_TRY(store(added));
  HF_TRY(store(dropped));
  HF_TRY(forget_older(dropped.config.number));
  return SlotChange{added.config.slots.back().number, number, dropped.config.number};
}

Status Slots::store(const Created& created) {
  const Repository::Core& core = repository_.core();
  HF_TRY(core.check_writable());
  const std::string name = config_name(created.config.number);
  Status put = core.create_once(name, created.object);
  if (put) return ok();
  if (put.error().kind != ErrorKind::kExists) return put;
  return make_error(ErrorKind::kExists, "somebody else changed the slots of this vault at the same time")
      .with_hint("Look at `holdfast vault key list`, then run the command again.")
      .with_object(name);
}

// A drop that was cut short: the newest config lacks the slot, and an older one still has it.
Result<bool> Slots::stands_in_older(std::uint32_t number) const {
  const Repository::Core& core = repository_.core();
  HF_ASSIGN(const std::vector<ObjectInfo> configs, core.list("config/"));
  for (const ObjectInfo& info : configs) {
    const auto n = parse_config_name(info.name);
    if (!n || *n >= core.config.number) continue;
    auto bytes = core.store.get(info.name);
    if (!bytes && bytes.error().kind == ErrorKind::kNotFound) continue;
    if (!bytes) return std::move(bytes).error();
    HF_ASSIGN(const Config older, parse_config(*bytes, info.name));
    if (std::ranges::find(older.slots, number, &Slot::number) != older.slots.end()) return true;
  }
  return false;
}

Status Slots::forget_older(std::uint64_t newest) {
  const Repository::Core& core = repository_.core();
  HF_ASSIGN(const std::vector<ObjectInfo> configs, core.list("config/"));
  for (const ObjectInfo& info : configs) {
    const auto number = parse_config_name(info.name);
    if (!number || *number >= newest) continue;
    Status removed = core.store.remove(info.name);
    if (removed || removed.error().kind == ErrorKind::kNotFound) continue;
    const std::string what = "the slot is dropped, but " + info.name + ", which still holds it, is not removed";
    return std::move(removed).error().with_context(what);
  }
  return ok();
}

}  // namespace hf::vault
