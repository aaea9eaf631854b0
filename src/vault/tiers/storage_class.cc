#include "vault/tiers/storage_class.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace hf::vault {
namespace {

using std::chrono::days, std::chrono::hours, std::chrono::minutes;

constexpr std::array<StorageClassTerms, 6> kClassTerms = {{
    {"STANDARD", Micros(0), 0.023, 0.005},
    {"STANDARD_IA", days(30), 0.0125, 0.01},
    {"ONEZONE_IA", days(30), 0.01, 0.01},
    {"GLACIER_IR", days(90), 0.004, 0.02},
    {"GLACIER", days(90), 0.0036, 0.03},
    {"DEEP_ARCHIVE", days(180), 0.00099, 0.05},
}};

constexpr std::array<ThawTerms, 5> kThawTerms = {{
    {"GLACIER", "Expedited", minutes(5), 0.03, 10.0},
    {"GLACIER", "Standard", hours(5), 0.01, 0.05},
    {"GLACIER", "Bulk", hours(12), 0.0, 0.0},
    {"DEEP_ARCHIVE", "Standard", hours(12), 0.02, 0.10},
    {"DEEP_ARCHIVE", "Bulk", hours(48), 0.0025, 0.025},
}};

}  // namespace

std::optional<StorageClassTerms> terms_of(const std::string& storage_class) {
  for (const StorageClassTerms& terms : kClassTerms) {
    if (terms.name == (storage_class.empty() ? "STANDARD" : storage_class)) return terms;
  }
  return std::nullopt;
}

std::optional<ThawTerms> thaw_terms(const std::string& storage_class, const std::string& tier) {
  for (const ThawTerms& terms : kThawTerms) {
    if (terms.storage_class == storage_class && terms.tier == tier) return terms;
  }
  return std::nullopt;
}

std::string format_dollars(double dollars) {
  if (dollars > 0 && dollars < 0.01) return "less than $0.01";
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), dollars < 100 ? "$%.2f" : "$%.0f", dollars);
  return text.data();
}

double gib(std::uint64_t bytes) { return std::ldexp(static_cast<double>(bytes), -30); }

}  // namespace hf::vault
