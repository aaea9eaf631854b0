// Which key signs the checkpoints of which size: the key of journal.opened, until a key.succession, signed by
// the key before it or by the recovery key that journal.opened names, puts another in its place.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "crypto/keys.h"
#include "record/event.h"
#include "record/journal_events.h"

namespace hf::journal {

class KeyChain {
 public:
  // In order, from event 0, which must be journal.opened; events that say nothing about keys are passed over,
  // so an excerpt with all succession events works as well. kCorrupt if a succession is not rightly signed.
  Status add(std::uint64_t seq, const record::Event& event);
  const std::string& origin() const { return origin_; }
  // The key that signs a checkpoint over `size` leaves; none before journal.opened.
  std::optional<crypto::PublicKey> key_at(std::uint64_t size) const;

 private:
  Status add_succession(std::uint64_t seq, const record::KeySuccession& succession);

  std::string origin_;
  std::string recovery_key_;                                        // base64, may be empty
  std::vector<std::pair<std::uint64_t, crypto::PublicKey>> keys_;   // (event that brought it, key), ascending
};

enum class SignerRole : std::uint8_t { kPrevious, kRecovery };
record::KeySuccession sign_succession(const std::string& origin, const crypto::PublicKey& new_key,
                                      const crypto::SigningKey& signer, SignerRole role);
Result<crypto::PublicKey> parse_public_key(std::string_view base64);

}  // namespace hf::journal
