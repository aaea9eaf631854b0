// Calls about what is there already: locks, holds, storage classes, archives; and what the bucket says of itself.
#include "base/markup.h"
#include "base/text.h"
#include "crypto/hash.h"
#include "remote/s3.h"
#include "remote/sigv4.h"
#include "remote/xml.h"

namespace hf::remote {
namespace {

constexpr const char* kXmlNamespace = " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">";

std::string describe_default(const XmlElement& locking) {
  const XmlElement* rule = locking.find("Rule");
  const XmlElement* retention = rule == nullptr ? nullptr : rule->find("DefaultRetention");
  if (retention == nullptr || retention->value("Mode").empty()) return {};
  const std::string days = retention->value("Days");
  return retention->value("Mode") + " for " + (days.empty() ? retention->value("Years") + " years" : days + " days");
}

}  // namespace

Status S3Client::set_xml(const char* method, const std::string& key, const char* what, const std::string& body, int good) {
  Call call;
  call.method = method;
  call.key = key;
  call.query = {{what, ""}};
  call.body = as_bytes(body);
  call.headers = {{"x-amz-checksum-sha256", to_base64(crypto::sha256(call.body))}};
  call.good = good;
  auto answer = send(call);
  if (answer) return ok();
  return std::move(answer).error();
}

Status S3Client::request_restore(const std::string& key, int days, const std::string& tier) {
  Status asked = set_xml("POST", key, "restore",
                         std::string("<RestoreRequest") + kXmlNamespace + "<Days>" + std::to_string(days) +
                             "</Days><GlacierJobParameters><Tier>" + markup_escaped(tier) +
                             "</Tier></GlacierJobParameters></RestoreRequest>",
                         202);
  if (!asked && asked.error().kind == ErrorKind::kBusy) return ok();  // on its way already
  return asked;
}

Status S3Client::set_retention(const std::string& key, WallTime until, bool governance) {
  return set_xml("PUT", key, "retention",
                 std::string("<Retention") + kXmlNamespace + "<Mode>" + (governance ? "GOVERNANCE" : "COMPLIANCE") +
                     "</Mode><RetainUntilDate>" + format_time(std::chrono::ceil<Seconds>(until)) +
                     "</RetainUntilDate></Retention>",
                 200);
}

Status S3Client::set_legal_hold(const std::string& key, bool on) {
  return set_xml("PUT", key, "legal-hold",
                 std::string("<LegalHold") + kXmlNamespace + "<Status>" + (on ? "ON" : "OFF") + "</Status></LegalHold>", 200);
}

Status S3Client::change_class(const S3Object& object, const S3Put& as) {
  Call call;
  call.method = "PUT";
  call.key = object.key;
  const std::string version = object.version.empty() ? "" : "?versionId=" + uri_encode(object.version, false);
  call.headers = put_headers(as, object.nonce);
  call.headers.emplace_back("x-amz-copy-source", uri_encode(options_.bucket + "/" + object.key, true) + version);
  call.headers.emplace_back("x-amz-metadata-directive", "REPLACE");
  auto answer = send(call);
  if (!answer) return std::move(answer).error();
  // The copy may fail after its answer began: "200 OK" with an error inside.
  HF_ASSIGN(const XmlElement root, parse_xml(as_text(answer->http.body)));
  if (root.name == "CopyObjectResult") return ok();
  return Error(error_of(call, answer->http)).maybe_happened();
}

Result<S3Client::BucketSettings> S3Client::settings() {
  BucketSettings out;
  Call call;
  call.query = {{"versioning", ""}};
  HF_ASSIGN(const Answer versioning, send(call));
  HF_ASSIGN(const XmlElement versions, parse_xml(as_text(versioning.http.body)));
  out.versioning = versions.value("Status") == "Enabled";
  call.query = {{"object-lock", ""}};
  auto lock = send(call);
  if (!lock && lock.error().kind == ErrorKind::kNotFound) return out;
  if (!lock) return std::move(lock).error();
  HF_ASSIGN(const XmlElement locking, parse_xml(as_text(lock->http.body)));
  out.object_lock = locking.value("ObjectLockEnabled") == "Enabled";
  out.default_retention = describe_default(locking);
  return out;
}

}  // namespace hf::remote
