#include "cli/attach.h"

#include "base/hex.h"
#include "cli/vault_access.h"
#include "vault/attachments.h"

namespace hf::cli {

namespace {

struct Belongings {
  std::string origin, leaves, key;
};

Result<Belongings> gather(journal::Journal& journal) {
  Belongings out;
  out.origin = journal.identity().origin;
  out.key = to_hex(journal.identity().public_key);
  HF_TRY(journal.read(0, [&](const journal::Entry& e) {
    out.leaves += e.leaf + "\n";
    return true;
  }));
  return out;
}

Status attach_to(Context& context, const PlanFile& file, const std::string& vault_name, const Belongings& what) {
  HF_ASSIGN(OpenVault vault, open_plan_vault(context, file.loaded.plan, vault_name));
  vault::Attachments attachments(*vault.repository);
  HF_TRY(attachments.put("plan", file.hash, as_bytes(file.loaded.canonical)));
  HF_TRY(attachments.put("journal", what.origin, as_bytes(what.leaves)));
  HF_TRY(attachments.put("journal-key", what.origin, as_bytes(what.key)));
  return ok();
}

}  // namespace

std::vector<std::string> attach_state(Context& context, const PlanFile& file, journal::Journal& journal) {
  std::vector<std::string> skipped;
  auto what = gather(journal);
  if (!what) return {"the journal could not be read for the vaults: " + what.error().text};
  for (const plan::Vault& v : file.loaded.plan.vaults)
    if (auto done = attach_to(context, file, v.name, *what); !done)
      skipped.push_back("plan and journal are not in vault '" + v.name + "': " + done.error().text);
  return skipped;
}

}  // namespace hf::cli
