// Configs. The first byte chooses: 0 a whole object; 1 a body, which is given a known admin key and signed
// here.
#include <algorithm>

#include "base/check.h"
#include "vault/keys/config.h"
#include "vault_keys.h"

namespace hf::vault {
namespace {

constexpr std::size_t kAdminAt = 16 + 8 + 8 + 4 + 12 + 12 + 8 + 32;   // of the admin's public key in the body

void parse(ByteView object) {
  static const Keys keys = fuzz::fixed_keys();
  const auto config = parse_config(object, "config/1");
  if (!config.has_value()) return;
  HF_CHECK(config->slots.size() <= kMaxSlots && config->writers.size() <= kMaxWriters);
  if (!config->newer_minor && config->admin_public == keys.admin_public) {
    HF_CHECK(parse_config(encode_config(*config, *keys.admin), "config/1").has_value());
  }
  // Passphrases are left out: their cost is the input's to choose, within its limit.
  (void)unlock(*config, KeyFile{Secret(Bytes(32, 7))});
  (void)unlock(*config, Recipient{*keys.vault_private});
}

void parse_body(ByteView input) {
  static const Keys keys = fuzz::fixed_keys();
  if (input.size() < kAdminAt + 32) return;
  Bytes body = to_bytes(input);
  std::ranges::copy(keys.admin_public, body.begin() + kAdminAt);
  parse(encode_signed(ObjectKind::kConfig, "config/1", body, *keys.admin));
}

}  // namespace
}  // namespace hf::vault

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const hf::ByteView rest(data + 1, size - 1);
  if (data[0] == 0) hf::vault::parse(rest);
  if (data[0] == 1) hf::vault::parse_body(rest);
  return 0;
}
