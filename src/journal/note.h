// Signed notes (https://c2sp.org/signed-note) and checkpoints (https://c2sp.org/tlog-checkpoint), byte for
// byte: what we sign verifies with the tools of Go's checksum database and of witnesses, and the other way
// round.
#pragma once

#include <string>
#include <string_view>

#include "crypto/hash.h"
#include "crypto/keys.h"

namespace hf::journal {

inline constexpr std::size_t kMaxNoteBytes = 64 * 1024;   // a checkpoint with 100 signatures has 12 KiB

struct Checkpoint {
  std::string origin;
  std::uint64_t size = 0;
  crypto::Digest root{};
  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

std::string format_checkpoint(const Checkpoint& checkpoint);  // three lines: origin, size, base64 of the root
Result<Checkpoint> parse_checkpoint(std::string_view text);       // no extension lines: we write none

// SHA-256(name || 0x0A || 0x01 || public key), the first 4 bytes, big-endian.
std::uint32_t note_key_id(std::string_view name, const crypto::PublicKey& key);
// "name+<key id, 8 hexadecimal digits>+<base64 of 0x01 || public key>", as auditors' tools take it.
std::string format_verifier_key(std::string_view name, const crypto::PublicKey& key);
struct VerifierKey {
  std::string name;
  crypto::PublicKey key{};
};
Result<VerifierKey> parse_verifier_key(std::string_view text);

// REQUIRES: text ends with a newline, name has neither blank nor '+'.
std::string sign_note(std::string_view text, std::string_view name, const crypto::SigningKey& key);
// The text, if a signature of `key` under `name` stands below it and verifies. Lines of other keys are passed
// over; a line of this key that does not verify is kCorrupt, no line of this key is kDenied.
Result<std::string> open_note(std::string_view note, std::string_view name, const crypto::PublicKey& key);
Result<Checkpoint> open_checkpoint(std::string_view note, std::string_view origin,
                                   const crypto::PublicKey& key);
// What the note says, before it is known who signed it: to find the key that must have.
Result<Checkpoint> peek_checkpoint(std::string_view note);

}  // namespace hf::journal
