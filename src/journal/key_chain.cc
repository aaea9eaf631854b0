// See key_chain.h.
#include "journal/key_chain.h"

#include "base/hex.h"

namespace hf::journal {
namespace {

constexpr std::string_view kPrevious = "previous";
constexpr std::string_view kRecovery = "recovery";

std::string succession_message(std::string_view origin, std::string_view new_key) {
  return "holdfast key succession v1\n" + std::string(origin) + "\n" + std::string(new_key) + "\n";
}

Error bad_succession(std::uint64_t seq, std::string_view why) {
  return make_error(ErrorKind::kCorrupt,
                    "key succession in event " + std::to_string(seq) + ": " + std::string(why));
}

}  // namespace

Result<crypto::PublicKey> parse_public_key(std::string_view base64) {
  auto raw = from_base64(base64);
  if (!raw || raw->size() != 32)
    return make_error(ErrorKind::kInvalid, "public key is not 32 bytes in base64");
  return to_array<32>(*raw);
}

record::KeySuccession sign_succession(const std::string& origin, const crypto::PublicKey& new_key,
                                      const crypto::SigningKey& signer, SignerRole role) {
  std::string key = to_base64(new_key);
  crypto::Signature signature = crypto::sign(signer, as_bytes(succession_message(origin, key)));
  return {origin, key, to_base64(signer.public_key),
          std::string(role == SignerRole::kPrevious ? kPrevious : kRecovery), to_base64(signature)};
}

Status KeyChain::add(std::uint64_t seq, const record::Event& event) {
  if (seq == 0) {
    auto opened = record::body_of<record::JournalOpened>(event);
    if (!opened)
      return make_error(ErrorKind::kCorrupt, "event 0 does not open a journal: " + opened.error().text);
    HF_ASSIGN(crypto::PublicKey key, parse_public_key(opened->public_key));
    origin_ = opened->origin;
    recovery_key_ = opened->recovery_key;
    keys_.emplace_back(0, key);
    return ok();
  }
  if (!record::is<record::KeySuccession>(event)) return ok();
  if (keys_.empty()) return bad_succession(seq, "nothing opened the journal before it");
  auto succession = record::body_of<record::KeySuccession>(event);
  if (!succession) return bad_succession(seq, succession.error().text);
  return add_succession(seq, *succession);
}

Status KeyChain::add_succession(std::uint64_t seq, const record::KeySuccession& s) {
  if (s.origin != origin_) return bad_succession(seq, "it is for another journal");
  std::string expected = s.signer_role == kPrevious ? to_base64(keys_.back().second)
                         : s.signer_role == kRecovery ? recovery_key_ : "";
  if (expected.empty() || s.signed_by != expected)
    return bad_succession(seq, "its signer has no right to name a key");
  HF_ASSIGN(crypto::PublicKey signer, parse_public_key(s.signed_by));
  HF_ASSIGN(crypto::PublicKey next, parse_public_key(s.new_key));
  auto signature = from_base64(s.signature);
  if (!signature || signature->size() != 64 ||
      !crypto::verify(signer, as_bytes(succession_message(s.origin, s.new_key)), to_array<64>(*signature)))
    return bad_succession(seq, "its signature does not match");
  keys_.emplace_back(seq, next);
  return ok();
}

std::optional<crypto::PublicKey> KeyChain::key_at(std::uint64_t size) const {
  std::optional<crypto::PublicKey> out;
  for (const auto& [seq, key] : keys_)
    if (seq < size) out = key;
  return out;
}

}  // namespace hf::journal
