// Fixed keys for the vault's fuzz targets and for the generator of their corpora: what is sealed is reached
// past the seal.
#pragma once

#include "base/rng.h"
#include "vault/keys/keys.h"

namespace hf::vault::fuzz {

class FixedEntropy final : public crypto::Entropy {
 public:
  void fill(MutableByteView out) override {
    for (auto& b : out) b = static_cast<std::uint8_t>(rng_.u64());
  }

 private:
  Rng rng_{42};
};

inline Keys fixed_keys() {
  Keys keys;
  keys.vault.fill(0x11);
  keys.level = Level::kAdmin;
  keys.id_key = Secret(Bytes(32, 1));
  keys.chunker_key = Secret(Bytes(32, 2));
  keys.index_key = Secret(Bytes(32, 3));
  keys.vault_private = crypto::box_key_from_private(Secret(Bytes(32, 4)));
  keys.vault_public = keys.vault_private->public_key;
  keys.admin = crypto::signing_key_from_seed(Secret(Bytes(32, 5)));
  keys.admin_public = keys.admin->public_key;
  keys.writer = crypto::signing_key_from_seed(Secret(Bytes(32, 6)));
  return keys;
}

}  // namespace hf::vault::fuzz
