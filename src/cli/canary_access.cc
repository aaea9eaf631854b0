#include "cli/canary_access.h"

#include "base/json.h"
#include "crypto/keys.h"

namespace hf::cli {

namespace {

constexpr std::size_t kCanaryKeyBytes = 32;
constexpr std::size_t kMaxCanaryBytes = 4096;

std::string canary_path(const Context& context, const std::string& component) {
  return join_path(context.state_dir, "canary-" + component + ".json");
}

}  // namespace

Result<Secret> canary_key(Context& context) {
  Files& files = context.env.files;
  HF_TRY(files.make_dirs(context.state_dir));
  const std::string path = join_path(context.state_dir, "canary.key");
  if (!file_exists(files, path)) {
    crypto::SystemEntropy entropy;
    Status made = create_file_atomic(files, path, entropy.bytes(kCanaryKeyBytes));
    if (!made && made.error().kind != ErrorKind::kExists) return std::move(made).error();
  }
  HF_ASSIGN(Bytes key, read_file(files, path, kCanaryKeyBytes));
  return Secret(std::move(key));
}

Status remember_canary(Context& context, const std::string& component, const sources::CanaryRow& row) {
  Json note = Json::object();
  note.set("number", row.number).set("written", format_time(row.written)).set("origin", row.origin);
  return write_file_atomic(context.env.files, canary_path(context, component), as_bytes(dump_json(note)));
}

Result<std::optional<sources::CanaryRow>> remembered_canary(Context& context, const std::string& component) {
  const std::string path = canary_path(context, component);
  if (!file_exists(context.env.files, path)) return std::optional<sources::CanaryRow>();
  HF_ASSIGN(Bytes bytes, read_file(context.env.files, path, kMaxCanaryBytes));
  HF_ASSIGN(Json note, parse_json(as_text(bytes)));
  sources::CanaryRow row;
  row.number = static_cast<std::uint64_t>(note["number"].as_int());
  HF_ASSIGN(row.written, parse_time(note["written"].as_string()));
  row.origin = note["origin"].as_string();
  return std::optional<sources::CanaryRow>(row);
}

}  // namespace hf::cli
