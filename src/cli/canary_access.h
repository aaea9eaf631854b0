// The canary of a component: the key that signs it, and what its writer last knew to be acknowledged.
#pragma once

#include <optional>
#include <string>

#include "cli/command.h"
#include "sources/canary.h"

namespace hf::cli {

// 32 random bytes in the state folder, made when first needed.
Result<Secret> canary_key(Context& context);
// The last row whose commit was acknowledged to us, kept outside the database that may be lost.
Status remember_canary(Context& context, const std::string& component, const sources::CanaryRow& row);
Result<std::optional<sources::CanaryRow>> remembered_canary(Context& context, const std::string& component);

}  // namespace hf::cli
