// What a store can do, found out by trying, because its documentation may say otherwise. `vault init` does this once
// and keeps the result in the store's own object.
#pragma once

#include <string>
#include <vector>

#include "vault/store/store.h"

namespace hf::vault {

inline constexpr std::string_view kProbePrefix = "probe-";  // of the objects that are tried with

// Creates, replaces, lists and removes a few small objects. An error: the store refuses what every vault
// needs (to write and to read). Whatever else it cannot do is in the result.
Result<StoreAbilities> probe_store(Store& store, crypto::Entropy& entropy, Clock& clock);

// Object Lock: kBlocked where the bucket locks everything that is put in it, or where the address asks for locks and the
// bucket has none. True if what is put will be locked. A store that has no locks has none to check.
Result<bool> check_locks(Store& store);

// What is lost without each ability, a sentence each; empty where nothing is.
std::vector<std::string> what_is_lost(const StoreAbilities& abilities);

Bytes encode_abilities(const StoreAbilities& abilities);  // flags u32 | probed at i64
StoreAbilities decode_abilities(ByteView bytes);          // of nothing or of another length: not probed

}  // namespace hf::vault
