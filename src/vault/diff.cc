#include "vault/diff.h"

#include <algorithm>

namespace hf::vault {
namespace {

// Adjacent holes are one, and how an extent is cut out of its chunk counts: equal lists are equal bytes.
bool same_content(const Entry& a, const Entry& b) {
  if (a.size != b.size) return false;
  if (!a.page_digests.empty() || !a.page_digest_chunks.empty()) {
    if (a.page_digests == b.page_digests && a.page_digest_chunks == b.page_digest_chunks) return true;
  }
  return a.extents == b.extents;
}

std::vector<std::string> metadata_changes(const Entry& a, const Entry& b) {
  std::vector<std::string> what;
  if (a.mode != b.mode) what.emplace_back("mode");
  if (a.uid != b.uid || a.gid != b.gid || a.user != b.user || a.group != b.group) what.emplace_back("owner");
  if (a.mtime != b.mtime) what.emplace_back("mtime");
  if (a.xattrs != b.xattrs) what.emplace_back("attributes");
  if (a.flags != b.flags) what.emplace_back("flags");
  return what;
}

std::vector<std::string> content_changes(const Entry& a, const Entry& b) {
  std::vector<std::string> what;
  if (a.type != b.type) what.emplace_back("type");
  else if (!same_content(a, b)) what.emplace_back("content");
  if (a.type == b.type && a.target != b.target) what.emplace_back("target");
  if (a.rdev != b.rdev) what.emplace_back("device");
  return what;
}

class Merge {
 public:
  Merge(SnapshotReader& before, SnapshotReader& after, const std::function<Status(const Change&)>& each)
      : before_(before), after_(after), each_(each) {}
  Result<DiffTotals> run();

 private:
  Status both(const EntryView& old, const EntryView& fresh);
  bool is_above(const std::string& path) const;
  Status tell(const Change& change, DiffTotals::Count& count);
  SnapshotReader& before_;
  SnapshotReader& after_;
  const std::function<Status(const Change&)>& each_;
  DiffTotals totals_;
};

Status Merge::tell(const Change& change, DiffTotals::Count& count) {
  ++count.entries;
  count.old_bytes += change.old_bytes;
  count.new_bytes += change.new_bytes;
  return each_(change);
}

// A folder above what was backed up: it stands in the tree so that this is whole, and is not itself what is compared.
bool Merge::is_above(const std::string& path) const {
  return std::ranges::any_of(after_.info().meta.paths,
                             [&](const std::string& root) { return root.starts_with("/" + path + "/"); });
}

Status Merge::both(const EntryView& old, const EntryView& fresh) {
  if (old.complete && fresh.complete && std::ranges::equal(old.record, fresh.record)) {
    ++totals_.unchanged;
    return ok();
  }
  HF_ASSIGN(const Entry a, before_.entry_of_view());
  HF_ASSIGN(const Entry b, after_.entry_of_view());
  Change change{ChangeKind::kContent, b.path, b.type, a.size, b.size, content_changes(a, b)};
  const bool content = !change.what.empty();
  for (std::string& what : metadata_changes(a, b)) change.what.push_back(std::move(what));
  if (change.what.empty() || (!content && is_above(b.path))) {
    ++totals_.unchanged;
    return ok();
  }
  if (content) return tell(change, totals_.changed);
  change.kind = ChangeKind::kMetadata;
  return tell(change, totals_.metadata);
}

Result<DiffTotals> Merge::run() {
  HF_ASSIGN(const EntryView* old, before_.next_view());
  HF_ASSIGN(const EntryView* fresh, after_.next_view());
  while (old != nullptr || fresh != nullptr) {
    const int order = old == nullptr ? 1 : fresh == nullptr ? -1 : compare_paths(old->path, fresh->path);
    if (order < 0) HF_TRY(tell({ChangeKind::kRemoved, std::string(old->path), old->type, old->size, 0, {}}, totals_.removed));
    if (order > 0) HF_TRY(tell({ChangeKind::kAdded, std::string(fresh->path), fresh->type, 0, fresh->size, {}}, totals_.added));
    if (order == 0) HF_TRY(both(*old, *fresh));
    if (order <= 0) {
      HF_ASSIGN(old, before_.next_view());
    }
    if (order >= 0) {
      HF_ASSIGN(fresh, after_.next_view());
    }
  }
  return totals_;
}

}  // namespace

std::string_view to_string(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::kAdded: return "added";
    case ChangeKind::kRemoved: return "removed";
    case ChangeKind::kContent: return "changed";
    case ChangeKind::kMetadata: return "metadata";
  }
  return "changed";
}

Result<DiffTotals> diff_snapshots(SnapshotReader& before, SnapshotReader& after,
                                  const std::function<Status(const Change&)>& each) {
  return Merge(before, after, each).run();
}

}  // namespace hf::vault
