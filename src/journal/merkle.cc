// See merkle.h. Names of the variables in the verifiers (fn, sn, fr, sr) are those of RFC 9162.
#include "journal/merkle.h"

#include <bit>

#include "base/check.h"

namespace hf::journal {
namespace {

// The largest power of two below n. REQUIRES: n > 1.
std::uint64_t split_of(std::uint64_t n) { return std::bit_floor(n - 1); }

}  // namespace

Digest leaf_hash(ByteView leaf) {
  const std::uint8_t prefix = 0x00;
  return crypto::Sha256().update({&prefix, 1}).update(leaf).finish();
}

Digest node_hash(const Digest& left, const Digest& right) {
  const std::uint8_t prefix = 0x01;
  return crypto::Sha256().update({&prefix, 1}).update(left).update(right).finish();
}

void Tree::append(const Digest& leaf) {
  Digest hash = leaf;
  for (std::size_t h = 0;; ++h) {
    if (h == levels_.size()) levels_.emplace_back();
    levels_[h].push_back(hash);
    std::size_t n = levels_[h].size();
    if (n % 2 == 1) return;
    hash = node_hash(levels_[h][n - 2], levels_[h][n - 1]);
  }
}

const Digest& Tree::leaf(std::uint64_t seq) const {
  HF_CHECK(seq < size());
  return levels_[0][seq];
}

Digest Tree::root(std::uint64_t size) const {
  HF_CHECK(size <= this->size());
  return size == 0 ? crypto::sha256({}) : subtree(0, size);
}

Digest Tree::subtree(std::uint64_t begin, std::uint64_t end) const {
  std::uint64_t n = end - begin;
  if (std::has_single_bit(n)) return levels_[static_cast<std::size_t>(std::countr_zero(n))][begin / n];
  std::uint64_t middle = begin + split_of(n);
  return node_hash(subtree(begin, middle), subtree(middle, end));
}

Proof Tree::inclusion(std::uint64_t seq, std::uint64_t size) const {
  HF_CHECK(seq < size && size <= this->size());
  Proof out;
  path(seq, 0, size, out);
  return out;
}

// PATH(m, D[n]) of RFC 6962 section 2.1.1.
void Tree::path(std::uint64_t seq, std::uint64_t begin, std::uint64_t end, Proof& out) const {
  if (end - begin == 1) return;
  std::uint64_t middle = begin + split_of(end - begin);
  if (seq < middle) {
    path(seq, begin, middle, out);
    out.push_back(subtree(middle, end));
  } else {
    path(seq, middle, end, out);
    out.push_back(subtree(begin, middle));
  }
}

Proof Tree::consistency(std::uint64_t old_size, std::uint64_t size) const {
  HF_CHECK(old_size <= size && size <= this->size());
  Proof out;
  if (old_size > 0 && old_size < size) subproof(old_size, 0, size, true, out);
  return out;
}

// SUBPROOF(m, D[n], b) of RFC 6962 section 2.1.2; old_size counts from leaf 0.
void Tree::subproof(std::uint64_t old_size, std::uint64_t begin, std::uint64_t end, bool known,
                    Proof& out) const {
  if (old_size == end) {
    if (!known) out.push_back(subtree(begin, end));
    return;
  }
  std::uint64_t middle = begin + split_of(end - begin);
  if (old_size <= middle) {
    subproof(old_size, begin, middle, known, out);
    out.push_back(subtree(middle, end));
  } else {
    subproof(old_size, middle, end, false, out);
    out.push_back(subtree(begin, middle));
  }
}

bool verify_inclusion(const Digest& leaf, std::uint64_t seq, std::uint64_t size,
                      std::span<const Digest> proof, const Digest& root) {
  if (seq >= size) return false;
  std::uint64_t fn = seq, sn = size - 1;
  Digest r = leaf;
  for (const Digest& p : proof) {
    if (sn == 0) return false;
    if ((fn & 1) != 0 || fn == sn) {
      r = node_hash(p, r);
      for (; (fn & 1) == 0 && fn != 0; fn >>= 1) sn >>= 1;
    } else {
      r = node_hash(r, p);
    }
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && r == root;
}

bool verify_consistency(std::uint64_t old_size, const Digest& old_root, std::uint64_t size,
                        const Digest& root, std::span<const Digest> proof) {
  if (old_size > size) return false;
  if (old_size == size) return proof.empty() && old_root == root;
  if (old_size == 0) return proof.empty() && old_root == crypto::sha256({});
  std::uint64_t fn = old_size - 1, sn = size - 1;
  for (; (fn & 1) != 0; fn >>= 1) sn >>= 1;
  const bool complete = std::has_single_bit(old_size);  // then the old root is itself a node of the tree
  if (!complete && proof.empty()) return false;
  Digest fr = complete ? old_root : proof[0];
  Digest sr = fr;
  for (const Digest& c : proof.subspan(complete ? 0 : 1)) {
    if (sn == 0) return false;
    if ((fn & 1) != 0 || fn == sn) {
      fr = node_hash(c, fr);
      sr = node_hash(c, sr);
      for (; (fn & 1) == 0 && fn != 0; fn >>= 1) sn >>= 1;
    } else {
      sr = node_hash(sr, c);
    }
    fn >>= 1;
    sn >>= 1;
  }
  return sn == 0 && fr == old_root && sr == root;
}

}  // namespace hf::journal
