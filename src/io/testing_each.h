// How far apart the calls or bytes are that an enumeration of faults takes: each, but one in so many under a sanitizer, where
// each costs many times as much and the next one runs through nearly the same code. Primes, so that patterns are not missed.
#pragma once

#include <cstdint>

namespace hf {

#if defined(__SANITIZE_THREAD__)
inline constexpr std::uint64_t kEach = 29;
#elif defined(__SANITIZE_ADDRESS__)
inline constexpr std::uint64_t kEach = 3;
#else
inline constexpr std::uint64_t kEach = 1;
#endif

}  // namespace hf
