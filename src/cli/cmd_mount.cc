// mount: a vault as a read-only file system, until it is unmounted or interrupted.
#include "base/text.h"
#include "cli/commands.h"
#include "cli/vault_access.h"
#include "mount/session.h"

namespace hf::cli {

namespace {

Outcome run_mount(Context& context, const Arguments& args) {
  const std::string& folder = args.positional()[0];
  auto vault = open_checked_vault(context, args);
  if (!vault) return failed(std::move(vault).error());
  auto files = mount::VaultFiles::open(*vault->repository);
  if (!files) return failed(std::move(files).error());
  auto session = mount::Session::mount(**files, context.env.log, {folder, args.flag("--allow-other")});
  if (!session) return failed(std::move(session).error().with_context("mounting " + vault->url));
  if (context.before_forced_end) context.before_forced_end([&session] { (*session)->unmount(); });
  context.out.note("mounted " + format_count((*files)->snapshots(), "snapshot") + " on " + folder +
                   "; Ctrl-C or `umount " + folder + "` ends it");
  Status ended = (*session)->run(context.stop);
  if (context.before_forced_end) context.before_forced_end({});
  if (!ended) return failed(std::move(ended).error());
  return finished(Json::object().set("mounted", folder).set("snapshots", (*files)->snapshots()));
}

}  // namespace

std::vector<Command> mount_commands() {
  return {
      {{"mount"},
       "a vault as a read-only file system",
       {"holdfast mount --vault /backup/main /mnt", "ls /mnt/hosts/alpha/latest/etc   # while `holdfast mount` runs",
        "holdfast mount --vault /backup/main --allow-other /mnt"},
       checked_vault_options({{"--allow-other", "", "others may look, too, as far as the files' modes let them", false, false}}),
       "DIR",
       1,
       1,
       run_mount},
  };
}

}  // namespace hf::cli
