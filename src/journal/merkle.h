// The Merkle tree of RFC 6962 section 2.1: hashes, roots of any past size, inclusion and consistency proofs,
// and their verifiers (algorithms of RFC 9162 sections 2.1.3.2 and 2.1.4.2).
//
// Invariant: levels_[h][i] is the hash of the complete subtree over the leaves [i * 2^h, (i + 1) * 2^h).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "crypto/hash.h"

namespace hf::journal {

using crypto::Digest;
using Proof = std::vector<Digest>;

Digest leaf_hash(ByteView leaf);                              // SHA-256(0x00 || leaf)
Digest node_hash(const Digest& left, const Digest& right);    // SHA-256(0x01 || left || right)

// Append-only. 64 bytes of memory a leaf; a root or a proof costs O(log^2 n) hashes.
class Tree {
 public:
  void append(const Digest& leaf);
  std::uint64_t size() const { return levels_.empty() ? 0 : levels_[0].size(); }
  const Digest& leaf(std::uint64_t seq) const;                               // REQUIRES: seq < size()
  Digest root() const { return root(size()); }
  Digest root(std::uint64_t size) const;                                     // REQUIRES: size <= size()
  Proof inclusion(std::uint64_t seq, std::uint64_t size) const;              // REQUIRES: seq < size <= size()
  Proof consistency(std::uint64_t old_size, std::uint64_t size) const;   // REQUIRES: old_size <= size <= size()

 private:
  Digest subtree(std::uint64_t begin, std::uint64_t end) const;
  void path(std::uint64_t seq, std::uint64_t begin, std::uint64_t end, Proof& out) const;
  void subproof(std::uint64_t old_size, std::uint64_t begin, std::uint64_t end, bool known, Proof& out) const;

  std::vector<std::vector<Digest>> levels_;
};

// Proofs are as long as they must be: a longer or a shorter one does not verify.
bool verify_inclusion(const Digest& leaf, std::uint64_t seq, std::uint64_t size,
                      std::span<const Digest> proof, const Digest& root);
bool verify_consistency(std::uint64_t old_size, const Digest& old_root, std::uint64_t size,
                        const Digest& root, std::span<const Digest> proof);

}  // namespace hf::journal
