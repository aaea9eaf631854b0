#include "sources/files/selection.h"

#include <algorithm>

namespace hf::sources {

using vault::Entry;
using vault::EntryType;

Result<TreeSelection> TreeSelection::make(const std::vector<std::string>& includes, const std::vector<std::string>& excludes) {
  HF_ASSIGN(PathPatterns in, PathPatterns::parse(includes));
  HF_ASSIGN(PathPatterns out, PathPatterns::parse(excludes));
  return TreeSelection(std::move(in), std::move(out));
}

// An entry that is asked for, with the folders above it.
Status TreeSelection::consider(const vault::EntryView& view) {
  const bool directory = view.type == EntryType::kDirectory;
  while (!waiting_.empty() && !view.path.starts_with(waiting_.back().path + "/")) waiting_.pop_back();
  if (excludes_.covers(view.path, directory)) return ok();
  const bool wanted = includes_.empty() || includes_.chooses(view.path, directory);
  if (!wanted && !directory) return ok();
  const bool taken = !*of_type_ || (*of_type_)(view.type);
  if (!wanted) {
    if (!taken) return ok();
    HF_ASSIGN(Entry above, reader_->entry_of_view());
    waiting_.push_back(std::move(above));
    return ok();
  }
  for (Entry& folder : waiting_) HF_TRY((*take_)(std::move(folder)));
  waiting_.clear();
  if (!taken) return ok();
  HF_ASSIGN(Entry entry, reader_->entry_of_view());
  return (*take_)(std::move(entry));
}

// What lies at `anchor` and below it, and the folders above; nothing else of the tree is read.
Status TreeSelection::each_below(const std::string& anchor, std::set<std::string>& seen) {
  for (std::size_t slash = anchor.find('/'); slash != std::string::npos; slash = anchor.find('/', slash + 1)) {
    const std::string above = anchor.substr(0, slash);
    if (!seen.insert(above).second) continue;
    HF_TRY(reader_->seek_view(above));
    HF_ASSIGN(const vault::EntryView* view, reader_->next_view());
    if (view != nullptr && view->path == above) HF_TRY(consider(*view));
  }
  HF_TRY(reader_->seek_view(anchor));
  while (true) {
    HF_ASSIGN(const vault::EntryView* view, reader_->next_view());
    if (view == nullptr || (view->path != anchor && !view->path.starts_with(anchor + "/"))) return ok();
    HF_TRY(consider(*view));
  }
}

Status TreeSelection::each(vault::SnapshotReader& reader, const OfType& of_type,
                           const std::function<Status(Entry)>& take) {
  reader_ = &reader;
  of_type_ = &of_type;
  take_ = &take;
  waiting_.clear();
  std::vector<std::string> anchors = includes_.anchors();
  std::ranges::sort(anchors, [](const std::string& a, const std::string& b) { return vault::compare_paths(a, b) < 0; });
  std::set<std::string> seen;
  std::string last;
  for (const std::string& anchor : anchors) {
    if (!last.empty() && (anchor == last || anchor.starts_with(last + "/"))) continue;
    HF_TRY(each_below(anchor, seen));
    last = anchor;
  }
  if (!anchors.empty()) return ok();
  while (true) {
    HF_ASSIGN(const vault::EntryView* view, reader.next_view());
    if (view == nullptr) return ok();
    HF_TRY(consider(*view));
  }
}

}  // namespace hf::sources
