// One pack looked at: its size, footer and directory; and where its data is chosen, its records and its parity.
// Who has no read key compares its bytes with the index's digest. Any thread may check any pack, one at a time each.
#pragma once

#include <atomic>
#include <span>

#include "vault/check/indexed_packs.h"
#include "vault/check/read_choice.h"
#include "vault/core.h"
#include "vault/pack/record_reader.h"

namespace hf::vault {

class PackCheck {
 public:
  PackCheck(const Repository::Core& core, const ReadChoice& choice, const IndexedPacks& packs)
      : core_(core), choice_(choice), packs_(packs) {}
  // `indexed`: null if no run names it; learns what the pack does not give. `records`: the thread's.
  // kCorrupt: the pack is not what was written.
  Status check(const ObjectInfo& object, IndexedPack* indexed, RecordReader& records);
  void tell(CheckReport& report) const { report.read_bytes += read_bytes_; }

 private:
  struct Pack {
    const std::string& object;
    std::uint64_t size = 0;
    IndexedPack* indexed = nullptr;
    RecordReader& records;
  };
  Result<Bytes> read_footer(const Pack& pack) const;
  Status check_directory(const Pack& pack, OpenedPack& opened);
  Status read(const Pack& pack, OpenedPack* proven);
  Result<bool> has_its_digest(const Pack& pack);
  Result<bool> prove(const Pack& pack, OpenedPack* proven);
  Result<OpenedPack> open_for_reading(const Pack& pack) const;
  Result<bool> prove_records(const Pack& pack, const PackKey& key, std::span<const PackEntry> entries);
  Result<bool> prove_piece(const Pack& pack, const PackKey& key, std::span<const PackEntry> entries, std::uint64_t begin,
                           std::uint64_t end);
  Status prove_parity(const Pack& pack, const PackFooter& footer);
  void count(std::uint64_t bytes);

  const Repository::Core& core_;
  const ReadChoice& choice_;
  const IndexedPacks& packs_;
  std::atomic<std::uint64_t> read_bytes_ = 0;
};

}  // namespace hf::vault
