#include "sources/wal/push.h"

#include "sources/wal/fetch.h"
#include "sources/wal/record.h"

namespace hf::sources {
namespace {

constexpr std::size_t kMaxSegment = 1 << 30;

Error wrong(const std::string& path, const std::string& why) {
  return make_error(ErrorKind::kCorrupt, "archiving " + path + ": " + why).with_object(path);
}

Status push_segment(WalTarget& target, const std::string& path, const std::string& name,
                    const ClusterIdentity& cluster, Bytes bytes, bool partial) {
  HF_ASSIGN(WalFileName parsed, parse_wal_file_name(name, cluster.segment_size));
  vault::WalFrame frame;
  frame.system_id = cluster.system_id;
  frame.timeline = parsed.timeline;
  frame.segment_size = cluster.segment_size;
  frame.start = Lsn{parsed.segment * cluster.segment_size};
  if (bytes.size() != cluster.segment_size) return wrong(path, "it is not a whole segment");
  auto head = read_segment_head(bytes);
  if (!head || head->system_id != cluster.system_id || head->start != frame.start) {
    return wrong(path, "its content is not the segment that its name says");
  }
  WalDecoder decoder(cluster.segment_size, [&](const WalEvent& e) { add_event(frame.times, e); });
  decoder.reset(frame.start);
  decoder.feed(bytes);
  // A promoted server leaves the last segment of the old timeline so: behind its valid part it is of no
  // timeline.
  if (partial) bytes.resize(std::min<std::uint64_t>(bytes.size(), decoder.valid_end() - frame.start));
  if (bytes.empty()) return ok();
  frame.bytes = std::move(bytes);
  return partial ? target.put_frame(frame) : target.put_segment(frame);
}

}  // namespace

Status push_wal(Files& files, WalTarget& target, const WalPushOptions& options) {
  std::string path =
      options.path.starts_with('/') ? options.path : join_path(options.data_directory, options.path);
  std::string name = path.substr(path.rfind('/') + 1);
  HF_ASSIGN(ClusterIdentity cluster, read_cluster_identity(files, options.data_directory));
  HF_ASSIGN(Bytes bytes, read_file(files, path, kMaxSegment));
  constexpr std::string_view kPartial = ".partial";
  if (name.ends_with(".history")) {
    const std::optional<Timeline> timeline = history_name(name);
    if (!timeline) return wrong(path, "this is not the name of a history file");
    return target.put_history(cluster.system_id, *timeline, bytes);
  }
  if (name.ends_with(".backup")) {
    if (options.keep_other) return options.keep_other(name, bytes);
    return make_error(ErrorKind::kUnsupported,
                      "archiving " + path + ": there is no place for this kind of file");
  }
  bool partial = name.ends_with(kPartial);
  if (partial) name.resize(name.size() - kPartial.size());
  return push_segment(target, path, name, cluster, std::move(bytes), partial);
}

}  // namespace hf::sources
