#include "vault/keys/key_text.h"

#include <algorithm>

#include "base/hex.h"

namespace hf::vault {
namespace {

constexpr std::string_view kIdentity = "holdfast-identity-1-";
constexpr std::string_view kRecipient = "holdfast-recipient-1-";
constexpr std::string_view kKit = "holdfast-kit-1-";
constexpr std::size_t kTextKeyBytes = 32;
constexpr std::size_t kTextCheckBytes = 4;

std::string check_of(std::string_view text) {
  const crypto::Digest digest = crypto::sha256(as_bytes(text));
  return to_hex(ByteView(digest.data(), kTextCheckBytes));
}

std::string with_check(std::string text) {
  text += '-';
  return text + check_of(text);
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

Error not_a_key(std::string_view what, std::string why) {
  return make_error(ErrorKind::kInvalid, "this is not a " + std::string(what) + ": " + std::move(why))
      .with_hint("It is one line; copy or type it again, whole.");
}

// The bytes between `prefix` and the check; `dash` is where a second dash stands among their digits, 0 for none.
Result<Bytes> decode(std::string_view line, std::string_view prefix, std::string_view what, std::size_t bytes,
                     std::size_t dash) {
  std::string text = lower(trimmed(line));
  if (!text.starts_with(prefix)) return not_a_key(what, "it does not begin with " + std::string(prefix));
  const std::size_t digits = 2 * bytes + (dash != 0 ? 1 : 0);
  if (text.size() != prefix.size() + digits + 1 + 2 * kTextCheckBytes) return not_a_key(what, "it is too short or too long");
  const std::string_view body(text.data(), prefix.size() + digits + 1);
  if (text.substr(body.size()) != check_of(body)) {
    return not_a_key(what, "the last 8 digits do not fit the others, so one of them is wrong");
  }
  std::string hex = text.substr(prefix.size(), digits);
  if (dash != 0) {
    if (hex[dash] != '-') return not_a_key(what, "it is not divided as it should be");
    hex.erase(dash, 1);
  }
  auto decoded = from_hex(hex);
  if (!decoded) return not_a_key(what, "it holds something else than hexadecimal digits");
  return std::move(*decoded);
}

}  // namespace

std::string identity_text(const crypto::BoxKey& key) {
  return with_check(std::string(kIdentity) + to_hex(key.private_key.reveal()));
}

std::string recipient_text(const crypto::PublicKey& key) { return with_check(std::string(kRecipient) + to_hex(key)); }

std::string kit_text(const RecoveryKit& kit) {
  return with_check(std::string(kKit) + to_hex(kit.vault) + "-" + to_hex(kit.key.reveal()));
}

Result<crypto::BoxKey> parse_identity(std::string_view line) {
  HF_ASSIGN(Bytes bytes, decode(line, kIdentity, "recipient's private key", kTextKeyBytes, 0));
  return crypto::box_key_from_private(Secret(std::move(bytes)));
}

Result<crypto::PublicKey> parse_recipient(std::string_view line) {
  HF_ASSIGN(const Bytes bytes, decode(line, kRecipient, "recipient", kTextKeyBytes, 0));
  return to_array<kTextKeyBytes>(bytes);
}

Result<RecoveryKit> parse_kit(std::string_view line) {
  constexpr std::size_t kId = sizeof(VaultId);
  HF_ASSIGN(const Bytes bytes, decode(line, kKit, "recovery kit", kId + kTextKeyBytes, 2 * kId));
  RecoveryKit out;
  out.vault = to_array<kId>(ByteView(bytes).first(kId));
  out.key = Secret(to_bytes(ByteView(bytes).subspan(kId)));
  return out;
}

std::string_view find_key_line(std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = trimmed(text.substr(0, end));
    const std::string start = lower(line.substr(0, std::max(kKit.size(), kIdentity.size())));
    if (start.starts_with(kKit) || start.starts_with(kIdentity)) return line;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

}  // namespace hf::vault
