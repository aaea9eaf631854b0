// Sealing a timeline: the promise of one receiver that it will never acknowledge anything past an LSN.
//
// The order is the proof: stop acknowledging, sync what was received, make the seal durable in the spool, and
// only then tell anybody. A running receiver does it on request, through two small files in its spool; where
// none runs, the caller takes the spool's lock and does it. Either way the seal binds every later process
// with this spool.
#pragma once

#include <optional>
#include <string>

#include "io/env.h"
#include "sources/wal/spool.h"
#include "sources/wal/target.h"

namespace hf::sources {

struct SealProof {
  TimelineSeal seal;
  bool by_running_receiver = false;  // false: no receiver ran, the spool was sealed directly
  bool in_vault = false;             // the tail and the seal are in the vault, too
  std::string vault_error;           // why not
};

// Seals the newest timeline in the spool; a sealed one is answered with its seal. Returns when the seal is in
// the vault, or when `timeout` passed after it became durable in the spool (then in_vault is false: the
// receiver goes on trying). `name` is the receiver's name, used where none runs; `target` may be null: the
// tail is then uploaded by the receiver's next start. kTimeout: a receiver holds the spool and did not answer
// (Effect::kMaybe). kBlocked: nothing to seal.
Result<SealProof> request_seal(Env& env, const std::string& spool, const std::string& name, Micros timeout,
                               WalTarget* target = nullptr);

// The seals in a spool, one for each sealed timeline.
Result<std::vector<TimelineSeal>> read_spool_seals(Files& files, const std::string& spool);

// --- between request_seal() and the receiver ---
struct SealRequest {
  std::string id;
};
struct SealAnswer {
  std::string id;                    // of the request
  std::optional<TimelineSeal> seal;  // absent: it failed with `error`
  bool in_vault = false;
  std::string error;
};
Result<std::optional<SealRequest>> read_seal_request(Files& files, const std::string& spool);
Status write_seal_answer(Files& files, const std::string& spool, const SealAnswer& answer);

// Makes the seal of a timeline that nobody appends to any more.
Result<TimelineSeal> seal_timeline(SpoolTimeline& timeline, const std::string& receiver, Clock& clock);

}  // namespace hf::sources
