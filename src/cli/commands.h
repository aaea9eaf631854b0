// The groups of commands, one file each; wire.cc joins them.
#pragma once

#include <vector>

#include "cli/command.h"

namespace hf::cli {

std::vector<Command> plan_commands();      // lint, explain, schema
std::vector<Command> vault_commands();     // vault init, check, unlock
std::vector<Command> copy_commands();      // vault copy
std::vector<Command> prune_commands();     // vault prune
std::vector<Command> tier_commands();      // vault tier
std::vector<Command> scrub_commands();     // vault scrub, rebuild
std::vector<Command> vault_key_commands(); // vault key list, new, add, drop, rotate, export, rehearse
std::vector<Command> backup_commands();    // backup run, list
std::vector<Command> show_commands();      // backup show, vault list
std::vector<Command> diff_commands();      // backup diff
std::vector<Command> stats_commands();     // vault stats
std::vector<Command> mount_commands();     // mount
std::vector<Command> pin_commands();       // backup pin, unpin; vault hold set, release, list
std::vector<Command> restore_commands();   // restore
std::vector<Command> verify_commands();    // verify
std::vector<Command> wal_commands();       // wal receive, fetch, push, seal, check
std::vector<Command> health_commands();    // probe run, failover watch
std::vector<Command> failover_commands();  // failover plan, apply
std::vector<Command> run_commands();       // run list, show, resume, cancel, approve; status
std::vector<Command> journal_commands();   // journal list, verify, export
std::vector<Command> evidence_commands();  // evidence export, verify, controls
std::vector<Command> document_commands();  // document build
std::vector<Command> demo_commands();      // demo

}  // namespace hf::cli
