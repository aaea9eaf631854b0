// What every store must do, as one suite: instantiate it with a maker of empty stores.
//   INSTANTIATE_TEST_SUITE_P(Mine, StoreSuite,
//                            ::testing::Values(StoreMaker{"name", [] { return std::unique_ptr<StoreFixture>(...); }}));
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "vault/store/testing_faulty_store.h"
#include "vault/store/testing_store_fixture.h"

namespace hf::vault {

inline void PrintTo(const StoreMaker& maker, std::ostream* out) { *out << maker.name; }

class StoreSuite : public ::testing::TestWithParam<StoreMaker> {
 protected:
  std::unique_ptr<StoreFixture> fixture_ = GetParam().make();
  Store& store_ = fixture_->store();

  std::string names(const std::string& prefix) {
    std::string out;
    Status listed = store_.list(prefix, [&](const ObjectInfo& info) {
      out += info.name + ":" + std::to_string(info.size) + " ";
      return ok();
    });
    return listed ? out : "error: " + listed.error().text;
  }
};

TEST_P(StoreSuite, GivesBackWhatWasPut) {
  ASSERT_TRUE(store_.put("packs/ab/x-1", as_bytes("hello"), PutMode::kCreate));
  auto bytes = store_.get("packs/ab/x-1");
  ASSERT_TRUE(bytes) << bytes.error().text;
  EXPECT_EQ(to_text(*bytes), "hello");
  auto info = store_.stat("packs/ab/x-1");
  ASSERT_TRUE(info) << info.error().text;
  EXPECT_EQ(info->size, 5u);
  EXPECT_EQ(info->name, "packs/ab/x-1");
}

TEST_P(StoreSuite, ReadsRanges) {
  ASSERT_TRUE(store_.put("a", as_bytes("0123456789"), PutMode::kCreate));
  EXPECT_EQ(to_text(*store_.get("a", {2, 3})), "234");
  EXPECT_EQ(to_text(*store_.get("a", {7, std::nullopt})), "789");
  EXPECT_EQ(to_text(*store_.get("a", {10, 0})), "");
  EXPECT_EQ(store_.get("a", {8, 3}).error().kind, ErrorKind::kCorrupt);
  EXPECT_EQ(store_.get("a", {11, std::nullopt}).error().kind, ErrorKind::kCorrupt);
}

TEST_P(StoreSuite, CreatesOnlyOnceAndReplacesOnlyWhenAsked) {
  ASSERT_TRUE(store_.put("epoch/1", as_bytes("first"), PutMode::kCreate));
  Status again = store_.put("epoch/1", as_bytes("second"), PutMode::kCreate);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::kExists);
  EXPECT_EQ(to_text(*store_.get("epoch/1")), "first");
  ASSERT_TRUE(store_.put("epoch/1", as_bytes("third"), PutMode::kReplace));
  EXPECT_EQ(to_text(*store_.get("epoch/1")), "third");
  ASSERT_TRUE(store_.put("epoch/2", as_bytes("x"), PutMode::kReplace));
  EXPECT_EQ(to_text(*store_.get("epoch/2")), "x");
}

TEST_P(StoreSuite, SaysWhatIsAbsent) {
  EXPECT_EQ(store_.get("none").error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(store_.get("no/such/folder").error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(store_.stat("none").error().kind, ErrorKind::kNotFound);
  EXPECT_TRUE(store_.remove("none"));
  EXPECT_TRUE(store_.remove("no/such/folder"));
  EXPECT_EQ(names("none/"), "");
  ASSERT_TRUE(store_.put("d/e", as_bytes("x"), PutMode::kCreate));
  EXPECT_EQ(store_.stat("d").error().kind, ErrorKind::kNotFound);
}

TEST_P(StoreSuite, ListsByPrefixInNameOrder) {
  for (const char* name : {"a/b", "a-b", "a/c/d", "a.b", "ab", "b/a", "a/c-d"}) {
    ASSERT_TRUE(store_.put(name, as_bytes(name), PutMode::kCreate)) << name;
  }
  EXPECT_EQ(names(""), "a-b:3 a.b:3 a/b:3 a/c-d:5 a/c/d:5 ab:2 b/a:3 ");
  EXPECT_EQ(names("a/"), "a/b:3 a/c-d:5 a/c/d:5 ");
  EXPECT_EQ(names("a/c"), "a/c-d:5 a/c/d:5 ");
  EXPECT_EQ(names("a/c/"), "a/c/d:5 ");
  Status stopped = store_.list("", [](const ObjectInfo&) { return make_error(ErrorKind::kCancelled, "enough"); });
  EXPECT_EQ(stopped.error().kind, ErrorKind::kCancelled);
}

TEST_P(StoreSuite, Removes) {
  ASSERT_TRUE(store_.put("leases/s/open", as_bytes("x"), PutMode::kCreate));
  ASSERT_TRUE(store_.remove("leases/s/open"));
  EXPECT_EQ(names(""), "");
  EXPECT_EQ(store_.get("leases/s/open").error().kind, ErrorKind::kNotFound);
  EXPECT_TRUE(store_.put("leases/s/open", as_bytes("y"), PutMode::kCreate));
}

TEST_P(StoreSuite, RefusesNamesThatAreNone) {
  for (const char* name : {"", "/", "/a", "a/", "a//b", "../a", "a/../b", ".", ".tmp/x", "A", "a b", "-a", "a/b/c/d/e/f/g/h/i"}) {
    EXPECT_EQ(store_.put(name, as_bytes("x"), PutMode::kCreate).error().kind, ErrorKind::kInvalid) << name;
    EXPECT_EQ(store_.get(name).error().kind, ErrorKind::kInvalid) << name;
    EXPECT_EQ(store_.remove(name).error().kind, ErrorKind::kInvalid) << name;
  }
}

TEST_P(StoreSuite, HoldsEmptyAndLargeObjects) {
  ASSERT_TRUE(store_.put("empty", {}, PutMode::kCreate));
  EXPECT_EQ(store_.get("empty")->size(), 0u);
  Bytes large(3u << 20);
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<std::uint8_t>(i * 2654435761u >> 13);
  ASSERT_TRUE(store_.put("large", large, PutMode::kCreate));
  EXPECT_EQ(*store_.get("large"), large);
}

TEST_P(StoreSuite, OneOfManyCreatorsWins) {
  for (int round = 0; round < GetParam().races; ++round) {
    const std::string name = "commits/" + std::to_string(round);
    std::atomic<int> won = 0;
    std::atomic<int> lost = 0;
    {
      std::vector<std::jthread> threads;
      for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&, i] {
          Status put = store_.put(name, as_bytes(std::to_string(i)), PutMode::kCreate);
          if (put) ++won;
          else if (put.error().kind == ErrorKind::kExists) ++lost;
        });
      }
    }
    EXPECT_EQ(won, 1);
    EXPECT_EQ(lost, 3);
  }
}

// Every call of a short story failing in each way that the fault wrapper knows. What a store says afterwards is compared
// with what is there: a failure without effect changed nothing, a success is there, and only `maybe` leaves it open.
class StoreFaultSuite : public StoreSuite {
 protected:
  static constexpr std::uint64_t kCalls = 6;

  std::string state(const std::string& name) {
    auto bytes = store_.get(name);
    if (bytes) return to_text(*bytes);
    return bytes.error().kind == ErrorKind::kNotFound ? "absent" : "error: " + bytes.error().text;
  }
  void expect_told(const Status& told, const std::string& name, const std::string& before, const std::string& after) {
    const std::string now = state(name);
    if (told) {
      EXPECT_EQ(now, after) << "a success that is not there";
    } else if (told.error().effect == Effect::kNone) {
      EXPECT_EQ(now, before) << "a failure that changed something";
    } else {
      EXPECT_TRUE(now == before || now == after) << now;
    }
  }
  void tell_the_story(Store& faulty, const std::string& name) {
    expect_told(faulty.put(name, as_bytes("one"), PutMode::kCreate), name, "absent", "one");
    const std::string first = state(name);
    expect_told(faulty.put(name, as_bytes("two"), PutMode::kReplace), name, first, "two");
    const std::string second = state(name);
    auto bytes = faulty.get(name);
    EXPECT_TRUE(!bytes || to_text(*bytes) == second);
    auto info = faulty.stat(name);
    EXPECT_TRUE(!info || info->size == second.size());
    std::string listed;
    if (faulty.list(name, [&](const ObjectInfo& info) { return listed = info.name, ok(); })) {
      EXPECT_EQ(listed, second == "absent" ? "" : name);
    }
    expect_told(faulty.remove(name), name, second, "absent");
  }
};

TEST_P(StoreFaultSuite, NothingIsToldThatIsNotSo) {
  for (std::uint64_t n = 1; n <= kCalls; ++n) {
    const std::string name = "faults/" + std::to_string(n);
    FaultyStore fails(store_, {.fail_at = n});
    tell_the_story(fails, name + "-fails");
    FaultyStore loses(store_, {.lose_answer_at = n});
    tell_the_story(loses, name + "-loses");
    FaultyStore stops(store_, {.stop_at = n});
    tell_the_story(stops, name + "-stops");
    EXPECT_EQ(fails.calls(), kCalls);
  }
}

TEST_P(StoreFaultSuite, DamageIsOfTheReadAndNotOfTheStore) {
  ASSERT_TRUE(store_.put("a", as_bytes("0123456789"), PutMode::kCreate));
  FaultyStore faulty(store_, {.truncate = "a", .corrupt = "a"});
  EXPECT_EQ(to_text(*faulty.get("a")), "01334");
  EXPECT_EQ(state("a"), "0123456789");
}

}  // namespace hf::vault
