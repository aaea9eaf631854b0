#include "cli/snapshot_json.h"

#include "base/hex.h"
#include "base/text.h"
#include "cli/vault_access.h"

namespace hf::cli {

Json snapshot_json(const vault::SnapshotInfo& snapshot) {
  Json paths = Json::array(), odd = Json::array(), tags = Json::array();
  bool any_odd = false;
  for (const std::string& path : snapshot.meta.paths) {
    const bool text = valid_utf8_prefix(path) == path.size();
    if (text) paths.push(path);
    else odd.push(to_base64(as_bytes(path)));
    any_odd = any_odd || !text;
  }
  for (const std::string& tag : snapshot.meta.tags) tags.push(tag);
  Json out = Json::object();
  out.set("snapshot", long_id(snapshot.id)).set("time", format_time(snapshot.finished));
  out.set("host", snapshot.meta.host).set("component", snapshot.meta.component);
  out.set("kind", vault::to_string(snapshot.meta.kind)).set("paths", paths);
  if (any_odd) out.set("paths_base64", odd);
  return out.set("source_bytes", snapshot.source_bytes).set("tags", tags).set("partial", snapshot.partial);
}

}  // namespace hf::cli
