// WAL objects and attachments: their heads, and where their data is chosen, every byte of it.
#pragma once

#include <atomic>
#include <vector>

#include "vault/check/findings.h"
#include "vault/check/read_choice.h"
#include "vault/core.h"
#include "vault/object/blob.h"

namespace hf::vault {

struct BlobToCheck {
  ObjectInfo object;
  ObjectKind kind = ObjectKind::kAttachment;
};

class BlobCheck {
 public:
  BlobCheck(const Repository::Core& core, const ReadChoice& choice, Findings& findings)
      : core_(core), choice_(choice), findings_(findings) {}
  Status check_all();
  Result<std::vector<BlobToCheck>> list();
  // Any thread may check any of them. Fine if it is gone: a frame that was sealed meanwhile.
  Status check(const ObjectInfo& object, ObjectKind kind);
  void tell(CheckReport& report) const;

 private:
  Status look(const ObjectInfo& object, ObjectKind kind);
  Status read(const std::string& object, ObjectKind kind, const BlobHead& head);

  const Repository::Core& core_;
  const ReadChoice& choice_;
  Findings& findings_;
  std::uint64_t wal_objects_ = 0;
  std::uint64_t attachments_ = 0;
  std::atomic<std::uint64_t> read_bytes_ = 0;
};

}  // namespace hf::vault
