// Opening a vault from a URL and a credential, for every command that needs one.
#pragma once

#include <memory>
#include <string>

#include "base/json.h"
#include "cli/command.h"
#include "crypto/keys.h"
#include "plan/plan.h"
#include "vault/keys/key_text.h"
#include "vault/repository.h"

namespace hf::cli {

// An open vault and what it stands on.
struct OpenVault {
  std::string url;
  std::unique_ptr<vault::Store> store;
  std::unique_ptr<vault::Repository> repository;
};

// --vault, --passphrase-file, --key-file: add them to a command that opens a vault.
std::vector<Option> vault_options();
std::vector<Option> vault_options_and(std::vector<Option> more);
std::vector<Option> checked_vault_options(std::vector<Option> more = {});  // for open_checked_vault()

// --vault, else HOLDFAST_VAULT. kUsage if neither.
Result<std::string> vault_url(Context& context, const Arguments& args);
// --key-file, --passphrase-file, else HOLDFAST_PASSPHRASE. kDenied with a hint if none.
Result<vault::Credentials> vault_credentials(Context& context, const Arguments& args);

// The store that a URL names, with what it needs of the environment. Nothing is asked of it yet.
Result<std::unique_ptr<vault::Store>> open_store(Context& context, const std::string& url);
// For who opens a repository that is not yet whole.
vault::RepositoryContext repository_context(Context& context, vault::Store& store);
// What was found about a store by `vault init`, said in words to the operator, and as data.
Json tell_abilities(Context& context, const vault::StoreAbilities& abilities);

// What renewing locks took, said where there was any, and as data.
Json tell_locks(Context& context, const vault::LockTotals& locks);

// What a file holds: 32 bytes or their digits, a recipient's private key, or a recovery kit. kInvalid if none of them.
Result<vault::Credentials> read_key_file(Context& context, const std::string& path);
Result<vault::Credentials> read_passphrase_file(Context& context, const std::string& path);
Result<vault::RecoveryKit> read_kit_file(Context& context, const std::string& path);
vault::SlotLock lock_of(const vault::Credentials& credentials);  // the slot that a credential will open

Result<OpenVault> open_vault(Context& context, const std::string& url, const vault::Credentials& credentials);
Result<OpenVault> open_vault(Context& context, const Arguments& args);
// The same, and the vault must be as new as this machine saw it; --accept-older accepts one that is not.
Result<OpenVault> open_checked_vault(Context& context, const Arguments& args);
Status check_seen(OpenVault& vault, const Arguments& args);
void remember(Context& context, OpenVault& vault);  // after a command that wrote: what the vault shows by now
Result<OpenVault> init_vault(Context& context, const Arguments& args, const vault::InitOptions& options = {});
// The vault that the plan names; its key from the plan, and for S3 its class, encryption and locks. `component`: whose rows
// say how long objects are locked and of which class packs are; empty: the longest of all rows, the vault's class.
struct VaultAddress {
  std::string url;
  vault::Credentials credentials;
};
Result<VaultAddress> plan_vault_address(Context& context, const plan::Plan& plan, const std::string& name,
                                        const std::string& component = "");
Result<OpenVault> open_plan_vault(Context& context, const plan::Plan& plan, const std::string& name,
                                  const std::string& component = "");

Result<const plan::Vault*> named_vault(const plan::Plan& plan, const Arguments& args);    // --name, or the only one

std::string host_name();
std::string short_id(const vault::SnapshotId& id);  // the first 12 digits
std::string long_id(const vault::SnapshotId& id);

}  // namespace hf::cli
