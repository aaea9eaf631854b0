// What the conformance suite is run on: a maker of empty stores.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "vault/store/store.h"

namespace hf::vault {

class StoreFixture {  // owns a store and what it rests on
 public:
  virtual ~StoreFixture() = default;
  virtual Store& store() = 0;
};

struct StoreMaker {
  std::string name;
  std::function<std::unique_ptr<StoreFixture>()> make;
  int races = 20;                          // fewer where each takes long
};

}  // namespace hf::vault
