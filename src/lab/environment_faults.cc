// What goes wrong in the lab besides a region's death: machines that hang, a disk that is lost, another plan.
#include <csignal>

#include "base/check.h"
#include "lab/environment.h"

namespace hf::lab {

Status Environment::signal_region(const std::string& name, int number) {
  HF_CHECK(name == "us-east");
  for (auto& [key, process] : processes_)
    if (key.starts_with(name + "/")) HF_TRY(process->signal(number));
  for (const char* server : {"primary", "replica"})
    HF_TRY(number == SIGSTOP ? servers_.at(server).pause() : servers_.at(server).thaw());
  return ok();
}

Status Environment::freeze_region(const std::string& name) { return signal_region(name, SIGSTOP); }

Status Environment::thaw_region(const std::string& name) { return signal_region(name, SIGCONT); }

Status Environment::freeze_name_server() { return name_server_->process().signal(SIGSTOP); }

Status Environment::thaw_name_server() { return name_server_->process().signal(SIGCONT); }

Status Environment::lose_receiver(const std::string& region) {
  const std::string name = region == "us-west" ? "receiver_west" : "receiver_eu";
  HF_TRY(end_process(region + "/" + name, SIGKILL));
  return remove_tree(env_.files, regions_.at(region).dir + "/spool");
}

Result<std::string> Environment::write_plan_variant(const std::string& name, const PlanEdits& edits) {
  std::string text = demo_plan(plan_facts());
  for (const auto& [what, with] : edits) {
    const std::size_t at = text.find(what);
    if (at == std::string::npos) return make_error(ErrorKind::kInvalid, "the lab's plan has no text '" + what + "'");
    text.replace(at, what.size(), with);
  }
  std::string path = options_.root + "/" + name + ".yaml";
  HF_TRY(write_file_atomic(env_.files, path, as_bytes(text), 0644));
  HF_TRY(sources::give_to(path, user_));
  return path;
}

}  // namespace hf::lab
