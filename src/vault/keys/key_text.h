// Keys as people carry them: one line of letters and digits with a check, for files, paper and QR codes
// (docs/format/vault.md, "Keys as text").
//
//   holdfast-identity-1-<64 digits>-<8 digits>             the private X25519 key of a recipient
//   holdfast-recipient-1-<64 digits>-<8 digits>            its public key
//   holdfast-kit-1-<32 digits>-<64 digits>-<8 digits>      the recovery kit: a vault's id and the key of one of its slots
//
// Upper and lower case mean the same, so that a QR code can use its compact alphabet.
#pragma once

#include <string>
#include <string_view>

#include "vault/keys/keys.h"

namespace hf::vault {

std::string identity_text(const crypto::BoxKey& key);   // secret
std::string recipient_text(const crypto::PublicKey& key);

inline constexpr std::size_t kKitKeyBytes = 32;
struct RecoveryKit {
  VaultId vault{};
  Secret key;                // 32 bytes: closes a slot of kind key file
};
std::string kit_text(const RecoveryKit& kit);           // secret

// kInvalid, saying what is wrong and never showing the key: another word in front, digits missing, or a check that does
// not fit, which a mistyped digit does.
Result<crypto::BoxKey> parse_identity(std::string_view line);
Result<crypto::PublicKey> parse_recipient(std::string_view line);
Result<RecoveryKit> parse_kit(std::string_view line);

// The line of a text that begins with "holdfast-kit-1-" or "holdfast-identity-1-", without spaces around it; empty if none.
std::string_view find_key_line(std::string_view text);

}  // namespace hf::vault
