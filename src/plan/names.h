// Names after reading: each must point at something, and be the only one of its kind.
#pragma once

#include "plan/fields.h"

namespace hf::plan {

void resolve_names(const Plan& plan, Reader& reader);

}  // namespace hf::plan
