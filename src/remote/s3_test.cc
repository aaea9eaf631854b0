// The client against MinIO and moto; and, from a script, what no server does when asked.
#include <gtest/gtest.h>

#include "base/hex.h"
#include "io/testing_net.h"
#include "remote/s3.h"
#include "remote/testing_http_proxy.h"
#include "remote/testing_object_store.h"
#include "remote/testing_scripted_http.h"

namespace hf::remote {
namespace {

struct OnServer {
  explicit OnServer(S3ServerKind kind)
      : server(S3TestServer::get(kind)), bucket(server.new_bucket()), credentials(server.credentials()) {}
  S3Client client(S3Options o) { return {http, credentials, clock, entropy, log, std::move(o), {}}; }
  S3Client client() { return client(server.options(bucket)); }

  S3TestServer& server;
  std::string bucket;
  SystemClock clock;
  crypto::SystemEntropy entropy;
  MemoryLog log;
  CurlHttpPool http{clock, {}};
  FixedAwsCredentials credentials;
};

class S3OnServer : public ::testing::TestWithParam<S3ServerKind> {
 protected:
  OnServer on{GetParam()};
  S3Client s3 = on.client();
};
INSTANTIATE_TEST_SUITE_P(Servers, S3OnServer, ::testing::Values(S3ServerKind::kMinio, S3ServerKind::kMoto),
                         [](const auto& k) { return k.param == S3ServerKind::kMinio ? "minio" : "moto"; });

std::string keys(S3Client& s3, const std::string& prefix) {
  std::string out;
  Status listed = s3.list(prefix, [&](const S3Object& o) {
    out += o.key + ":" + std::to_string(o.size) + " ";
    return ok();
  });
  return listed ? out : listed.error().text;
}

TEST_P(S3OnServer, KeepsObjectsUnderAnyName) {
  for (const char* key : {"a b", "a+b%20", "p/\xc3\xa9&<x>'\"", "p/~!*()", "p/a:b@c,d;e=f$?#[]"}) {
    Status put = s3.put(key, as_bytes(key), {});
    ASSERT_TRUE(put) << key << ": " << put.error().text;
    auto bytes = s3.get(key, {}, 1000);
    ASSERT_TRUE(bytes) << key << ": " << bytes.error().text;
    EXPECT_EQ(to_text(*bytes), key);
  }
  EXPECT_EQ(keys(s3, "p/"), "p/a:b@c,d;e=f$?#[]:18 p/~!*():7 p/\xc3\xa9&<x>'\":10 ");
  EXPECT_TRUE(s3.remove("a b"));
  EXPECT_TRUE(s3.remove("a b"));
  EXPECT_EQ(s3.get("a b", {}, 1000).error().kind, ErrorKind::kNotFound);
  EXPECT_EQ(s3.head("a b").error().kind, ErrorKind::kNotFound);
}

TEST_P(S3OnServer, ListsMoreThanAPage) {
  S3Options o = on.server.options(on.bucket);
  o.page_keys = 3;
  S3Client client = on.client(o);
  std::string expected;
  for (int i = 0; i < 7; ++i) {
    const std::string key = "many/" + std::to_string(i) + (i == 2 ? "&<" : "");
    ASSERT_TRUE(s3.put(key, as_bytes("x"), {}));
    expected += key + ":1 ";
  }
  ASSERT_TRUE(s3.put("many-more", as_bytes("x"), {}));
  EXPECT_EQ(keys(client, "many/"), expected);
  EXPECT_EQ(client.requests(), 3u);
}

TEST_P(S3OnServer, SendsLargeObjectsInPartsAndCreatesThemOnce) {
  S3Options o = on.server.options(on.bucket);
  o.part_bytes = 5 << 20;  // the least that S3 takes
  S3Client client = on.client(o);
  Bytes large((12 << 20) + 7);
  for (std::size_t i = 0; i < large.size(); ++i) large[i] = static_cast<std::uint8_t>(i * 2654435761u >> 13);
  Status put = client.put("large", large, {.create = true});
  ASSERT_TRUE(put) << put.error().text;
  auto whole = client.get("large", {}, large.size());
  ASSERT_TRUE(whole) << whole.error().text;
  EXPECT_TRUE(*whole == large);
  auto across = client.get("large", {(5 << 20) - 2, 4}, 4);
  ASSERT_TRUE(across) << across.error().text;
  EXPECT_TRUE(std::equal(across->begin(), across->end(), large.begin() + (5 << 20) - 2));
  large[0] ^= 1;
  Status again = client.put("large", large, {.create = true});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, ErrorKind::kExists) << again.error().text;
  EXPECT_EQ(*client.get("large", {0, 1}, 1), Bytes(1, static_cast<std::uint8_t>(large[0] ^ 1)));
}

TEST_P(S3OnServer, SaysWhatIsWrong) {
  S3Options o = on.server.options("no-such-bucket-of-ours");
  S3Client client = on.client(o);
  Status listed = client.list("", [](const S3Object&) { return ok(); });
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().kind, ErrorKind::kBlocked) << listed.error().text;
  EXPECT_NE(listed.error().hint.find("bucket"), std::string::npos);
  EXPECT_EQ(client.get("x", {}, 10).error().kind, ErrorKind::kBlocked);
}

TEST(S3OnMinio, ChecksSignaturesAndClocks) {
  OnServer on(S3ServerKind::kMinio);
  FixedAwsCredentials wrong({"holdfast-tests", Secret(std::string_view("wrong")), {}, {}});
  S3Client stranger(on.http, wrong, on.clock, on.entropy, on.log, on.server.options(on.bucket), {});
  Status put = stranger.put("x", as_bytes("x"), {});
  ASSERT_FALSE(put);
  EXPECT_EQ(put.error().kind, ErrorKind::kDenied) << put.error().text;
  EXPECT_NE(put.error().hint, "");
  JumpingClock late(on.clock.wall() - std::chrono::hours(3));
  S3Client client(on.http, on.credentials, late, on.entropy, on.log, on.server.options(on.bucket), {});
  put = client.put("x", as_bytes("x"), {});
  EXPECT_TRUE(put) << put.error().text;
  EXPECT_EQ(client.requests(), 2u) << "refused once, then signed with the server's time";
  EXPECT_TRUE(client.put("y", as_bytes("y"), {}));
  EXPECT_EQ(client.requests(), 3u);
}

struct ScriptedS3 : ::testing::Test {
  JumpingClock clock{*parse_time("2026-05-01T10:00:00Z")};
  crypto::SystemEntropy entropy;
  MemoryLog log;
  ScriptedHttp http;
  std::stop_source stop;
  FixedAwsCredentials credentials{{"AK", Secret(std::string_view("SK")), {}, {}}};
  S3Options options{.endpoint = "https://s3.eu-west-1.amazonaws.com", .region = "eu-west-1", .bucket = "b"};
  S3Client s3{http, credentials, clock, entropy, log, options, stop.get_token()};

  static std::string error_body(const std::string& code, const std::string& more = "") {
    return "<Error><Code>" + code + "</Code><Message>m</Message>" + more + "</Error>";
  }
  static std::string sent(const HttpRequest& request, std::string_view name) {
    for (const auto& [n, value] : request.headers) {
      if (n == name) return value;
    }
    return "";
  }
};

TEST_F(ScriptedS3, AddressesBucketsByHostOrByPath) {
  http.then(200);
  ASSERT_TRUE(s3.put("k/x y", as_bytes("hello"), {.create = true, .storage_class = "STANDARD_IA"}));
  const HttpRequest& q = http.requests[0];
  EXPECT_EQ(q.url, "https://b.s3.eu-west-1.amazonaws.com/k/x%20y");
  EXPECT_EQ(sent(q, "host"), "b.s3.eu-west-1.amazonaws.com");
  EXPECT_EQ(sent(q, "if-none-match"), "*");
  EXPECT_EQ(sent(q, "x-amz-storage-class"), "STANDARD_IA");
  EXPECT_EQ(sent(q, "x-amz-checksum-sha256"), "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=");
  EXPECT_EQ(sent(q, "x-amz-content-sha256"), "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
  options.path_style = true;
  options.encryption = "aws:kms";
  options.kms_key = "key";
  S3Client by_path(http, credentials, clock, entropy, log, options, {});
  http.then(200);
  ASSERT_TRUE(by_path.put(
      "k", {}, {.create = false, .storage_class = {}, .retain_until = clock.wall() + std::chrono::hours(24)}));
  EXPECT_EQ(http.requests[1].url, "https://s3.eu-west-1.amazonaws.com/b/k");
  EXPECT_EQ(sent(http.requests[1], "x-amz-server-side-encryption"), "aws:kms");
  EXPECT_EQ(sent(http.requests[1], "x-amz-server-side-encryption-aws-kms-key-id"), "key");
  EXPECT_EQ(sent(http.requests[1], "x-amz-object-lock-mode"), "COMPLIANCE");
  EXPECT_EQ(sent(http.requests[1], "x-amz-object-lock-retain-until-date"), "2026-05-02T10:00:00Z");
}

TEST_F(ScriptedS3, WaitsLongerEachTimeAndAtTheServersPace) {
  http.then_fail(ErrorKind::kUnavailable, Effect::kNone);
  http.then(500, error_body("InternalError"));
  http.then(502);
  http.then(503, error_body("SlowDown"));
  http.then(429);
  http.then(503, "", {{"retry-after", "7"}});
  http.then(503, "", {{"retry-after", "Fri, 01 May 2026 10:00:50 GMT"}});
  http.then(503, "", {{"retry-after", "86400"}});
  http.then(200, "bytes");
  auto bytes = s3.get("k", {}, 100);
  ASSERT_TRUE(bytes) << bytes.error().text;
  ASSERT_EQ(clock.pauses.size(), 8u);
  const auto between = [&](std::size_t i, Micros least, Micros most) {
    EXPECT_GE(clock.pauses[i], least) << i;
    EXPECT_LE(clock.pauses[i], most) << i;
  };
  between(0, 100ms, 200ms);
  between(1, 200ms, 400ms);
  between(2, 400ms, 800ms);
  between(3, 4s, 8s);
  between(4, 8s, 16s);
  between(5, 7s, 7s);
  between(6, 6400ms, 20s);
  between(7, 20s, 20s);
}

TEST_F(ScriptedS3, GivesUpAfterItsAttemptsAndOnWhatDoesNotPass) {
  for (int i = 0; i < options.retry.attempts; ++i) http.then(503, error_body("ServiceUnavailable"));
  EXPECT_EQ(s3.get("k", {}, 100).error().kind, ErrorKind::kUnavailable);
  EXPECT_TRUE(http.done());
  struct Final {
    int status;
    const char* code;
    ErrorKind kind;
  };
  for (const Final& f : {Final{403, "AccessDenied", ErrorKind::kDenied},
                         {404, "NoSuchKey", ErrorKind::kNotFound},
                         {403, "InvalidObjectState", ErrorKind::kBlocked},
                         {501, "NotImplemented", ErrorKind::kUnsupported},
                         {507, "XMinioStorageFull", ErrorKind::kExhausted},
                         {301, "PermanentRedirect", ErrorKind::kInvalid},
                         {400, "MalformedXML", ErrorKind::kFailed}}) {
    http.then(f.status, error_body(f.code));
    EXPECT_EQ(s3.get("k", {}, 100).error().kind, f.kind) << f.code;
    EXPECT_TRUE(http.done()) << f.code;
  }
  http.then(400, error_body("AuthorizationHeaderMalformed", "<Region>us-east-2</Region>"));
  EXPECT_NE(s3.get("k", {}, 100).error().hint.find("?region=us-east-2"), std::string::npos);
}

TEST_F(ScriptedS3, ExpiredCredentialsAreFetchedAnewOnce) {
  for (int i = 0; i < 3; ++i) http.then(400, error_body("ExpiredToken"));
  EXPECT_EQ(s3.get("k", {}, 100).error().kind, ErrorKind::kDenied);
  EXPECT_TRUE(http.done());
}

TEST_F(ScriptedS3, ACreateWhoseAnswerWasLostIsLookedAt) {
  const auto ours = [&](const HttpRequest&) -> Result<HttpResponse> {
    return HttpResponse{200,
                        {{"content-length", "1"},
                         {"last-modified", "Fri, 01 May 2026 10:00:00 GMT"},
                         {"x-amz-meta-holdfast-put", sent(http.requests[0], "x-amz-meta-holdfast-put")}},
                        {},
                        Micros(1)};
  };
  http.then_fail(ErrorKind::kTimeout, Effect::kMaybe);
  http.then(412, error_body("PreconditionFailed"));
  http.then(ours);
  EXPECT_TRUE(s3.put("k", as_bytes("x"), {.create = true})) << "it was the first attempt that made it";
  http.requests.clear();
  http.then_fail(ErrorKind::kTimeout, Effect::kMaybe);
  http.then(412, error_body("PreconditionFailed"));
  http.then(200, "",
            {{"content-length", "1"},
             {"last-modified", "Fri, 01 May 2026 10:00:00 GMT"},
             {"x-amz-meta-holdfast-put", "other"}});
  Status put = s3.put("k", as_bytes("x"), {.create = true});
  EXPECT_EQ(put.error().kind, ErrorKind::kExists);
  EXPECT_EQ(put.error().effect, Effect::kNone);
  http.then_fail(ErrorKind::kTimeout, Effect::kMaybe);
  http.then(412, error_body("PreconditionFailed"));
  http.then(403);
  put = s3.put("k", as_bytes("x"), {.create = true});
  EXPECT_EQ(put.error().effect, Effect::kMaybe) << "who may not look does not know";
  http.then(412, error_body("PreconditionFailed"));
  EXPECT_EQ(s3.put("k", as_bytes("x"), {.create = true}).error().kind, ErrorKind::kExists);
  EXPECT_TRUE(http.done()) << "where nothing was lost nothing is asked";
}

TEST_F(ScriptedS3, AStopEndsTheWaiting) {
  http.then([&](const HttpRequest&) -> Result<HttpResponse> {
    stop.request_stop();
    return HttpResponse{503, {}, {}, Micros(1)};
  });
  EXPECT_EQ(s3.get("k", {}, 100).error().kind, ErrorKind::kCancelled);
}

TEST_F(ScriptedS3, DamageOnTheWayIsReadAgain) {
  const HttpHeaders checksum = {{"x-amz-checksum-sha256", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="}};
  http.then(200, "hellO", checksum);
  http.then(200, "hello", checksum);
  EXPECT_EQ(to_text(*s3.get("k", {}, 100)), "hello");
  for (int i = 0; i < 3; ++i) http.then(200, "hellO", checksum);
  EXPECT_EQ(s3.get("k", {}, 100).error().kind, ErrorKind::kCorrupt);
  http.then(206, "ell", {{"content-range", "bytes 1-3/5"}});
  EXPECT_EQ(to_text(*s3.get("k", {1, 3}, 100)), "ell");
  for (const char* range : {"bytes 0-2/5", "bytes 1-3/*", "", "bytes 1-3/3"}) {
    for (int i = 0; i < 3; ++i) http.then(206, "ell", {{"content-range", range}});
    EXPECT_EQ(s3.get("k", {1, 3}, 100).error().kind, ErrorKind::kCorrupt) << range;
    EXPECT_TRUE(http.done()) << range;
  }
}

TEST_F(ScriptedS3, ListingsThatCannotBeTrustedAreRefused) {
  const auto page = [](const std::string& contents, const std::string& rest = "") {
    return "<ListBucketResult>" + contents + rest + "</ListBucketResult>";
  };
  const auto entry = [](const std::string& key) {
    return "<Contents><Key>" + key +
           "</Key><Size>1</Size><LastModified>2026-05-01T10:00:00.000Z</LastModified></Contents>";
  };
  const std::string more = "<IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken>";
  const auto list = [&](const std::string& body) {
    http.then(200, body);
    http.then(200, body);
    return s3.list("p/", [](const S3Object&) { return ok(); });
  };
  for (const std::string& wrong :
       {page(entry("p/b") + entry("p/a")), page(entry("p/a") + entry("p/a")), page(entry("q/a")),
        page(entry("p/a"), more), page("", more), page(entry("p/%2")), std::string("<Other/>"),
        page("", "<IsTruncated>true</IsTruncated>"), page("<Contents><Key>p/a</Key></Contents>"), std::string("x")}) {
    EXPECT_FALSE(list(wrong)) << wrong;
  }
}

TEST_F(ScriptedS3, ACompletionThatFailsAfterStatus200IsTriedAgain) {
  options.part_bytes = 4;
  options.parts_at_once = 1;
  S3Client client(http, credentials, clock, entropy, log, options, {});
  http.then(200, "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>");
  for (int i = 0; i < 2; ++i) http.then(200, "", {{"etag", "\"e\""}});
  http.then(200, error_body("InternalError"));
  http.then(200, "<CompleteMultipartUploadResult><Key>k</Key></CompleteMultipartUploadResult>");
  Status put = client.put("k", as_bytes("12345"), {.create = true});
  EXPECT_TRUE(put) << put.error().text;
  EXPECT_TRUE(http.done());
  EXPECT_EQ(sent(http.requests[4], "if-none-match"), "*");
}

TEST_F(ScriptedS3, AnUploadThatFailsIsThrownAway) {
  options.part_bytes = 4;
  options.parts_at_once = 1;
  S3Client client(http, credentials, clock, entropy, log, options, {});
  http.then(200, "<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>");
  http.then(200, "", {{"etag", "\"e\""}});
  http.then(403, error_body("AccessDenied"));
  http.then(204);
  Status put = client.put("k", as_bytes("12345"), {.create = true});
  EXPECT_EQ(put.error().kind, ErrorKind::kDenied);
  EXPECT_EQ(put.error().effect, Effect::kNone);
  EXPECT_EQ(http.requests.back().method, "DELETE");
  EXPECT_TRUE(http.requests.back().url.ends_with("/k?uploadId=u"));
}

}  // namespace
}  // namespace hf::remote
