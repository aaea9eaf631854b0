// The parts of a repository that have a file each: backup.cc, restore.cc, check.cc, copy.cc.
#pragma once

#include "vault/core.h"
#include "vault/snapshot_record.h"

namespace hf::vault {

struct StoreObject {
  StoreId id{};
  StoreAbilities abilities;
};
Result<StoreObject> read_store_object(Store& store);
Bytes encode_store_object(const StoreId& id, const StoreAbilities& abilities);
Result<std::unique_ptr<BackupSession>> begin_session(const Repository::Core& core, SnapshotMeta meta);
Result<std::unique_ptr<SnapshotReader>> open_reader(const Repository::Core& core, SnapshotRecord record);
Result<CheckReport> check_vault(Repository& repository, const CheckOptions& options);
Result<CopyReport> copy_vault(Repository& from, Repository& to, const CopyFilter& filter);

}  // namespace hf::vault
