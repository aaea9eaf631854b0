// An S3 client for one bucket: whole objects, ranges, listing, creation if absent, multipart.
//
// It is the one wire client here that retries, because S3 asks for that: by class of error, with exponential backoff
// and jitter, at the server's pace where it names one (`Retry-After`). An effect that may have happened is looked at,
// not guessed: every put carries a nonce as metadata, and a create whose answer was lost reads it back. Invariant: what
// a put sends is under the SHA-256 that the server checks (x-amz-content-sha256, signed, and x-amz-checksum-sha256,
// kept), and what a whole get returns has the checksum that the server kept, where it did.
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/log.h"
#include "base/rng.h"
#include "crypto/hash.h"
#include "crypto/keys.h"
#include "remote/aws_credentials.h"
#include "remote/http.h"

namespace hf::remote {

struct S3Retry {
  int attempts = 10;
  Micros first = 200ms;         // doubled each time; half of a wait is jitter
  Micros first_slow_down = 1s;  // where the server says that we are too fast
  Micros longest = 20s;         // also for a Retry-After
};

struct S3Options {
  std::string endpoint;  // "https://s3.eu-west-1.amazonaws.com", "http://127.0.0.1:9000"
  std::string region;
  std::string bucket;
  bool path_style = false;  // endpoint/bucket/key instead of bucket.endpoint/key
  std::string ca_file;
  std::string encryption;  // "", "AES256" or "aws:kms"
  std::string kms_key;
  Micros request_timeout = 10min;     // of one attempt; a stall ends it much earlier
  std::size_t part_bytes = 32 << 20;  // larger objects are sent in such parts, several at once
  unsigned parts_at_once = 4;
  unsigned page_keys = 1000;  // of a listing: S3's own limit
  S3Retry retry;
};

struct S3Put {
  bool create = false;                   // If-None-Match: *
  std::string storage_class;             // "": the bucket's standard
  std::optional<WallTime> retain_until;  // Object Lock, mode COMPLIANCE or GOVERNANCE
  bool governance = false;
};

struct S3Object {
  std::string key;
  std::uint64_t size = 0;
  WallTime modified{};
  std::string storage_class;  // "": standard
  // Of head() only:
  std::string restore;  // x-amz-restore of an archived object: being or been brought back
  std::string nonce;    // of the put that made it
  std::string version;  // "" where the bucket keeps no versions
  std::optional<WallTime> locked_until;
  bool held = false;  // legal hold
};

struct S3Range {
  std::uint64_t offset = 0;
  std::optional<std::uint64_t> length;
};

class S3Client {
 public:
  S3Client(HttpClient& http, AwsCredentialSource& credentials, Clock& clock, crypto::Entropy& entropy, Log& log,
           S3Options options, std::stop_token stop);

  // kExists: `create`, and another's object is there. kExhausted: the server has no room. kDenied, kBlocked (no such
  // bucket), kUnsupported (the server knows no If-None-Match).
  Status put(const std::string& key, ByteView bytes, const S3Put& put);
  // kNotFound; kCorrupt: shorter than asked for; kBlocked: archived, see request_restore. At most `limit` bytes.
  Result<Bytes> get(const std::string& key, const S3Range& range, std::uint64_t limit);
  Result<S3Object> head(const std::string& key);
  // Every key that begins with `prefix`, in byte order.
  Status list(const std::string& prefix, const std::function<Status(const S3Object&)>& each);
  // Absent is fine. Without a version, a bucket that keeps versions only hides the object; with it, the bytes go.
  Status remove(const std::string& key, const std::string& version = "");
  // Asks for a readable copy of an archived object for so many days; asked for already is fine. `tier`: "Standard",
  // "Bulk", "Expedited".
  Status request_restore(const std::string& key, int days, const std::string& tier);

  // Object Lock of what is there. A lock can be made longer; only governance can be ended earlier, and not by this.
  Status set_retention(const std::string& key, WallTime until, bool governance);
  Status set_legal_hold(const std::string& key, bool on);
  // Copies the object onto itself in another storage class, if it is still the one that head() told of. A bucket that
  // keeps versions keeps the old one, too. At most 5 GiB.
  Status change_class(const S3Object& object, const S3Put& as);

  struct BucketSettings {
    bool versioning = false;
    bool object_lock = false;
    std::string default_retention;  // "": none; else for a person, "GOVERNANCE for 30 days"
  };
  Result<BucketSettings> settings();  // kDenied where the policy does not let us look

  const S3Options& options() const { return options_; }
  std::uint64_t requests() const { return requests_; }

 private:
  struct Call {
    std::string method = "GET";
    std::string key;  // empty: the bucket itself
    std::vector<std::pair<std::string, std::string>> query;
    HttpHeaders headers;
    ByteView body;
    std::string body_sha256;  // hex; computed where empty
    std::size_t limit = kHttpBodyLimitBytes;
    int good = 200;  // the status that stands for success, beside 200
    int also_good = 200;
  };
  struct Answer {
    HttpResponse http;
    bool lost_one = false;  // an earlier attempt of this call may have happened
  };
  enum class Then : std::uint8_t { kDone, kFail, kRetry, kRetryNow, kSlowDown };

  Result<Answer> send(const Call& call);
  Result<HttpResponse> send_once(const Call& call);
  Then judge(const Call& call, const Result<HttpResponse>& answer, int attempt);
  Then judge_error(const std::string& code, const HttpResponse& answer);
  bool adjust_clock(const HttpResponse& answer);
  Status wait(int attempt, bool slow_down, const Result<HttpResponse>& answer);
  Error error_of(const Call& call, const HttpResponse& answer) const;

  HttpHeaders put_headers(const S3Put& put, const std::string& nonce) const;
  Status put_whole(const std::string& key, ByteView bytes, const S3Put& put, const std::string& nonce);
  Status put_parts(const std::string& key, ByteView bytes, const S3Put& put, const std::string& nonce);
  struct Part {
    std::string etag, checksum;
  };
  Result<Part> put_part(const std::string& key, const std::string& upload, std::size_t number, ByteView bytes);
  Result<std::vector<Part>> send_parts(const std::string& key, const std::string& upload, ByteView bytes);
  Status complete(const std::string& key, const std::string& upload, const std::vector<Part>& parts, const S3Put& put);
  Status settle(const std::string& key, const std::string& nonce, Error failed);
  Status set_xml(const char* method, const std::string& key, const char* what, const std::string& body, int good);
  Result<Bytes> get_part(const std::string& key, const S3Range& range, std::uint64_t limit);
  std::string host() const;
  std::string path_of(const Call& call) const;

  HttpClient& http_;
  AwsCredentialSource& credentials_;
  Clock& clock_;
  crypto::Entropy& entropy_;
  Log& log_;
  S3Options options_;
  std::stop_token stop_;
  std::mutex mutex_;
  Rng rng_;                                    // jitter; under the mutex
  std::atomic<std::int64_t> skew_micros_ = 0;  // the server's clock minus ours
  std::atomic<std::uint64_t> requests_ = 0;
};

// Of an error answer: <Error><Code>, "" where there is none.
std::string s3_error_code(const HttpResponse& answer);

}  // namespace hf::remote
