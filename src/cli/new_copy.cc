#include "cli/new_copy.h"

#include <filesystem>

#include "base/hex.h"
#include "cli/exit_codes.h"
#include "crypto/hash.h"
#include "io/files.h"

namespace hf::cli {

namespace {

// The file that says that a copy of `from` was seen at `url`: STATE/vaults/copies/<SHA-256 of the vault's id and the address>.
Result<std::string> trace_path(Context& context, OpenVault& from, const std::string& url) {
  HF_ASSIGN(const std::unique_ptr<vault::Store> store, open_store(context, url));
  std::string address = store->properties().place;
  address = address.starts_with("s3://") ? url : std::filesystem::absolute(address).lexically_normal().string();
  const std::string name = to_hex(crypto::sha256(as_bytes(from.repository->vault_id() + " " + address)));
  return join_path(context.state_dir, "vaults/copies/" + name);
}

Status leave_trace(Context& context, OpenVault& from, const std::string& url) {
  HF_ASSIGN(const std::string path, trace_path(context, from, url));
  if (file_exists(context.env.files, path)) return ok();
  HF_TRY(context.env.files.make_dirs(parent_path(path), 0700));
  return write_file_atomic(context.env.files, path, as_bytes(url + "\n"), 0600);
}

// A copy is good without its trace, for example where the state folder is read-only.
void try_to_leave_trace(Context& context, OpenVault& from, const std::string& url) {
  if (Status left = leave_trace(context, from, url); !left)
    context.env.log.info("vault", "it is not remembered where the copy is", {{"error", left.error().text}});
}

}  // namespace

Result<Json> make_copy(Context& context, OpenVault& from, const std::string& url) {
  HF_ASSIGN(const std::unique_ptr<vault::Store> store, open_store(context, url));
  HF_ASSIGN(const vault::StoreAbilities found, from.repository->init_copy(*store, true));
  try_to_leave_trace(context, from, url);
  context.out.line("created a copy of vault " + from.repository->vault_id() + " at " + url);
  return tell_abilities(context, found);
}

Result<OpenVault> open_copy(Context& context, OpenVault& from, const std::string& url, const vault::Credentials& credentials) {
  auto copy = open_vault(context, url, credentials);
  if (copy) {
    if (copy->repository->vault_id() == from.repository->vault_id()) try_to_leave_trace(context, from, url);
    return copy;
  }
  if (copy.error().id != kNoVaultId) return copy;
  HF_ASSIGN(const std::string trace, trace_path(context, from, url));
  if (file_exists(context.env.files, trace)) {
    Error gone = std::move(copy).error();
    gone.text += ", where this machine saw a copy of " + from.url;
    gone.hint = "Is its disk mounted? If it is lost, make another: holdfast vault init --copy-of " + from.url + " --vault " + url;
    return gone;
  }
  HF_ASSIGN(const Json made, make_copy(context, from, url));
  return open_vault(context, url, credentials);
}

}  // namespace hf::cli
