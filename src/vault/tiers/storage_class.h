// What the storage classes of S3 cost and how long they take to answer: for estimates that are shown before anything is
// asked for.
//
// Source: AWS's price list for us-east-1 and its pages on retrieval options, as of January 2025, in US dollars. Another
// region or store has other prices; an estimate says whose they are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/time.h"

namespace hf::vault {

inline constexpr const char* kPricesOf = "AWS, us-east-1, January 2025";

struct StorageClassTerms {
  const char* name;
  Micros least;                  // charged for so long, whatever becomes of the object
  double dollars_gib_month;
  double dollars_1000_puts;      // also for moving there
};
// "" is STANDARD. Nothing for a class that is not known.
std::optional<StorageClassTerms> terms_of(const std::string& storage_class);

struct ThawTerms {
  const char* storage_class;
  const char* tier;
  Micros longest;                // until the copy can be read
  double dollars_gib;
  double dollars_1000_requests;
};
// Nothing where the class has no such tier: DEEP_ARCHIVE knows no Expedited.
std::optional<ThawTerms> thaw_terms(const std::string& storage_class, const std::string& tier);

std::string format_dollars(double dollars);    // "$0.10", "less than $0.01", "$1234"
double gib(std::uint64_t bytes);

}  // namespace hf::vault
