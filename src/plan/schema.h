// What the field table says, for editors (JSON Schema), for people (`explain`), for the documentation.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"

namespace hf::plan {

// JSON Schema draft-07 of a plan file.
Json schema();

// `what` is a path of the plan without list positions and names ("components.backups.keep", "failover.steps.fence"),
// with them ("components.orders-db.backups"), an id ("HF2104") or a rule ("promotion-without-fence"). An unknown
// name is kNotFound with a did-you-mean.
Result<std::string> explain(std::string_view what);

// The reference of all fields and rules as Markdown: docs/plan.md holds it between two markers.
std::string reference_markdown();

}  // namespace hf::plan
