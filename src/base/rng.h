// Seeded randomness for jitter, sampling and simulation. Keys, nonces and tokens never come from here: see
// crypto/entropy.h.
#pragma once

#include <cstdint>

namespace hf {

class Rng {  // SplitMix64 (Steele, Lea, Flood 2014)
 public:
  explicit Rng(std::uint64_t seed) : state_(seed) {}
  std::uint64_t u64() {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15ULL);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
  }
  std::uint64_t bounded(std::uint64_t n) { return n == 0 ? 0 : u64() % n; }  // in [0, n)
  bool chance(std::uint64_t numerator, std::uint64_t denominator) { return bounded(denominator) < numerator; }

 private:
  std::uint64_t state_;
};

}  // namespace hf
