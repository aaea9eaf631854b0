// What the customer was promised (acknowledgements) and what a database holds of it.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "io/files.h"

namespace hf::lab {

struct Acknowledgement {
  long number = 0;
  WallTime at{};
};

// In the order of the file; a torn last line is left out.
Result<std::vector<Acknowledgement>> read_acknowledgements(Files& files, const std::string& path);
// The numbers of orders (positive ones; the seed has negative numbers) in a database.
Result<std::set<long>> orders_in(Clock& clock, const std::string& dsn);
// Acknowledged and not in `present`.
std::vector<long> lost_orders(const std::vector<Acknowledgement>& promised, const std::set<long>& present);
// The last acknowledgement at or before `t`, the first after it.
std::optional<WallTime> last_before(const std::vector<Acknowledgement>& promised, WallTime t);
std::optional<WallTime> first_after(const std::vector<Acknowledgement>& promised, WallTime t);

}  // namespace hf::lab
