// Owner and mode of the file are read and set by the system calls themselves: the service, which is often another
// user, must be able to read the new file from the instant at which it has its name.
#include "actions/configure.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "base/hex.h"
#include "crypto/hash.h"

namespace hf::actions {
namespace {

constexpr std::size_t kLargestFile = 1 << 20;
constexpr Micros kReloadTimeout = 20s;

using Pairs = std::vector<std::pair<std::string, std::string>>;

struct WantedSettings {
  std::string path;
  Pairs set;
  std::vector<std::string> reload;
};

Result<WantedSettings> wanted_settings(const runbook::StepContext& context) {
  WantedSettings w;
  HF_ASSIGN(w.path, text_of(context, "path"));
  for (const Json& pair : context.step.input["set"].items()) {
    if (pair.items().size() != 2)
      return make_error(ErrorKind::kInvalid, "step '" + context.step.name + "' sets something without a value");
    const std::string& value = pair.items()[1].as_string();
    if (value.find('\n') != std::string::npos || value.find('{') != std::string::npos)
      return make_error(ErrorKind::kInvalid, "the value of " + pair.items()[0].as_string() +
                                                 " has a line break or a name in braces that nothing fills")
          .with_hint(
              "Write one line; braces are filled for {COMPONENT.host}, {COMPONENT.port} and {REGION.address}.");
    w.set.emplace_back(pair.items()[0].as_string(), value);
  }
  w.reload = texts_of(context.step.input["reload"]);
  return w;
}

std::string stamp_path(const std::string& path) { return path + ".holdfast"; }
std::string digest_of(std::string_view text) { return to_hex(crypto::sha256(as_bytes(text))); }

Result<std::string> text_at(Files& files, const std::string& path) {
  HF_ASSIGN(const Bytes bytes, read_file(files, path, kLargestFile));
  return to_text(bytes);
}

// The key of a line; empty for comments and blanks.
std::string_view key_of(std::string_view line) {
  const std::size_t start = line.find_first_not_of(" \t");
  if (start == std::string_view::npos || line[start] == '#') return {};
  const std::size_t equals = line.find('=');
  if (equals == std::string_view::npos) return {};
  std::string_view key = line.substr(start, equals - start);
  while (!key.empty() && (key.back() == ' ' || key.back() == '\t')) key.remove_suffix(1);
  return key;
}

Status write_like(Files& files, const std::string& path, std::string_view text) {
  struct stat old{};
  const bool existed = ::stat(path.c_str(), &old) == 0;
  const std::string beside = path + ".holdfast-new";
  HF_TRY(write_file_atomic(files, beside, as_bytes(text), existed ? old.st_mode & 07777 : 0644));
  if (existed && ::chown(beside.c_str(), old.st_uid, old.st_gid) != 0)
    return errno_error(errno, "giving to its owner", beside);
  if (existed && ::chmod(beside.c_str(), old.st_mode & 07777) != 0)
    return errno_error(errno, "setting the mode of", beside);
  HF_TRY(files.move(beside, path, IfExists::kReplace));
  return files.sync_dir(parent_path(path));
}

}  // namespace

std::string with_keys_set(std::string_view text, const Pairs& set) {
  std::string out;
  std::vector<bool> written(set.size(), false);
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    const auto known =
        std::ranges::find_if(set, [&](const auto& kv) { return !kv.first.empty() && kv.first == key_of(line); });
    if (known == set.end()) {
      out.append(line).append("\n");
    } else if (!written[static_cast<std::size_t>(known - set.begin())]) {
      out += known->first + "=" + known->second + "\n";
      written[static_cast<std::size_t>(known - set.begin())] = true;
    }
  }
  for (std::size_t i = 0; i < set.size(); ++i)
    if (!written[i]) out += set[i].first + "=" + set[i].second + "\n";
  return out;
}

Result<runbook::Observation> ConfigureAction::observe(const runbook::StepContext& context) {
  HF_ASSIGN(const WantedSettings w, wanted_settings(context));
  auto text = text_at(r_.env.files, w.path);
  if (!text && text.error().kind == ErrorKind::kNotFound)
    return runbook::Observation::not_done(w.path + " does not exist yet");
  if (!text) return std::move(text).error();
  if (with_keys_set(*text, w.set) != *text) return runbook::Observation::not_done(w.path + " has other values");
  if (w.reload.empty()) return runbook::Observation::done(w.path + " has the wanted values");
  const auto stamp = text_at(r_.env.files, stamp_path(w.path));
  if (!stamp || *stamp != digest_of(*text))
    return runbook::Observation::not_done(w.path + " has the wanted values, not yet reloaded");
  return runbook::Observation::done(w.path + " has the wanted values and was reloaded");
}

Result<runbook::Progress> ConfigureAction::start(const runbook::StepContext& context) {
  HF_ASSIGN(const WantedSettings w, wanted_settings(context));
  auto old = text_at(r_.env.files, w.path);
  if (!old && old.error().kind != ErrorKind::kNotFound) return std::move(old).error();
  const std::string text = with_keys_set(old ? *old : std::string(), w.set);
  if (!old || text != *old) {
    auto written = write_like(r_.env.files, w.path, text);
    if (!written) return std::move(written).error().maybe_happened();
  }
  if (w.reload.empty()) return runbook::Progress::done(w.path + " has the wanted values");
  ProcessSpec spec;
  spec.argv = w.reload;
  auto exit = run_process(r_.env.processes, r_.env.clock, spec, kReloadTimeout, context.stop);
  if (!exit)
    return std::move(exit).error().with_context("reloading after " + w.path + " was written").maybe_happened();
  if (exit->code != 0)
    return make_error(ErrorKind::kFailed, "reloading after " + w.path + " was written: '" + w.reload[0] +
                                              "' exited with " + std::to_string(exit->code) + ": " +
                                              exit->errors.substr(0, 200))
        .maybe_happened();
  auto stamped = write_file_atomic(r_.env.files, stamp_path(w.path), as_bytes(digest_of(text)));
  if (!stamped) return std::move(stamped).error().maybe_happened();
  return runbook::Progress::done(w.path + " has the wanted values and was reloaded");
}

}  // namespace hf::actions
