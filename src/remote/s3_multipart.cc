// Large objects in parts, several at once. The object appears with the last request, which is where `create` is
// decided.
#include <atomic>
#include <thread>

#include "base/hex.h"
#include "base/markup.h"
#include "remote/s3.h"
#include "remote/xml.h"

namespace hf::remote {
namespace {

constexpr std::size_t kMaxParts = 10'000;  // S3's own limit
constexpr int kCompleteAttempts = 4;       // of "200 OK" with an error inside

}  // namespace

Result<S3Client::Part> S3Client::put_part(const std::string& key, const std::string& upload, std::size_t number,
                                          ByteView bytes) {
  const crypto::Digest digest = crypto::sha256(bytes);
  Call call;
  call.method = "PUT";
  call.key = key;
  call.query = {{"partNumber", std::to_string(number)}, {"uploadId", upload}};
  call.body = bytes;
  call.body_sha256 = to_hex(digest);
  Part part;
  part.checksum = to_base64(digest);
  call.headers = {{"x-amz-checksum-sha256", part.checksum}};
  HF_ASSIGN(const Answer answer, send(call));
  part.etag = answer.http.header("etag");
  if (part.etag.empty())
    return make_error(ErrorKind::kCorrupt, "part " + std::to_string(number) + " of " + key + " got no tag");
  return part;
}

Result<std::vector<S3Client::Part>> S3Client::send_parts(const std::string& key, const std::string& upload,
                                                         ByteView bytes) {
  const std::size_t count = (bytes.size() + options_.part_bytes - 1) / options_.part_bytes;
  std::vector<Part> parts(count);
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::optional<Error> failed;
  const auto work = [&] {
    for (std::size_t i = next++; i < count; i = next++) {
      const std::size_t begin = i * options_.part_bytes;
      auto part =
          put_part(key, upload, i + 1, bytes.subspan(begin, std::min(options_.part_bytes, bytes.size() - begin)));
      std::lock_guard lock(mutex);
      if (part) {
        parts[i] = std::move(*part);
      } else {
        if (!failed) failed = std::move(part).error();
        next = count;
      }
    }
  };
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = 1; i < std::min<std::size_t>(options_.parts_at_once, count); ++i) threads.emplace_back(work);
    work();
  }
  if (!failed) return parts;
  failed->effect = Effect::kNone;  // parts are not an object
  return std::move(*failed);
}

Status S3Client::complete(const std::string& key, const std::string& upload, const std::vector<Part>& parts,
                          const S3Put& put) {
  std::string body = "<CompleteMultipartUpload xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";
  for (std::size_t i = 0; i < parts.size(); ++i) {
    body += "<Part><PartNumber>" + std::to_string(i + 1) + "</PartNumber><ETag>" + markup_escaped(parts[i].etag) +
            "</ETag><ChecksumSHA256>" + markup_escaped(parts[i].checksum) + "</ChecksumSHA256></Part>";
  }
  body += "</CompleteMultipartUpload>";
  Call call;
  call.method = "POST";
  call.key = key;
  call.query = {{"uploadId", upload}};
  call.body = as_bytes(body);
  if (put.create) call.headers.emplace_back("if-none-match", "*");
  for (int attempt = 1;; ++attempt) {
    auto answer = send(call);
    if (!answer) {
      Error error = std::move(answer).error();
      error.effect = Effect::kMaybe;  // also "no such upload": of an earlier answer that was lost
      return error;
    }
    auto root = parse_xml(as_text(answer->http.body));
    if (root && root->name == "CompleteMultipartUploadResult") return ok();
    Error said = root ? error_of(call, answer->http) : std::move(root).error();
    if (attempt == kCompleteAttempts) return Error(std::move(said)).maybe_happened();
    HF_TRY(wait(attempt, false, answer->http));
  }
}

Status S3Client::put_parts(const std::string& key, ByteView bytes, const S3Put& put, const std::string& nonce) {
  if (bytes.size() / options_.part_bytes >= kMaxParts) {
    return make_error(ErrorKind::kExhausted, "object " + key + " is too large to be sent in parts").with_object(key);
  }
  Call begin;
  begin.method = "POST";
  begin.key = key;
  begin.query = {{"uploads", ""}};
  begin.headers = put_headers(put, nonce);
  begin.headers.emplace_back("x-amz-checksum-algorithm", "SHA256");
  auto begun = send(begin);
  if (!begun) return Error(std::move(begun).error()).with_context("beginning an upload in parts");
  HF_ASSIGN(const XmlElement upload, parse_xml(as_text(begun->http.body)));
  const std::string& id = upload.value("UploadId");
  if (id.empty()) return make_error(ErrorKind::kCorrupt, "the store names no upload for " + key).with_object(key);
  auto parts = send_parts(key, id, bytes);
  Status done = parts ? complete(key, id, *parts, put) : Status(std::move(parts).error());
  if (done) return done;
  if (done.error().effect == Effect::kMaybe) done = settle(key, nonce, std::move(done).error());
  if (done) return done;
  // Parts cost money until they are thrown away; a rule of the bucket does that where this call does not get through.
  Call abort;
  abort.method = "DELETE";
  abort.key = key;
  abort.query = {{"uploadId", id}};
  abort.good = 204;
  (void)send(abort);
  return done;
}

}  // namespace hf::remote
