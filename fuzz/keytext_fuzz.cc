// What a person types or a machine keeps beside a vault. The first byte chooses: 0 a key as text; 1 a whole ledger of
// scrubbing; 2 its lines, the checksum is put behind them here.
#include "base/check.h"
#include "base/hex.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "vault/check/scrub.h"
#include "vault/keys/key_text.h"

namespace hf::vault {
namespace {

const std::string kLedgerStore(32, 'a');

void key_line(std::string_view text) {
  const std::string_view line = find_key_line(text);
  HF_CHECK(line.size() <= text.size());
  for (const std::string_view one : {text, line}) {
    if (const auto key = parse_identity(one)) HF_CHECK(parse_identity(identity_text(*key))->public_key == key->public_key);
    if (const auto key = parse_recipient(one)) HF_CHECK(parse_recipient(recipient_text(*key)).value() == *key);
    if (const auto kit = parse_kit(one)) HF_CHECK(parse_kit(kit_text(*kit))->vault == kit->vault);
  }
}

void ledger(std::string_view text) {
  const auto parsed = parse_ledger(text, kLedgerStore);
  if (!parsed.has_value()) return;
  const auto again = parse_ledger(encode_ledger(*parsed), kLedgerStore);
  HF_CHECK(again.has_value() && again->objects == parsed->objects);
}

}  // namespace
}  // namespace hf::vault

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace hf;
  if (size == 0) return 0;
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  if (data[0] == 0) vault::key_line(rest);
  if (data[0] == 1) vault::ledger(rest);
  if (data[0] == 2) vault::ledger(std::string(rest) + "sha256 " + to_hex(crypto::sha256(as_bytes(rest))) + "\n");
  return 0;
}
