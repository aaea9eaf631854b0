// The commit protocol as the store sees it: each step only after what it rests on (docs/format/vault-protocol.md).
#include <gtest/gtest.h>

#include <algorithm>

#include "vault/store/testing_wrapped_store.h"
#include "vault/testing_repository.h"

namespace hf::vault {
namespace {

// Remembers the calls: "list epoch/", "put leases/.../open".
class RecordingStore final : public WrappedStore {
 public:
  using WrappedStore::WrappedStore;
  Status put(const std::string& name, ByteView bytes, PutMode mode) override {
    calls.push_back("put " + name);
    return inner_.put(name, bytes, mode);
  }
  Status list(const std::string& prefix, const std::function<Status(const ObjectInfo&)>& each) override {
    calls.push_back("list " + prefix);
    return inner_.list(prefix, each);
  }
  Status remove(const std::string& name) override {
    calls.push_back("remove " + name);
    return inner_.remove(name);
  }

  // The place of the first or last call that begins and ends so; -1 if there is none.
  int first(std::string_view begin, std::string_view end = "") const {
    const auto at = std::ranges::find_if(calls, [&](const std::string& c) { return c.starts_with(begin) && c.ends_with(end); });
    return at == calls.end() ? -1 : static_cast<int>(at - calls.begin());
  }
  int last(std::string_view begin, std::string_view end = "") const {
    for (std::size_t i = calls.size(); i > 0; --i)
      if (calls[i - 1].starts_with(begin) && calls[i - 1].ends_with(end)) return static_cast<int>(i - 1);
    return -1;
  }
  std::vector<std::string> calls;
};

TEST(ProtocolOrder, EachStepComesAfterWhatItRestsOn) {
  testing::TestVault vault;
  RecordingStore store(vault.store);
  auto repository = vault.open(&store);
  store.calls.clear();
  ASSERT_TRUE(testing::backup_files(*repository, {{"a", Bytes(100'000, 1)}}));
  const int open = store.first("put leases/", "/open");
  const int fate = store.first("put leases/", "/fate");
  const int commit = store.first("put commits/");
  ASSERT_NE(open, -1);
  ASSERT_NE(fate, -1);
  ASSERT_NE(commit, -1);
  // A collector's next epoch must find the lease; what is listed must be newer than the epoch that was read.
  const int epoch = store.first("list epoch/");
  ASSERT_NE(epoch, -1);
  EXPECT_LT(open, epoch);
  const int beat = store.first("put leases/", "/beat");
  EXPECT_LT(epoch, beat);
  ASSERT_NE(store.first("list index/"), -1);
  EXPECT_LT(beat, store.first("list index/"));
  // All that the snapshot names lies there before it exists.
  ASSERT_NE(store.first("put packs/"), -1);
  ASSERT_NE(store.first("put index/"), -1);
  EXPECT_LT(open, store.first("put packs/"));
  EXPECT_LT(store.last("put packs/"), store.first("put index/"));
  EXPECT_LT(store.last("put index/"), fate);
  EXPECT_LT(fate, commit);
  // The lease goes last, and its fate after the rest of it.
  EXPECT_LT(commit, store.first("remove leases/"));
  EXPECT_EQ(store.last("remove leases/"), store.first("remove leases/", "/fate"));
}

}  // namespace
}  // namespace hf::vault
