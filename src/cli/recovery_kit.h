// The recovery kit on paper: what stands on it, for a person who has nothing else.
#pragma once

#include <string>

#include "base/result.h"
#include "base/time.h"
#include "vault/keys/key_text.h"

namespace hf::cli {

struct KitFacts {
  std::string vault_id;
  std::string url;
  std::string host;  // that made it
  WallTime made{};
};

// A page of text: facts, the key line, what to type, and the key line as a QR code (by libqrencode) drawn in half
// blocks, dark modules as ink. Secret.
Result<std::string> kit_page(const KitFacts& facts, const vault::RecoveryKit& kit);

}  // namespace hf::cli
