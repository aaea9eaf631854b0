// The vault's WAL archive as the target of a receiver.
#pragma once

#include "sources/wal/target.h"

namespace hf::sources {

class ArchiveTarget final : public WalTarget {
 public:
  explicit ArchiveTarget(vault::WalArchive& archive) : archive_(archive) {}
  Status put_frame(const vault::WalFrame& frame) override { return archive_.put_frame(frame); }
  Status put_segment(const vault::WalFrame& whole) override { return archive_.put_segment(whole); }
  Status put_history(std::uint64_t system_id, Timeline timeline, ByteView text) override {
    return archive_.put_history(system_id, timeline, text);
  }
  Status put_seal(const vault::TimelineSeal& seal) override { return archive_.put_seal(seal); }
  Result<std::vector<vault::TimelineSeal>> read_seals(std::uint64_t system_id, Timeline timeline) override {
    return archive_.read_seals(system_id, timeline);
  }

 private:
  vault::WalArchive& archive_;
};

}  // namespace hf::sources
