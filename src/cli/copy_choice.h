// What a copy is to take, said on the command line or by the plan.
#pragma once

#include <set>
#include <vector>

#include "cli/command.h"
#include "plan/plan.h"
#include "vault/repository.h"

namespace hf::cli {

// Snapshots that a backup row of this kind makes; none for WAL. A row without a kind counts as full. An incremental backup
// of PostgreSQL is a whole snapshot as any other.
std::set<vault::SnapshotKind> snapshot_kinds(plan::BackupKind kind);

std::vector<Option> copy_choice_options();       // --component, --class, --kind
// By the command line alone. `plan`: for --class; null where that is not given. kUsage for words that are none.
Result<vault::CopyFilter> copy_filter(const plan::Plan* plan, const Arguments& args);
// What the copy's `only` takes, and of that what the command line says.
Result<vault::CopyFilter> copy_filter(const plan::Plan& plan, const plan::Vault& copy, const Arguments& args);

}  // namespace hf::cli
