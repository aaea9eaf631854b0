// How a call becomes requests: signing, judging the answer, waiting, trying again.
#include <algorithm>

#include "base/hex.h"
#include "base/text.h"
#include "remote/s3.h"
#include "remote/xml.h"

namespace hf::remote {
namespace {

constexpr Micros kSkewWorthCorrecting = 30s;        // less is the age of a Date header
constexpr std::size_t kErrorLimitBytes = 64 << 10;  // an error may be longer than the few bytes that were asked for
constexpr std::size_t kShownBytes = 200;            // of a server's own words in an error

struct ServerError {
  std::string code, message, region;
};

ServerError read_error(const HttpResponse& answer) {
  const auto root = parse_xml(as_text(answer.body));
  if (!root || root->name != "Error") return {};
  return {root->value("Code"), root->value("Message").substr(0, kShownBytes), root->value("Region")};
}

// Answers to HEAD have no body: the status stands for the code.
std::string code_of_status(int status) {
  switch (status) {
    case 304:
    case 412:
      return "PreconditionFailed";
    case 403:
      return "AccessDenied";
    case 404:
      return "NoSuchKey";
    case 416:
      return "InvalidRange";
    case 501:
      return "NotImplemented";
    case 503:
      return "ServiceUnavailable";
    default:
      return "";
  }
}

bool is_one_of(const std::string& text, std::initializer_list<const char*> list) {
  return std::ranges::any_of(list, [&](const char* one) { return text == one; });
}

ErrorKind kind_of(const std::string& code, int status) {
  if (is_one_of(code, {"NoSuchKey", "NoSuchVersion", "ObjectLockConfigurationNotFoundError"}))
    return ErrorKind::kNotFound;
  if (code == "PreconditionFailed") return ErrorKind::kExists;
  if (code == "RestoreAlreadyInProgress") return ErrorKind::kBusy;
  if (is_one_of(code, {"NoSuchBucket", "InvalidObjectState", "NoSuchUpload"})) return ErrorKind::kBlocked;
  if (code == "NotImplemented") return ErrorKind::kUnsupported;
  if (is_one_of(code, {"XMinioStorageFull", "QuotaExceeded", "EntityTooLarge"}) || status == 507)
    return ErrorKind::kExhausted;
  if (is_one_of(code, {"BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch"}))
    return ErrorKind::kCorrupt;
  if (is_one_of(code, {"PermanentRedirect", "AuthorizationHeaderMalformed", "InvalidBucketName"}))
    return ErrorKind::kInvalid;
  if (status == 401 || status == 403 || is_one_of(code, {"ExpiredToken", "InvalidToken"})) return ErrorKind::kDenied;
  if (status >= 500 || status == 429) return ErrorKind::kUnavailable;
  return ErrorKind::kFailed;
}

std::string hint_of(const std::string& code, const std::string& region, const S3Options& o) {
  if (code == "NoSuchBucket") return "Create the bucket first, or correct its name in the address of the vault.";
  if (code == "InvalidObjectState") return "The object is archived: it must be brought back before it can be read.";
  if (is_one_of(code, {"InvalidAccessKeyId", "SignatureDoesNotMatch"})) {
    return "Check the access key and its secret (environment, AWS_PROFILE, or the machine's role).";
  }
  if (code == "RequestTimeTooSkewed") return "Set this machine's clock.";
  if (code == "AccessDenied")
    return "Check the policies of these credentials and of the bucket; docs/vault-s3.md has one.";
  if (is_one_of(code, {"PermanentRedirect", "AuthorizationHeaderMalformed"})) {
    return region.empty() ? "Give the bucket's own region: ?region=... (it is not " + o.region + ")."
                          : "Give the bucket's own region: ?region=" + region + ".";
  }
  return {};
}

}  // namespace

std::string s3_error_code(const HttpResponse& answer) {
  const std::string code = read_error(answer).code;
  return code.empty() ? code_of_status(answer.status) : code;
}

S3Client::S3Client(HttpClient& http, AwsCredentialSource& credentials, Clock& clock, crypto::Entropy& entropy, Log& log,
                   S3Options options, std::stop_token stop)
    : http_(http),
      credentials_(credentials),
      clock_(clock),
      entropy_(entropy),
      log_(log),
      options_(std::move(options)),
      stop_(std::move(stop)),
      rng_(ByteReader(entropy.bytes(8), "seed").u64().value()) {}

std::string S3Client::host() const {
  const std::string host = options_.endpoint.substr(options_.endpoint.find("://") + 3);
  return options_.path_style ? host : options_.bucket + "." + host;
}

std::string S3Client::path_of(const Call& call) const {
  std::string bucket = options_.path_style ? "/" + options_.bucket : "";
  if (call.key.empty() && !bucket.empty()) return bucket;
  return bucket + "/" + uri_encode(call.key, true);
}

Result<HttpResponse> S3Client::send_once(const Call& call) {
  HF_ASSIGN(const AwsCredentials credentials, credentials_.get(stop_));
  SigV4Request signing;
  signing.method = call.method;
  signing.host = host();
  signing.path = path_of(call);
  signing.query = call.query;
  signing.headers = call.headers;
  signing.payload_sha256 = call.body_sha256;
  signing.headers.emplace_back("x-amz-content-sha256", call.body_sha256);
  if (call.method == "PUT" || call.method == "POST")
    signing.headers.emplace_back("content-type", "application/octet-stream");
  const WallTime now = clock_.wall() + Micros(skew_micros_.load());
  HttpRequest request;
  request.method = call.method;
  request.headers = sigv4_sign(signing, {options_.region, "s3"}, credentials, now);
  const std::string query = canonical_query(call.query);
  const std::string scheme = options_.endpoint.substr(0, options_.endpoint.find("://") + 3);
  request.url = scheme + signing.host + signing.path + (query.empty() ? "" : "?" + query);
  request.body_view = call.body;
  request.ca_file = options_.ca_file;
  request.body_limit = std::max(call.limit, kErrorLimitBytes);
  ++requests_;
  return http_.send(request, options_.request_timeout, stop_);
}

// A signature is good for 15 minutes around the server's time. Where ours is off, its Date header says by how much.
bool S3Client::adjust_clock(const HttpResponse& answer) {
  const auto date = parse_http_date(answer.header("date"));
  if (!date) return false;
  const Micros skew = *date - clock_.wall();
  const Micros known(skew_micros_.load());
  if (std::chrono::abs(skew - known) < kSkewWorthCorrecting) return false;
  skew_micros_ = skew.count();
  log_.warning("s3", "clock differs from the store's", {{"seconds", std::to_string(skew.count() / 1'000'000)}});
  return true;
}

S3Client::Then S3Client::judge_error(const std::string& code, const HttpResponse& answer) {
  if (code == "RequestTimeTooSkewed" || code == "RequestExpired")
    return adjust_clock(answer) ? Then::kRetryNow : Then::kFail;
  if (is_one_of(code, {"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired"})) {
    credentials_.forget();
    return Then::kRetryNow;
  }
  if (is_one_of(code,
                {"SlowDown", "Throttling", "ThrottlingException", "RequestLimitExceeded", "BandwidthLimitExceeded"}) ||
      answer.status == 429) {
    return Then::kSlowDown;
  }
  // Damaged on the way there, or cut; or two conditional writes at once, of which AWS says to repeat.
  if (is_one_of(code, {"RequestTimeout", "BadDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch",
                       "IncompleteBody", "ConditionalRequestConflict", "OperationAborted"})) {
    return Then::kRetry;
  }
  if (code == "NotImplemented" || code == "XMinioStorageFull" || answer.status == 507) return Then::kFail;
  return answer.status >= 500 || answer.status == 408 ? Then::kRetry : Then::kFail;
}

S3Client::Then S3Client::judge(const Call& call, const Result<HttpResponse>& answer, int attempt) {
  if (!answer) {
    const bool passing = answer.error().kind == ErrorKind::kUnavailable || answer.error().kind == ErrorKind::kTimeout;
    return passing ? Then::kRetry : Then::kFail;
  }
  if (answer->status == 200 || answer->status == call.good || answer->status == call.also_good) return Then::kDone;
  const Then then = judge_error(s3_error_code(*answer), *answer);
  return then == Then::kRetryNow && attempt > 2 ? Then::kFail : then;
}

Status S3Client::wait(int attempt, bool slow_down, const Result<HttpResponse>& answer) {
  const Micros first = slow_down ? options_.retry.first_slow_down : options_.retry.first;
  Micros pause = std::min(options_.retry.longest, first * (std::int64_t{1} << std::min(attempt - 1, 16)));
  {
    std::lock_guard lock(mutex_);
    pause =
        pause / 2 + Micros(static_cast<std::int64_t>(rng_.bounded(static_cast<std::uint64_t>(pause.count() / 2 + 1))));
  }
  if (answer) {
    const std::string_view named = answer->header("retry-after");
    Micros asked{0};
    if (const auto seconds = parse_whole<std::uint32_t>(named))
      asked = Seconds(*seconds);
    else if (const auto date = parse_http_date(named))
      asked = *date - clock_.wall() - Micros(skew_micros_.load());
    pause = std::max(pause, std::min(asked, options_.retry.longest));
  }
  if (clock_.sleep_until(clock_.mono() + pause, stop_)) return ok();
  return make_error(ErrorKind::kCancelled, "waiting for the object store: stopped");
}

Error S3Client::error_of(const Call& call, const HttpResponse& answer) const {
  const ServerError said = read_error(answer);
  const std::string code = said.code.empty() ? code_of_status(answer.status) : said.code;
  std::string text = call.method + " " + (call.key.empty() ? "bucket " + options_.bucket : call.key) +
                     ": the store at " + options_.endpoint + " answers " + std::to_string(answer.status) +
                     (code.empty() ? "" : " " + code);
  if (!said.message.empty()) text += ": " + said.message;
  Error e = make_error(kind_of(code, answer.status), text);
  const bool bucket_is_wrong = code == "NoSuchBucket";
  e.object = bucket_is_wrong || call.key.empty() ? options_.bucket : call.key;
  e.hint = hint_of(code, said.region, options_);
  // A 5xx may come from something in between, after the store did what was asked.
  if (answer.status >= 500 && call.method != "GET" && call.method != "HEAD") e.effect = Effect::kMaybe;
  return e;
}

Result<S3Client::Answer> S3Client::send(const Call& given) {
  Call call = given;
  if (call.body_sha256.empty()) call.body_sha256 = to_hex(crypto::sha256(call.body));
  bool lost_one = false;
  for (int attempt = 1;; ++attempt) {
    Result<HttpResponse> answer = send_once(call);
    const Then then = judge(call, answer, attempt);
    if (then == Then::kDone) return Answer{std::move(*answer), lost_one};
    Error error = answer ? error_of(call, *answer) : answer.error();
    lost_one = lost_one || error.effect == Effect::kMaybe;
    if (then == Then::kFail || attempt >= options_.retry.attempts) {
      if (lost_one) error.effect = Effect::kMaybe;
      return error;
    }
    log_.info("s3", "again", {{"attempt", std::to_string(attempt)}, {"why", error.text}});
    if (then == Then::kRetryNow) continue;
    Status waited = wait(attempt, then == Then::kSlowDown, answer);
    if (!waited) {
      Error stopped = std::move(waited).error();
      if (lost_one) stopped.effect = Effect::kMaybe;
      return stopped;
    }
  }
}

}  // namespace hf::remote
