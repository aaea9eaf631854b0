// Texts of the folder demo/ that the program carries, so that the demo needs no source tree.
#pragma once

#include <string_view>

namespace hf::lab {

extern const std::string_view kDemoPlan;      // demo/plan.yaml.in
extern const std::string_view kMissionOrder;  // demo/mission-order.yaml

}  // namespace hf::lab
