// The calls: each as a request and what its answer means.
#include "remote/s3.h"

#include <algorithm>

#include "base/hex.h"
#include "base/text.h"
#include "remote/xml.h"

namespace hf::remote {
namespace {

constexpr int kGetAttempts = 3;  // of bytes that arrive damaged
constexpr const char* kNonceHeader = "x-amz-meta-holdfast-put";

struct ContentRange {
  std::optional<std::uint64_t> begin;  // absent: "bytes */N" of an answer 416
  std::optional<std::uint64_t> total;
};

// "bytes 2-4/10", "bytes */10".
ContentRange parse_content_range(std::string_view text) {
  ContentRange out;
  if (!text.starts_with("bytes ")) return out;
  text.remove_prefix(6);
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return out;
  out.total = parse_whole<std::uint64_t>(text.substr(slash + 1));
  out.begin = parse_whole<std::uint64_t>(text.substr(0, std::min(slash, text.find('-'))));
  return out;
}

Error too_short(const std::string& key, std::uint64_t size, std::uint64_t expected) {
  return make_error(ErrorKind::kCorrupt, "object " + key + " has " + std::to_string(size) + " bytes, " +
                                             std::to_string(expected) + " were expected")
      .with_object(key);
}

// Holds a whole object against the checksum that the server kept. One of a multipart upload is of its parts' checksums
// ("...-3"), and is left out.
bool is_damaged(const HttpResponse& answer) {
  const std::string_view kept = answer.header("x-amz-checksum-sha256");
  if (kept.empty() || kept.find('-') != std::string_view::npos || answer.header("x-amz-checksum-type") == "COMPOSITE")
    return false;
  return to_base64(crypto::sha256(answer.body)) != kept;
}

Result<S3Object> parse_entry(const XmlElement& entry) {
  S3Object out;
  HF_ASSIGN(out.key, uri_decode(entry.value("Key")));
  const auto size = parse_whole<std::uint64_t>(entry.value("Size"));
  auto modified = parse_time(entry.value("LastModified"));
  if (out.key.empty() || !size || !modified) {
    return make_error(ErrorKind::kCorrupt, "an entry of the store's listing has no key, size or time")
        .with_object(out.key);
  }
  out.size = *size;
  out.modified = *modified;
  out.storage_class = entry.value("StorageClass");
  return out;
}

}  // namespace

HttpHeaders S3Client::put_headers(const S3Put& put, const std::string& nonce) const {
  // The algorithm is named for Object Lock, which wants to know that the bytes were checked.
  HttpHeaders out = {{kNonceHeader, nonce}, {"x-amz-sdk-checksum-algorithm", "SHA256"}};
  if (!options_.encryption.empty()) out.emplace_back("x-amz-server-side-encryption", options_.encryption);
  if (!options_.kms_key.empty()) out.emplace_back("x-amz-server-side-encryption-aws-kms-key-id", options_.kms_key);
  if (!put.storage_class.empty()) out.emplace_back("x-amz-storage-class", put.storage_class);
  if (put.retain_until) {
    out.emplace_back("x-amz-object-lock-mode", put.governance ? "GOVERNANCE" : "COMPLIANCE");
    out.emplace_back("x-amz-object-lock-retain-until-date",
                     format_time(std::chrono::ceil<Seconds>(*put.retain_until)));
  }
  return out;
}

Status S3Client::put_whole(const std::string& key, ByteView bytes, const S3Put& put, const std::string& nonce) {
  const crypto::Digest digest = crypto::sha256(bytes);
  Call call;
  call.method = "PUT";
  call.key = key;
  call.body = bytes;
  call.body_sha256 = to_hex(digest);
  call.headers = put_headers(put, nonce);
  call.headers.emplace_back("x-amz-checksum-sha256", to_base64(digest));
  if (put.create) call.headers.emplace_back("if-none-match", "*");
  auto sent = send(call);
  if (sent) return ok();
  return std::move(sent).error();
}

// After a put failed in a way that leaves it open: the object's nonce says whether it is this put's.
Status S3Client::settle(const std::string& key, const std::string& nonce, Error failed) {
  auto there = head(key);
  if (there && there->nonce == nonce) return ok();
  if (there || there.error().kind == ErrorKind::kNotFound) failed.effect = Effect::kNone;
  return failed;
}

Status S3Client::put(const std::string& key, ByteView bytes, const S3Put& put) {
  const std::string nonce = entropy_.hex_id();
  Status done =
      bytes.size() > options_.part_bytes ? put_parts(key, bytes, put, nonce) : put_whole(key, bytes, put, nonce);
  if (done || done.error().effect == Effect::kNone) return done;
  return settle(key, nonce, std::move(done).error());
}

Result<Bytes> S3Client::get_part(const std::string& key, const S3Range& range, std::uint64_t limit) {
  const bool whole = range.offset == 0 && !range.length;
  Call call;
  call.key = key;
  call.limit = static_cast<std::size_t>(range.length.value_or(limit));
  call.headers = {{"x-amz-checksum-mode", "ENABLED"}};
  if (!whole) {
    const std::string last = range.length ? std::to_string(range.offset + *range.length - 1) : "";
    call.headers.emplace_back("range", "bytes=" + std::to_string(range.offset) + "-" + last);
    call.good = 206;
    call.also_good = 416;
  }
  HF_ASSIGN(Answer answer, send(call));
  HttpResponse& http = answer.http;
  if (http.body.size() > limit) {
    return make_error(ErrorKind::kExhausted, "object " + key + " is larger than what may be read at once")
        .with_object(key);
  }
  if (whole) {
    if (!is_damaged(http)) return std::move(http.body);
    return make_error(ErrorKind::kCorrupt, "object " + key + " is not what its checksum says").with_object(key);
  }
  const std::uint64_t end = range.offset + range.length.value_or(0);
  if (http.status == 416) {
    HF_ASSIGN(const S3Object there, head(key));
    if (!range.length && range.offset == there.size) return Bytes();
    return too_short(key, there.size, end);
  }
  const ContentRange given = parse_content_range(http.header("content-range"));
  if (http.status != 206 || !given.total || given.begin != range.offset) {
    return make_error(ErrorKind::kCorrupt,
                      "object " + key + ": the store answers with another range than was asked for")
        .with_object(key);
  }
  if (range.length && *given.total < end) return too_short(key, *given.total, end);
  const std::uint64_t expected = range.length.value_or(*given.total - range.offset);
  if (http.body.size() == expected) return std::move(http.body);
  return make_error(ErrorKind::kCorrupt, "object " + key + ": " + std::to_string(http.body.size()) + " bytes came, " +
                                             std::to_string(expected) + " were announced")
      .with_object(key);
}

Result<Bytes> S3Client::get(const std::string& key, const S3Range& range, std::uint64_t limit) {
  if (range.length.value_or(0) > limit) {
    return make_error(ErrorKind::kExhausted, "object " + key + " is larger than what may be read at once")
        .with_object(key);
  }
  if (range.length == 0U) {
    HF_ASSIGN(const S3Object there, head(key));
    return range.offset <= there.size ? Result<Bytes>(Bytes()) : too_short(key, there.size, range.offset);
  }
  // Damage on the way is another's than damage in the store: it is gone the next time.
  Result<Bytes> bytes = get_part(key, range, limit);
  for (int attempt = 1; !bytes && bytes.error().kind == ErrorKind::kCorrupt && attempt < kGetAttempts; ++attempt) {
    bytes = get_part(key, range, limit);
  }
  return bytes;
}

Result<S3Object> S3Client::head(const std::string& key) {
  Call call;
  call.method = "HEAD";
  call.key = key;
  HF_ASSIGN(const Answer answer, send(call));
  const auto size = parse_whole<std::uint64_t>(answer.http.header("content-length"));
  const auto modified = parse_http_date(answer.http.header("last-modified"));
  if (!size || !modified) {
    return make_error(ErrorKind::kCorrupt, "object " + key + ": the store tells no size or time of it")
        .with_object(key);
  }
  S3Object out;
  out.key = key;
  out.size = *size;
  out.modified = *modified;
  out.storage_class = answer.http.header("x-amz-storage-class");
  out.restore = answer.http.header("x-amz-restore");
  out.nonce = answer.http.header(kNonceHeader);
  out.version = answer.http.header("x-amz-version-id");
  if (out.version == "null") out.version.clear();
  const std::string_view until = answer.http.header("x-amz-object-lock-retain-until-date");
  if (!until.empty()) { HF_ASSIGN(out.locked_until, parse_time(until)); }
  out.held = answer.http.header("x-amz-object-lock-legal-hold") == "ON";
  return out;
}

Status S3Client::list(const std::string& prefix, const std::function<Status(const S3Object&)>& each) {
  std::string last, token;
  do {
    Call call;
    call.query = {{"list-type", "2"},
                  {"encoding-type", "url"},
                  {"max-keys", std::to_string(options_.page_keys)},
                  {"prefix", prefix}};
    if (!token.empty()) call.query.emplace_back("continuation-token", token);
    call.limit = kXmlLimitBytes;
    HF_ASSIGN(const Answer answer, send(call));
    HF_ASSIGN(const XmlElement page, parse_xml(as_text(answer.http.body)));
    if (page.name != "ListBucketResult")
      return make_error(ErrorKind::kCorrupt, "the store's listing is a " + page.name);
    for (const XmlElement& entry : page.children) {
      if (entry.name != "Contents") continue;
      HF_ASSIGN(const S3Object object, parse_entry(entry));
      // A listing that goes in circles would never end, and one out of order is not what its readers rely on.
      if (!object.key.starts_with(prefix) || (!last.empty() && object.key <= last)) {
        return make_error(ErrorKind::kCorrupt, "the store's listing is out of order at " + object.key)
            .with_object(object.key);
      }
      last = object.key;
      HF_TRY(each(object));
    }
    const bool more = page.value("IsTruncated") == "true";
    const std::string& next = page.value("NextContinuationToken");
    if (more && (next.empty() || next == token))
      return make_error(ErrorKind::kCorrupt, "the store's listing does not go on");
    token = more ? next : "";
  } while (!token.empty());
  return ok();
}

Status S3Client::remove(const std::string& key, const std::string& version) {
  Call call;
  call.method = "DELETE";
  call.key = key;
  if (!version.empty()) call.query = {{"versionId", version}};
  call.good = 204;
  auto answer = send(call);
  if (answer || answer.error().kind == ErrorKind::kNotFound) return ok();
  return std::move(answer).error();
}

}  // namespace hf::remote
