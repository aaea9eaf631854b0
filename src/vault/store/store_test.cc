// The conformance suite on every store, and what is particular to directories.
#include <gtest/gtest.h>

#include <filesystem>

#include "base/hex.h"
#include "io/testing_files.h"
#include "io/testing_folder.h"
#include "vault/store/directory_store.h"
#include "vault/store/testing_bucket.h"
#include "vault/store/testing_memory_store.h"
#include "vault/store/testing_store_suite.h"

namespace hf::vault {
namespace {

struct InMemory final : StoreFixture {
  SystemClock clock;
  MemoryStore memory{clock};
  Store& store() override { return memory; }
};

struct InMemoryFiles final : StoreFixture {
  MemoryFiles files;
  crypto::SystemEntropy entropy;
  DirectoryStore directory{files, entropy, "/vault"};
  Store& store() override { return directory; }
};

struct OnDisk final : StoreFixture {
  TestFolder folder;
  PosixFiles files;
  crypto::SystemEntropy entropy;
  DirectoryStore directory{files, entropy, folder.file("vault")};
  Store& store() override { return directory; }
};

const auto kMakers = ::testing::Values(StoreMaker{"memory", [] { return std::make_unique<InMemory>(); }},
                                     StoreMaker{"memory_files", [] { return std::make_unique<InMemoryFiles>(); }},
                                     StoreMaker{"disk", [] { return std::make_unique<OnDisk>(); }});
INSTANTIATE_TEST_SUITE_P(All, StoreSuite, kMakers, [](const auto& made) { return made.param.name; });
INSTANTIATE_TEST_SUITE_P(All, StoreFaultSuite, kMakers, [](const auto& made) { return made.param.name; });

INSTANTIATE_TEST_SUITE_P(S3, StoreSuite, ::testing::ValuesIn(every_server_and_road()),
                         [](const auto& made) { return made.param.name; });
INSTANTIATE_TEST_SUITE_P(
    S3, StoreFaultSuite,
    ::testing::Values(StoreMaker{"minio", [] { return std::make_unique<InBucket>(remote::S3ServerKind::kMinio); }},
                    StoreMaker{"moto", [] { return std::make_unique<InBucket>(remote::S3ServerKind::kMoto); }}),
    [](const auto& made) { return made.param.name; });

TEST(DirectoryStore, WhatWasPutSurvivesAPowerCut) {
  MemoryFiles files;
  crypto::SystemEntropy entropy;
  DirectoryStore store(files, entropy, "/vault");
  ASSERT_TRUE(store.put("packs/ab/x-1", as_bytes("hello"), PutMode::kCreate));
  ASSERT_TRUE(store.put("leases/s/beat", as_bytes("1"), PutMode::kReplace));
  ASSERT_TRUE(store.put("leases/s/beat", as_bytes("2"), PutMode::kReplace));
  files.crash();
  EXPECT_EQ(to_text(*store.get("packs/ab/x-1")), "hello");
  EXPECT_EQ(to_text(*store.get("leases/s/beat")), "2");
}

TEST(DirectoryStore, AnyFailingCallLeavesTheOldStateOrTheNew) {
  for (std::size_t at = 0;; ++at) {
    MemoryFiles memory;
    FaultyFiles files(memory);
    crypto::SystemEntropy entropy;
    DirectoryStore store(files, entropy, "/vault");
    ASSERT_TRUE(store.put("a/first", as_bytes("1"), PutMode::kCreate));
    files.set_fault({.at = at, .kind = ErrorKind::kExhausted, .torn = true});
    Status put = store.put("b/second", as_bytes("two"), PutMode::kCreate);
    const bool fired = files.fired();
    DirectoryStore again(memory, entropy, "/vault");
    auto second = again.get("b/second");
    EXPECT_TRUE(second ? to_text(*second) == "two" : second.error().kind == ErrorKind::kNotFound) << "call " << at;
    EXPECT_TRUE(second || !put) << "call " << at << ": a success that is not there";
    EXPECT_FALSE(second && !put && put.error().effect == Effect::kNone) << "call " << at << ": said to have changed nothing";
    EXPECT_EQ(to_text(*again.get("a/first")), "1");
    if (!fired) break;
    ASSERT_LT(at, 100u);
  }
}

TEST(DirectoryStore, ForeignFilesAreNotObjects) {
  TestFolder folder;
  PosixFiles files;
  crypto::SystemEntropy entropy;
  ASSERT_TRUE(write_file_atomic(files, folder.file("README"), as_bytes("x")));
  ASSERT_TRUE(files.make_dirs(folder.file("Lost+Found")));
  DirectoryStore store(files, entropy, folder.path());
  ASSERT_TRUE(store.put("a", as_bytes("1"), PutMode::kCreate));
  std::string seen;
  ASSERT_TRUE(store.list("", [&](const ObjectInfo& info) { seen += info.name + " "; return ok(); }));
  EXPECT_EQ(seen, "a ");
}

TEST(DirectoryStore, WhatAWriterThatDiedLeftIsRemovedADayLater) {
  TestFolder folder;
  PosixFiles files;
  crypto::SystemEntropy entropy;
  for (const char* name : {".tmp/old", ".tmp/fresh"}) {
    ASSERT_TRUE(files.make_dirs(folder.file(".tmp")));
    ASSERT_TRUE(write_file_atomic(files, folder.file(name), as_bytes("half a pack")));
  }
  const auto yesterday = std::filesystem::file_time_type::clock::now() - std::chrono::hours(25);
  std::filesystem::last_write_time(folder.file(".tmp/old"), yesterday);
  DirectoryStore store(files, entropy, folder.path());
  ASSERT_TRUE(store.put("a", as_bytes("1"), PutMode::kCreate));
  EXPECT_FALSE(file_exists(files, folder.file(".tmp/old")));
  EXPECT_TRUE(file_exists(files, folder.file(".tmp/fresh")));       // its writer may be at work
  EXPECT_EQ(to_text(*store.get("a")), "1");
}

TEST(OpenStore, KnowsItsAddresses) {
  MemoryFiles files;
  crypto::SystemEntropy entropy;
  EXPECT_EQ((*open_store(files, entropy, "file:///srv/v/"))->properties().place, "/srv/v");
  EXPECT_EQ((*open_store(files, entropy, "./v"))->properties().place, "./v");
  EXPECT_EQ(open_store(files, entropy, "s3://bucket/x").error().kind, ErrorKind::kUnsupported);
  SystemClock clock;
  MemoryLog log;
  const StoreContext context{files, entropy, clock, log, {}, {}};
  EXPECT_EQ((*open_store(context, "s3://bucket/x?region=r"))->properties().place, "s3://bucket/x");
  EXPECT_EQ((*open_store(context, "/srv/v"))->properties().kind, "directory");
  EXPECT_EQ(open_store(context, "s3:/bucket/x").error().kind, ErrorKind::kUsage);
  EXPECT_EQ(open_store(files, entropy, "http://x").error().kind, ErrorKind::kUsage);
  EXPECT_EQ(open_store(files, entropy, "").error().kind, ErrorKind::kUsage);
}

TEST(OpenStore, SaysWhatWasMeantByAnAddressWithATypingMistake) {
  MemoryFiles files;
  crypto::SystemEntropy entropy;
  SystemClock clock;
  MemoryLog log;
  const StoreContext context{files, entropy, clock, log, {}, {}};
  const auto hint = [&](const std::string& url) {
    auto opened = open_store(context, url);
    EXPECT_FALSE(opened) << url;
    if (opened) return std::string();
    EXPECT_EQ(opened.error().kind, ErrorKind::kUsage) << url;
    return opened.error().hint;
  };
  for (const char* url : {"s3:/bucket/x", "S3://bucket/x", "s3//bucket/x", "s3:bucket/x"}) {
    EXPECT_NE(hint(url).find("Did you mean 's3://bucket/x'"), std::string::npos) << url << ": " << hint(url);
  }
  EXPECT_NE(hint("htps://minio:9000/b").find("endpoint=https://minio:9000/b"), std::string::npos) << hint("htps://minio:9000/b");
  EXPECT_NE(hint("https://minio:9000").find("endpoint=https://minio:9000"), std::string::npos);
  EXPECT_NE(hint("flie:///srv/v").find("Did you mean 'file:///srv/v'"), std::string::npos);
  EXPECT_NE(hint("s3://bucket/x?regoin=eu").find("Did you mean 'region'"), std::string::npos);
  EXPECT_NE(hint("s3://bucket/x?region=eu&end_point=http://m").find("Did you mean 'endpoint'"), std::string::npos);
  EXPECT_NE(hint("s3://bucket/x?colour=blue").find("Known are endpoint"), std::string::npos);
  EXPECT_NE(hint("s3://bucket/x?secret_access=1").find("AWS_ACCESS_KEY_ID"), std::string::npos);
  EXPECT_EQ((*open_store(context, "s3dumps"))->properties().place, "s3dumps");       // a folder
  EXPECT_EQ((*open_store(context, "s3/dumps"))->properties().place, "s3/dumps");
}

}  // namespace
}  // namespace hf::vault
