#include "cli/journal_access.h"

#include <pwd.h>
#include <unistd.h>

#include <array>

#include "cli/vault_access.h"

namespace hf::cli {

namespace {

constexpr auto kLookAgain = 50ms;
constexpr std::size_t kPasswdBytes = 16 << 10;  // one line of the user database

// Owned by the process: journals keep a reference to it.
crypto::Entropy& journal_entropy() {
  static crypto::SystemEntropy source;
  return source;
}

}  // namespace

std::string journal_folder(const Context& context) { return join_path(context.state_dir, "journal"); }

record::Origin origin_of(const std::string& region) { return {host_name(), region}; }

// Whom the kernel knows, not what a variable says: USER can be set by anybody. SUDO_USER only tells which person root is.
record::Actor actor_of(const Context& context) {
  const auto sudo = context.environment.find("SUDO_USER");
  if (getuid() == 0 && sudo != context.environment.end() && !sudo->second.empty()) return {sudo->second, "sudo"};
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, kPasswdBytes> buffer{};
  if (getpwuid_r(getuid(), &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
    return {found->pw_name, "os-user"};
  return {"uid:" + std::to_string(getuid()), "os-user"};
}

record::Event stamped(Context& context, record::Event event, const std::string& region) {
  event.time = context.env.clock.wall();
  event.actor = actor_of(context);
  event.origin = origin_of(region);
  return event;
}

namespace {

Result<std::unique_ptr<journal::LocalJournal>> open_journal_now(Context& context, const std::string& region) {
  HF_TRY(context.env.files.make_dirs(context.state_dir));
  journal::LocalOptions options;
  options.folder = journal_folder(context);
  options.here = origin_of(region);
  return journal::LocalJournal::open(context.env.files, context.env.clock, context.env.log, journal_entropy(), options);
}

}  // namespace

Result<std::unique_ptr<journal::LocalJournal>> open_journal(Context& context, const std::string& region, Micros wait) {
  MonoTime deadline = context.env.clock.mono() + wait;
  while (true) {
    auto journal = open_journal_now(context, region);
    if (journal || journal.error().kind != ErrorKind::kBusy || context.env.clock.mono() > deadline) return journal;
    if (!context.env.clock.sleep_until(context.env.clock.mono() + kLookAgain, context.stop)) return journal;
  }
}

Result<std::unique_ptr<journal::LocalJournal>> read_journal(Context& context) {
  return journal::LocalJournal::open_reader(context.env.files, journal_folder(context));
}

Result<journal::ReadModel> read_model_of(Context& context, journal::Journal& journal) {
  const std::string path = join_path(context.state_dir, "read-model.sqlite");
  auto model = journal::ReadModel::open(context.env.files, path, journal);
  if (model) return model;
  context.env.log.info("journal", "read model kept in memory", {{"path", path}, {"error", model.error().text}});
  return journal::ReadModel::open(context.env.files, ":memory:", journal);
}

Outcome nothing_recorded(const Error& no_journal, const std::string& list) {
  Outcome out = finished(Json::object().set(list, Json::array()));
  out.warnings.push_back(no_journal.text + ". " + no_journal.hint);
  return out;
}

std::string new_run_id(Context& context, char kind) {
  std::string stamp = format_time(std::chrono::floor<Seconds>(context.env.clock.wall()));
  std::string out(1, kind);
  out += "-" + stamp.substr(0, 4) + stamp.substr(5, 2) + stamp.substr(8, 2) + "-" + stamp.substr(11, 2) +
         stamp.substr(14, 2) + stamp.substr(17, 2);
  return out + "-" + journal_entropy().hex_id().substr(0, 4);
}

}  // namespace hf::cli
