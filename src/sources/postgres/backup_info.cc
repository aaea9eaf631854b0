// Attributes to types and back. See backup_info.h.
#include "sources/postgres/backup_info.h"


#include "base/hex.h"
#include "base/json.h"
#include "base/text.h"

namespace hf::sources {
namespace {

constexpr std::string_view kLimitPrefix = "limit.";

class Attributes {
 public:
  explicit Attributes(const vault::SnapshotInfo& snapshot) : snapshot_(snapshot) {}

  Error bad(const std::string& name, const std::string& why) const {
    return make_error(ErrorKind::kInvalid, "snapshot " + to_hex(snapshot_.id).substr(0, 12) + ": attribute " + name + " " + why)
        .with_hint("It was not written by a PostgreSQL backup of this program, or by a newer one.");
  }
  Result<std::string> text(const std::string& name) const {
    const auto at = snapshot_.meta.attributes.find(name);
    if (at == snapshot_.meta.attributes.end()) return bad(name, "is missing");
    return at->second;
  }
  template <class T>
  Result<T> number(const std::string& name) const {
    HF_ASSIGN(const std::string value, text(name));
    if (const auto whole = parse_whole<T>(value)) return *whole;
    return bad(name, "is not a number");
  }
  Result<Lsn> lsn(const std::string& name) const {
    HF_ASSIGN(const std::string value, text(name));
    return parse_lsn(value);
  }
  Result<WallTime> time(const std::string& name) const {
    HF_ASSIGN(const std::string value, text(name));
    return parse_time(value);
  }
  Result<Json> json(const std::string& name) const {
    HF_ASSIGN(const std::string value, text(name));
    return parse_json(value);
  }

 private:
  const vault::SnapshotInfo& snapshot_;
};

std::string database_json(const PostgresBackupInfo& info) {
  Json list = Json::array();
  for (const auto& d : info.databases) list.push(Json::object().set("name", d.name).set("bytes", d.bytes));
  return dump_json(list);
}

std::string tablespace_json(const PostgresBackupInfo& info) {
  Json list = Json::array();
  for (const auto& t : info.tablespaces) list.push(Json::object().set("oid", t.oid).set("location", t.location));
  return dump_json(list);
}

}  // namespace

std::map<std::string, std::string> to_attributes(const PostgresBackupInfo& info) {
  std::map<std::string, std::string> out = {
      {"system_id", std::to_string(info.system_id)},
      {"server_version", std::to_string(info.server_version)},
      {"timeline", std::to_string(info.timeline)},
      {"start_lsn", format_lsn(info.start_lsn)},
      {"stop_lsn", format_lsn(info.stop_lsn)},
      {"wal_segment_bytes", std::to_string(info.wal_segment_bytes)},
      {"block_bytes", std::to_string(info.block_bytes)},
      {"page_checksums", info.page_checksums ? "on" : "off"},
      {"from_standby", info.from_standby ? "yes" : "no"},
      {"started_at", format_time(info.started)},
      {"finished_at", format_time(info.finished)},
      {"databases", database_json(info)},
      {"tablespaces", tablespace_json(info)},
  };
  for (const auto& [name, value] : info.limits) out.emplace(std::string(kLimitPrefix) + name, value);
  return out;
}

Result<PostgresBackupInfo> backup_info(const vault::SnapshotInfo& snapshot) {
  const Attributes from(snapshot);
  if (snapshot.meta.kind != vault::SnapshotKind::kPostgres) {
    return make_error(ErrorKind::kInvalid, "snapshot " + to_hex(snapshot.id).substr(0, 12) + " is not of a PostgreSQL cluster")
        .with_hint("`holdfast backup list` shows what each snapshot is.");
  }
  PostgresBackupInfo info;
  HF_ASSIGN(info.system_id, from.number<std::uint64_t>("system_id"));
  HF_ASSIGN(info.server_version, from.number<int>("server_version"));
  HF_ASSIGN(info.timeline, from.number<Timeline>("timeline"));
  HF_ASSIGN(info.start_lsn, from.lsn("start_lsn"));
  HF_ASSIGN(info.stop_lsn, from.lsn("stop_lsn"));
  HF_ASSIGN(info.wal_segment_bytes, from.number<std::uint64_t>("wal_segment_bytes"));
  HF_ASSIGN(info.block_bytes, from.number<std::uint32_t>("block_bytes"));
  HF_ASSIGN(const std::string checksums, from.text("page_checksums"));
  info.page_checksums = checksums == "on";
  HF_ASSIGN(const std::string standby, from.text("from_standby"));
  info.from_standby = standby == "yes";
  HF_ASSIGN(info.started, from.time("started_at"));
  HF_ASSIGN(info.finished, from.time("finished_at"));
  HF_ASSIGN(const Json databases, from.json("databases"));
  for (const Json& d : databases.items()) {
    info.databases.push_back({d["name"].as_string(), static_cast<std::uint64_t>(d["bytes"].as_int())});
  }
  HF_ASSIGN(const Json tablespaces, from.json("tablespaces"));
  for (const Json& t : tablespaces.items()) {
    info.tablespaces.push_back({static_cast<std::uint32_t>(t["oid"].as_int()), t["location"].as_string()});
  }
  for (const auto& [name, value] : snapshot.meta.attributes) {
    if (name.starts_with(kLimitPrefix)) info.limits[name.substr(kLimitPrefix.size())] = value;
  }
  const bool power = (info.wal_segment_bytes & (info.wal_segment_bytes - 1)) == 0;
  if (info.wal_segment_bytes < (1u << 20) || !power) return from.bad("wal_segment_bytes", "is not a power of two");
  if (info.timeline == 0 || info.stop_lsn < info.start_lsn) return from.bad("stop_lsn", "lies before start_lsn");
  return info;
}

}  // namespace hf::sources
