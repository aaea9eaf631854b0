// The reference vectors of Certificate Transparency, and every proof of every small tree, intact and damaged.
#include "journal/merkle.h"

#include <gtest/gtest.h>

#include "base/hex.h"

namespace hf::journal {
namespace {

// merkletree/merkle_tree_test.cc of google/certificate-transparency: inputs, roots of sizes 1 to 8, two
// proofs.
const std::vector<std::string> kInputs = {
    "", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"};
const std::vector<std::string> kRoots = {
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};

std::vector<std::string> hex_of(const Proof& proof) {
  std::vector<std::string> out;
  for (const Digest& d : proof) out.push_back(to_hex(d));
  return out;
}

Tree reference() {
  Tree tree;
  for (const std::string& input : kInputs) tree.append(leaf_hash(*from_hex(input)));
  return tree;
}

TEST(Merkle, ReferenceRoots) {
  Tree tree;
  EXPECT_EQ(to_hex(tree.root()), kRoots[0]);
  for (std::size_t i = 0; i < kInputs.size(); ++i) {
    tree.append(leaf_hash(*from_hex(kInputs[i])));
    EXPECT_EQ(to_hex(tree.root()), kRoots[i + 1]);
  }
  for (std::size_t i = 0; i <= kInputs.size(); ++i) EXPECT_EQ(to_hex(tree.root(i)), kRoots[i]);
}

TEST(Merkle, ReferenceProofs) {
  Tree tree = reference();
  using List = std::vector<std::string>;
  EXPECT_EQ(hex_of(tree.inclusion(0, 8)),
            (List{"96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
                  "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                  "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4"}));
  EXPECT_EQ(hex_of(tree.inclusion(5, 8)),
            (List{"bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
                  "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}));
  EXPECT_EQ(hex_of(tree.inclusion(2, 3)), (List{kRoots[2]}));
  EXPECT_EQ(hex_of(tree.consistency(1, 8)), hex_of(tree.inclusion(0, 8)));
  EXPECT_EQ(hex_of(tree.consistency(6, 8)),
            (List{"0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
                  "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
                  "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7"}));
  EXPECT_EQ(hex_of(tree.consistency(2, 5)),
            (List{"5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
                  "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b"}));
}

constexpr std::uint64_t kMost = 33;  // past two powers of two, both sides

Tree numbered(std::uint64_t n) {
  Tree tree;
  for (std::uint64_t i = 0; i < n; ++i) tree.append(leaf_hash(as_bytes(std::to_string(i))));
  return tree;
}

TEST(Merkle, EveryInclusionProofVerifiesAndNoDamagedOneDoes) {
  Tree tree = numbered(kMost);
  for (std::uint64_t size = 1; size <= kMost; ++size) {
    for (std::uint64_t seq = 0; seq < size; ++seq) {
      Proof proof = tree.inclusion(seq, size);
      const Digest root = tree.root(size);
      ASSERT_TRUE(verify_inclusion(tree.leaf(seq), seq, size, proof, root));
      EXPECT_FALSE(verify_inclusion(tree.leaf((seq + 1) % kMost), seq, size, proof, root));
      EXPECT_FALSE(verify_inclusion(tree.leaf(seq), seq + 1, size, proof, root));
      for (Digest& d : proof) {
        d[0] ^= 1;
        EXPECT_FALSE(verify_inclusion(tree.leaf(seq), seq, size, proof, root));
        d[0] ^= 1;
      }
      proof.push_back(Digest{});
      EXPECT_FALSE(verify_inclusion(tree.leaf(seq), seq, size, proof, root));
      proof.resize(proof.size() - 1);
      if (proof.empty()) continue;
      proof.pop_back();
      EXPECT_FALSE(verify_inclusion(tree.leaf(seq), seq, size, proof, root));
    }
  }
}

TEST(Merkle, EveryConsistencyProofVerifiesAndNoDamagedOneDoes) {
  Tree tree = numbered(kMost);
  for (std::uint64_t size = 0; size <= kMost; ++size) {
    for (std::uint64_t old = 0; old <= size; ++old) {
      Proof proof = tree.consistency(old, size);
      const Digest root = tree.root(size), old_root = tree.root(old);
      ASSERT_TRUE(verify_consistency(old, old_root, size, root, proof)) << old << " " << size;
      Digest other = old_root;
      other[5] ^= 4;
      EXPECT_FALSE(verify_consistency(old, other, size, root, proof)) << old << " " << size;
      for (Digest& d : proof) {
        d[31] ^= 0x80;
        EXPECT_FALSE(verify_consistency(old, old_root, size, root, proof));
        d[31] ^= 0x80;
      }
      proof.push_back(root);
      EXPECT_FALSE(verify_consistency(old, old_root, size, root, proof));
      proof.pop_back();
      if (proof.empty()) continue;
      proof.pop_back();
      EXPECT_FALSE(verify_consistency(old, old_root, size, root, proof));
    }
  }
  EXPECT_FALSE(verify_consistency(3, tree.root(3), 2, tree.root(2), {}));
}

}  // namespace
}  // namespace hf::journal
