// The words of every enumeration of the plan: one array each, from which reading, printing, the schema and
// did-you-mean are driven.
#pragma once

#include <span>
#include <string_view>

#include "plan/load.h"

namespace hf::plan {

template <class E>
struct EnumWord {
  E value;
  std::string_view word;
};

// Defined for each enumeration of the plan in enums.cc.
template <class E>
std::span<const EnumWord<E>> words_of();

}  // namespace hf::plan
