// Archived packs that a command needs: told, asked for and waited for before the command reads anything.
#pragma once

#include "cli/vault_access.h"
#include "vault/tiers/thaw.h"

namespace hf::cli {

std::vector<Option> thaw_options();   // --thaw, --no-wait

// Null where nothing that `entries` need (null: all packs) is archived; else what was asked for and waited for. kBlocked with
// bytes, prices and the command where --thaw is not given, or --no-wait is and packs are on their way.
Result<Json> thaw_first(Context& context, const Arguments& args, vault::Repository& repository, const vault::EachEntry& entries);

}  // namespace hf::cli
