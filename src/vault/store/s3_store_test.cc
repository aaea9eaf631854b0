// What is particular to S3, on MinIO and moto. The conformance suite runs on them in store_test.cc.
#include <gtest/gtest.h>

#include "io/testing_files.h"
#include "vault/collect/collect.h"
#include "vault/object/object.h"
#include "vault/repository.h"
#include "vault/store/probe.h"
#include "vault/store/testing_bucket.h"
#include "vault/store/testing_memory_store.h"

namespace hf::vault {
namespace {

using remote::S3ServerKind;
using remote::WireFault;

TEST(S3Store, MeetsTheFaultsOfItsRoad) {
  for (int f = 1; f <= static_cast<int>(WireFault::kHeldAnswer); ++f) {
    const auto fault = static_cast<WireFault>(f);
    InBucket in(S3ServerKind::kMinio, fault);
    ASSERT_TRUE(in.s3->put("packs/ab/x-1", as_bytes("hello"), PutMode::kCreate)) << name_of(fault);
    EXPECT_EQ(to_text(*in.s3->get("packs/ab/x-1")), "hello") << name_of(fault);
    EXPECT_GT(in.proxy->spoiled(), 0u) << name_of(fault);
    EXPECT_GT(in.proxy->requests(), in.proxy->spoiled()) << name_of(fault);
  }
}

TEST(S3Store, ARoadThatStaysBadIsAnErrorThatSaysWhetherItHappened) {
  struct Case {
    WireFault fault;
    Effect effect;
  };
  for (const Case c : {Case{WireFault::kSlowDown, Effect::kMaybe},
                       {WireFault::kLostAnswer, Effect::kMaybe},
                       {WireFault::kHeldAnswer, Effect::kMaybe},
                       {WireFault::kDamagedRequest, Effect::kNone}}) {
    InBucket in(S3ServerKind::kMinio, c.fault);
    in.proxy->spoil_always(true);
    in.client_options.retry.attempts = 2;
    in.s3 = in.make();
    Status put = in.s3->put("commits/1", as_bytes("x"), PutMode::kCreate);
    ASSERT_FALSE(put) << name_of(c.fault);
    EXPECT_EQ(put.error().effect, c.effect) << name_of(c.fault) << ": " << put.error().text;
    EXPECT_FALSE(put.error().text.empty());
  }
}

TEST(S3Store, ForeignKeysAreNotObjects) {
  InBucket in(S3ServerKind::kMinio);
  ASSERT_TRUE(in.s3->put("a", as_bytes("1"), PutMode::kCreate));
  ASSERT_TRUE(in.s3->client().put("a/prefix/README", as_bytes("x"), {}));
  ASSERT_TRUE(in.s3->client().put("a/prefixed/b", as_bytes("x"), {}));
  ASSERT_TRUE(in.s3->client().put("z", as_bytes("x"), {}));
  std::string seen;
  ASSERT_TRUE(in.s3->list("", [&](const ObjectInfo& info) {
    seen += info.name + " ";
    return ok();
  }));
  EXPECT_EQ(seen, "a ");
}

TEST(S3Store, BulkDataAloneGoesIntoItsStorageClass) {
  InBucket in(S3ServerKind::kMoto, WireFault::kNone, "?storage_class=STANDARD_IA&encryption=AES256");
  const Bytes data = encode_object(ObjectKind::kPack, as_bytes("x"));
  const Bytes metadata = encode_object(ObjectKind::kPack, as_bytes("x"), {}, kFlagMetadata);
  ASSERT_TRUE(in.s3->put("packs/ab/data-0", data, PutMode::kCreate));
  ASSERT_TRUE(in.s3->put("packs/ab/metadata-0", metadata, PutMode::kCreate));
  ASSERT_TRUE(in.s3->put("index/x-0", data, PutMode::kCreate));
  EXPECT_EQ(in.s3->client().head("a/prefix/packs/ab/data-0")->storage_class, "STANDARD_IA");
  EXPECT_EQ(in.s3->client().head("a/prefix/packs/ab/metadata-0")->storage_class, "");
  EXPECT_EQ(in.s3->client().head("a/prefix/index/x-0")->storage_class, "");
  EXPECT_EQ(
      in.server.ask("GET", "/" + in.bucket + "/a/prefix/index/x-0", {}, "").header("x-amz-server-side-encryption"),
      "AES256");
}

TEST(S3Store, LocksWhatSnapshotsAreMadeOf) {
  for (const S3ServerKind kind : {S3ServerKind::kMinio, S3ServerKind::kMoto}) {
    InBucket in(kind, WireFault::kNone, "?retain=1d&retain_mode=governance",
                {{"x-amz-bucket-object-lock-enabled", "true"}});
    auto settings = in.s3->client().settings();
    ASSERT_TRUE(settings) << settings.error().text;
    EXPECT_TRUE(settings->object_lock);
    Status locked = in.s3->put("packs/ab/x-0", as_bytes("x"), PutMode::kCreate);
    ASSERT_TRUE(locked) << locked.error().text;
    ASSERT_TRUE(in.s3->put("leases/s/open", as_bytes("x"), PutMode::kCreate));
    const auto lock = [&](const std::string& name) {
      return std::string(
          in.server.ask("HEAD", "/" + in.bucket + "/a/prefix/" + name, {}, "").header("x-amz-object-lock-mode"));
    };
    EXPECT_EQ(lock("packs/ab/x-0"), "GOVERNANCE");
    EXPECT_EQ(lock("leases/s/open"), "");
  }
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return text;
}

// The policy as docs/vault-s3.md has it.
TEST(S3Store, AHostThatMayOnlyWriteCannotDestroy) {
  InBucket in(S3ServerKind::kMinio);
  auto page = read_file(in.files, std::string(HF_SOURCE_DIR) + "/docs/vault-s3.md", 1 << 20);
  ASSERT_TRUE(page);
  const std::string text = to_text(*page);
  const std::size_t begin = text.find("```json\n") + 8;
  std::string policy = text.substr(begin, text.find("```", begin) - begin);
  policy = replaced(replaced(replaced(policy, "BUCKET", in.bucket), "PREFIX", "a/prefix"), "\n", " ");
  ASSERT_TRUE(in.s3->put("packs/ab/old-0", as_bytes("old"), PutMode::kCreate));
  auto host = in.make(in.server.session(policy));
  Status put = host->put("packs/ab/x-0", as_bytes("new"), PutMode::kCreate);
  ASSERT_TRUE(put) << put.error().text;
  ASSERT_TRUE(host->put("leases/s/beat", as_bytes("1"), PutMode::kReplace));
  EXPECT_EQ(to_text(*host->get("packs/ab/old-0")), "old");
  std::string seen;
  ASSERT_TRUE(host->list("packs/", [&](const ObjectInfo& info) { return seen += info.name + " ", ok(); }));
  EXPECT_EQ(seen, "packs/ab/old-0 packs/ab/x-0 ");
  EXPECT_EQ(host->put("packs/ab/old-0", as_bytes("evil"), PutMode::kCreate).error().kind, ErrorKind::kExists);
  for (const char* name : {"packs/ab/old-0", "packs/ab/x-0"}) {
    Status removed = host->remove(name);
    ASSERT_FALSE(removed) << name;
    EXPECT_EQ(removed.error().kind, ErrorKind::kDenied) << removed.error().text;
    EXPECT_TRUE(in.s3->stat(name)) << name;
  }
  EXPECT_TRUE(host->remove("leases/s/beat"));
  EXPECT_EQ(host->client().put("elsewhere", as_bytes("x"), {}).error().kind, ErrorKind::kDenied);
  auto found = probe_store(*host, in.entropy, in.clock);
  ASSERT_TRUE(found) << found.error().text;
  EXPECT_FALSE(found->removes);
  EXPECT_EQ(what_is_lost(*found).size(), 1u);
}

TEST(S3Store, ASingleWriterLooksBeforeItWrites) {
  InBucket in(S3ServerKind::kMoto, WireFault::kNone, "?single_writer=true");
  EXPECT_FALSE(in.s3->properties().conditional_create);
  ASSERT_TRUE(in.s3->put("a", as_bytes("1"), PutMode::kCreate));
  EXPECT_EQ(in.s3->put("a", as_bytes("2"), PutMode::kCreate).error().kind, ErrorKind::kExists);
  EXPECT_EQ(to_text(*in.s3->get("a")), "1");
}

TEST(S3Store, AStoreWithoutConditionsIsPrunedOnlyAlone) {
  InBucket in(S3ServerKind::kMoto, WireFault::kNone, "?single_writer=true");
  const RepositoryContext context{*in.s3, in.entropy, in.clock, in.log, "alpha"};
  const KeyFile key{Secret(Bytes(32, 7))};
  InitOptions options;
  options.cost = {8, 1};
  options.probe = true;
  ASSERT_TRUE(Repository::init(context, key, options));
  auto repository = Repository::open(context, key);
  ASSERT_TRUE(repository) << repository.error().text;
  EXPECT_FALSE((*repository)->abilities().conditional_create);
  ASSERT_TRUE(in.s3->put("leases/" + std::string(32, 'a') + "/open", as_bytes("x"), PutMode::kCreate));
  auto pruned = prune_vault(**repository, {});
  ASSERT_FALSE(pruned);
  EXPECT_EQ(pruned.error().kind, ErrorKind::kBlocked) << pruned.error().text;
  ASSERT_TRUE(in.s3->remove("leases/" + std::string(32, 'a') + "/open"));
  pruned = prune_vault(**repository, {});
  EXPECT_TRUE(pruned) << pruned.error().text;
  in.address.single_writer = false;        // the address no longer says that it is accepted
  auto strict = in.make();
  const RepositoryContext other{*strict, in.entropy, in.clock, in.log, "alpha"};
  EXPECT_EQ(Repository::open(other, key).error().kind, ErrorKind::kUnsupported);
}

TEST(Probe, FindsWhatRealStoresCanDo) {
  for (const S3ServerKind kind : {S3ServerKind::kMinio, S3ServerKind::kMoto}) {
    InBucket in(kind);
    auto found = probe_store(*in.s3, in.entropy, in.clock);
    ASSERT_TRUE(found) << found.error().text;
    EXPECT_TRUE(found->conditional_create);
    EXPECT_TRUE(found->reads_its_writes);
    EXPECT_TRUE(found->lists_its_writes);
    EXPECT_TRUE(found->removes);
    EXPECT_TRUE(what_is_lost(*found).empty());
    EXPECT_TRUE(
        in.s3->list("", [](const ObjectInfo& info) { return make_error(ErrorKind::kFailed, info.name + " is left"); }));
  }
}

// Stores that are worse than they say.
struct LyingStore final : Store {
  enum Lie : std::uint8_t { kOverwrites, kKnowsNoCondition, kListsLate, kMayNotRemove, kReadsLate, kRefuses, kLosesAnswers };
  LyingStore(Clock& clock, Lie told) : memory(clock), lie(told) {}
  using Store::get;
  Status put(const std::string& name, ByteView bytes, PutMode mode) override {
    if (lie == kRefuses) return make_error(ErrorKind::kDenied, "no");
    if (lie == kKnowsNoCondition && mode == PutMode::kCreate) return make_error(ErrorKind::kUnsupported, "no");
    Status put = memory.put(name, bytes, lie == kOverwrites ? PutMode::kReplace : mode);
    if (lie != kLosesAnswers || mode != PutMode::kCreate || !put) return put;
    Error again = make_error(ErrorKind::kExists, name);             // what a client finds that sends it again
    again.effect = Effect::kMaybe;
    return again;
  }
  Result<Bytes> get(const std::string& name, ByteRange range) override {
    if (lie == kReadsLate && ++reads % 2 == 0) return make_error(ErrorKind::kNotFound, "not yet");
    return memory.get(name, range);
  }
  Result<ObjectInfo> stat(const std::string& name) override { return memory.stat(name); }
  Status list(const std::string& prefix, const std::function<Status(const ObjectInfo&)>& each) override {
    return lie == kListsLate ? ok() : memory.list(prefix, each);
  }
  Status remove(const std::string& name) override {
    return lie == kMayNotRemove ? Status(make_error(ErrorKind::kDenied, "no")) : memory.remove(name);
  }
  StoreProperties properties() const override { return memory.properties(); }
  MemoryStore memory;
  Lie lie;
  int reads = 0;
};

TEST(Probe, FindsWhatAStoreCannotDo) {
  SystemClock clock;
  crypto::SystemEntropy entropy;
  const auto find = [&](LyingStore::Lie lie) {
    LyingStore store(clock, lie);
    return probe_store(store, entropy, clock);
  };
  EXPECT_FALSE(find(LyingStore::kOverwrites)->conditional_create);
  EXPECT_FALSE(find(LyingStore::kKnowsNoCondition)->conditional_create);
  EXPECT_TRUE(find(LyingStore::kLosesAnswers)->conditional_create);
  EXPECT_FALSE(find(LyingStore::kListsLate)->lists_its_writes);
  EXPECT_FALSE(find(LyingStore::kMayNotRemove)->removes);
  EXPECT_EQ(find(LyingStore::kRefuses).error().kind, ErrorKind::kDenied);
  for (const auto lie : {LyingStore::kOverwrites, LyingStore::kListsLate, LyingStore::kMayNotRemove}) {
    EXPECT_EQ(what_is_lost(*find(lie)).size(), 1u);
  }
}

TEST(Probe, AbilitiesAreKept) {
  StoreAbilities a;
  a.conditional_create = a.removes = false;
  a.probed_at = WallTime(Micros(7));
  const StoreAbilities b = decode_abilities(encode_abilities(a));
  EXPECT_FALSE(b.conditional_create);
  EXPECT_FALSE(b.removes);
  EXPECT_TRUE(b.reads_its_writes);
  EXPECT_TRUE(b.lists_its_writes);
  EXPECT_EQ(b.probed_at, a.probed_at);
  EXPECT_FALSE(decode_abilities({}).probed_at);
}

TEST(S3Address, IsRead) {
  const S3Address a = *parse_s3_address(
      "s3://my-bucket/a/b.c/?endpoint=http%3A%2F%2F127.0.0.1%3A9000&region=eu-west-1&path_style=true"
      "&profile=p&encryption=aws:kms&kms_key=arn%3Ax&storage_class=GLACIER_IR&retain=30d");
  EXPECT_EQ(a.bucket, "my-bucket");
  EXPECT_EQ(a.prefix, "a/b.c/");
  EXPECT_EQ(a.place(), "s3://my-bucket/a/b.c");
  EXPECT_EQ(a.endpoint, "http://127.0.0.1:9000");
  EXPECT_EQ(a.kms_key, "arn:x");
  EXPECT_EQ(a.retain, std::chrono::days(30));
  EXPECT_EQ(parse_s3_address("s3://my-bucket")->place(), "s3://my-bucket");
  EXPECT_EQ(parse_s3_address("s3://my-bucket?region=x")->prefix, "");
}

TEST(S3Address, TyposAreNamed) {
  for (const char* wrong : {"s3:/bucket/x",
                            "s3:bucket",
                            "S3://bucket",
                            "s3//bucket/x",
                            "s3://",
                            "s3:///x",
                            "s3://Bucket",
                            "s3://bu",
                            "s3://-bucket",
                            "s3://a..bucket",
                            "s3://user:pw@bucket/x",
                            "s3://bucket/a//b",
                            "s3://bucket/../b",
                            "s3://bucket/a b",
                            "s3://bucket?regoin=x",
                            "s3://bucket?region=",
                            "s3://bucket?region",
                            "s3://bucket?region=a&region=b",
                            "s3://bucket?path_style=yes",
                            "s3://bucket?endpoint=minio:9000",
                            "s3://bucket?endpoint=http://h/path",
                            "s3://bucket?secret_key=x",
                            "s3://bucket?region=%2",
                            "s3://bucket?encryption=aes",
                            "s3://bucket?storage_class=COLD",
                            "s3://bucket?retain=30",
                            "s3://bucket?kms_key=x",
                            "s3://bucket?retain_mode=governance",
                            "s3://a.bucket?path_style=false",
                            "s3://bucket?&",
                            "s3://bucket?thaw=Bulk"}) {
    EXPECT_TRUE(looks_like_s3(wrong)) << wrong;
    auto parsed = parse_s3_address(wrong);
    ASSERT_FALSE(parsed) << wrong;
    EXPECT_FALSE(parsed.error().text.empty()) << wrong;
  }
  for (const char* other : {"/s3:/x", "./s3", "s3", "s3folder/x", "file:///x"})
    EXPECT_FALSE(looks_like_s3(other)) << other;
}

struct ConnectionOf : ::testing::Test {
  MemoryFiles files;
  Environment environment;
  Result<S3Connection> of(const std::string& url) { return connection_of(*parse_s3_address(url), files, environment); }
};

TEST_F(ConnectionOf, AddressThenEnvironmentThenProfile) {
  EXPECT_EQ(of("s3://bucket").error().kind, ErrorKind::kUsage) << "no region";
  auto c = of("s3://bucket?region=eu-west-1");
  EXPECT_EQ(c->client.endpoint, "https://s3.eu-west-1.amazonaws.com");
  EXPECT_FALSE(c->client.path_style);
  EXPECT_TRUE(of("s3://a.bucket?region=eu-west-1")->client.path_style);
  EXPECT_EQ(of("s3://bucket?region=cn-north-1")->client.endpoint, "https://s3.cn-north-1.amazonaws.com.cn");
  environment = {{"AWS_REGION", "r"},          {"AWS_ENDPOINT_URL", "https://store.test/"},
                 {"AWS_CA_BUNDLE", "/ca.pem"}, {"HTTPS_PROXY", "http://proxy.test:3128"},
                 {"NO_PROXY", "x.test"},       {"HTTP_PROXY", "http://never.test"}};
  c = of("s3://bucket");
  EXPECT_EQ(c->client.endpoint, "https://store.test");
  EXPECT_TRUE(c->client.path_style);
  EXPECT_EQ(c->client.region, "r");
  EXPECT_EQ(c->http.ca_file, "/ca.pem");
  EXPECT_EQ(c->http.proxy, "http://proxy.test:3128");
  EXPECT_EQ(c->http.no_proxy, "x.test");
  EXPECT_EQ(of("s3://bucket?endpoint=http://127.0.0.1:9000&proxy=http://p.test")->http.proxy, "http://p.test");
  EXPECT_EQ(of("s3://bucket?endpoint=http://127.0.0.1:9000")->http.proxy, "")
      << "HTTP_PROXY may come from a CGI's client";
  EXPECT_FALSE(of("s3://bucket?path_style=false")->client.path_style);
  environment = {{"HOME", "/h"}, {"AWS_PROFILE", "p"}};
  ASSERT_TRUE(files.make_dirs("/h/.aws"));
  ASSERT_TRUE(
      write_file_atomic(files, "/h/.aws/config", as_bytes("[profile p]\nregion = pr\nendpoint_url = http://pe\n")));
  EXPECT_EQ(of("s3://bucket")->client.region, "pr");
  EXPECT_EQ(of("s3://bucket")->client.endpoint, "http://pe");
}

}  // namespace
}  // namespace hf::vault
