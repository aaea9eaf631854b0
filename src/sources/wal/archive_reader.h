// The vault's WAL archive as what `wal fetch` reads from.
#pragma once

#include "sources/wal/fetch.h"

namespace hf::sources {

class ArchiveReader final : public WalReader {
 public:
  ArchiveReader(vault::WalArchive& archive, std::uint64_t system_id)
      : archive_(archive), system_id_(system_id) {}

  Result<vault::WalSegmentData> read_segment(Timeline timeline, std::uint64_t segment) override {
    return archive_.read_segment(system_id_, timeline, segment);
  }
  Result<Bytes> read_history(Timeline timeline) override {
    return archive_.read_history(system_id_, timeline);
  }
  Result<std::vector<vault::TimelineSeal>> read_seals(Timeline timeline) override {
    return archive_.read_seals(system_id_, timeline);
  }
  // Reads the headers of the whole archive: asked only where a recovery comes to an end.
  Result<bool> has_wal_from(Timeline timeline, Lsn lsn) override {
    auto coverage = archive_.coverage(system_id_);
    if (!coverage && coverage.error().kind == ErrorKind::kNotFound) return false;
    if (!coverage) return Error(std::move(coverage).error());
    const vault::TimelineCoverage* t = coverage->find(timeline);
    return t != nullptr && !t->ranges.empty() && t->ranges.back().end > lsn;
  }

 private:
  vault::WalArchive& archive_;
  const std::uint64_t system_id_;
};

}  // namespace hf::sources
