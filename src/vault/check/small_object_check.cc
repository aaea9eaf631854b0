#include "vault/check/small_object_check.h"

#include "vault/object/names.h"
#include "vault/parts.h"

namespace hf::vault {

Status SmallObjectCheck::check_all() {
  for (const char* prefix : {"config/", "leases/", "epoch/", "store"}) {
    HF_ASSIGN(const std::vector<ObjectInfo> objects, core_.list(prefix));
    for (const ObjectInfo& info : objects) {
      read_bytes_ += info.size;
      Status checked = check(info.name);
      if (!checked && checked.error().kind == ErrorKind::kNotFound) continue;    // a lease that ended meanwhile
      if (!checked) HF_TRY(findings_.note(info.name, std::move(checked).error()));
    }
  }
  return ok();
}

Status SmallObjectCheck::check(const std::string& object) const {
  if (object == kStoreObject) {
    HF_TRY(read_store_object(core_.store));
    return ok();
  }
  if (parse_config_name(object)) {
    HF_ASSIGN(const Bytes bytes, core_.store.get(object));
    HF_TRY(parse_config(bytes, object));
    return ok();
  }
  if (const auto number = parse_epoch_name(object)) return check_epoch(object, *number);
  if (const auto lease = parse_lease_name(object)) return check_lease(object, lease->part);
  return ok();
}

Status SmallObjectCheck::check_epoch(const std::string& object, std::uint64_t number) const {
  HF_ASSIGN(const SignedObject read, core_.read_signed(object, ObjectKind::kEpoch));
  HF_ASSIGN(const Epoch epoch, decode_epoch(read.body));
  if (epoch.number != number) return make_error(ErrorKind::kCorrupt, object + ": says another number");
  return ok();
}

Status SmallObjectCheck::check_lease(const std::string& object, const std::string& part) const {
  if (part == "open") {
    HF_ASSIGN(const SignedObject read, core_.read_signed(object, ObjectKind::kLeaseOpen));
    HF_TRY(decode_open(read.body));
  } else if (part == "beat") {
    HF_ASSIGN(const SignedObject read, core_.read_signed(object, ObjectKind::kLeaseBeat));
    HF_TRY(decode_beat(read.body));
  } else if (part == "fate" || part == "taken" || part == "forgotten") {
    HF_TRY(read_fate(core_, object));
  }
  return ok();
}

}  // namespace hf::vault
