#include "remote/testing_object_store.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "base/hex.h"
#include "io/process.h"
#include "io/testing_folder.h"
#include "io/testing_net.h"
#include "remote/xml.h"

namespace hf::remote {
namespace {

constexpr Micros kStartTimeout = 60s;  // a busy machine
constexpr Micros kPollEvery = 50ms;
constexpr int kPortAttempts = 5;  // somebody may take a free port before the server does
constexpr const char* kAccessKey = "holdfast-tests";
constexpr const char* kSecretKey = "holdfast-tests-secret";

[[noreturn]] void give_up_on(const std::string& what, const std::string& why) {
  std::fprintf(stderr, "%s: %s\n", what.c_str(), why.c_str());
  std::abort();
}

// Where tests/servers puts them.
std::string server_folder() {
  if (const char* given = std::getenv("HOLDFAST_TEST_SERVERS")) return given;
  if (::geteuid() == 0) return "/var/cache/holdfast";
  const char* cache = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  return (cache != nullptr ? std::string(cache) : std::string(home != nullptr ? home : "") + "/.cache") + "/holdfast";
}

}  // namespace

struct S3TestServer::Running {
  SystemClock clock;
  PosixProcesses launcher{clock};
  CurlHttpClient http{clock};
  TestFolder folder;
  std::unique_ptr<Process> process;
};

S3TestServer& S3TestServer::get(S3ServerKind kind) {
  static S3TestServer* servers[2] = {};
  struct Ending {
    ~Ending() {
      for (S3TestServer* server : servers) delete server;
    }
  };
  static const Ending ending;
  S3TestServer*& server = servers[static_cast<std::size_t>(kind)];
  if (server == nullptr) server = new S3TestServer(kind);
  return *server;
}

S3TestServer::S3TestServer(S3ServerKind kind) : running_(std::make_unique<Running>()) {
  program_ = server_folder() + (kind == S3ServerKind::kMinio ? "/bin/minio" : "/bin/moto_server");
  if (::access(program_.c_str(), X_OK) != 0) give_up_on(program_, "missing; make it with: ./setup --tests");
  for (int attempt = 1; attempt <= kPortAttempts; ++attempt) {
    start(kind);
    const MonoTime deadline = running_->clock.mono() + kStartTimeout;
    while (running_->clock.mono() < deadline && !running_->process->poll()) {
      auto buckets = try_to_ask("GET", "/", {}, "", {});
      if (buckets && buckets->status == 200) return;
      running_->clock.sleep_until(running_->clock.mono() + kPollEvery, {});
    }
  }
  PosixFiles files;
  auto log = read_file(files, running_->folder.file("log"), 1 << 20);
  give_up_on(program_, "does not start; its log: " + (log ? to_text(*log) : std::string()));
}

S3TestServer::~S3TestServer() = default;

void S3TestServer::start(S3ServerKind kind) {
  endpoint_ = {"127.0.0.1", free_port("127.0.0.1")};
  const std::string port = std::to_string(endpoint_.port);
  ProcessSpec spec;
  spec.cwd = running_->folder.path();
  spec.output_file = running_->folder.file("log");
  if (kind == S3ServerKind::kMinio) {
    spec.argv = {program_,
                 "server",
                 running_->folder.file("data"),
                 "--address",
                 to_string(endpoint_),
                 "--certs-dir",
                 running_->folder.file("certs"),
                 "--quiet",
                 "--anonymous"};
    spec.env = {{"MINIO_ROOT_USER", kAccessKey},
                {"MINIO_ROOT_PASSWORD", kSecretKey},
                {"MINIO_BROWSER", "off"},
                {"MINIO_UPDATE", "off"},
                {"MINIO_CI_CD", "1"},
                {"HOME", running_->folder.path()}};
  } else {
    spec.argv = {program_, "-H", "127.0.0.1", "-p", port};
    spec.env = {{"HOME", running_->folder.path()}};
  }
  auto process = running_->launcher.spawn(spec);
  if (!process) give_up_on(program_, process.error().text);
  running_->process = std::move(*process);
}

AwsCredentials S3TestServer::credentials() const { return {kAccessKey, Secret(std::string_view(kSecretKey)), {}, {}}; }

Result<HttpResponse> S3TestServer::try_to_ask(const std::string& method, const std::string& path,
                                              const std::vector<std::pair<std::string, std::string>>& query,
                                              const std::string& body, const HttpHeaders& headers) {
  const std::string digest = to_hex(crypto::sha256(as_bytes(body)));
  SigV4Request signing{method, to_string(endpoint_), path, query, headers, digest};
  signing.headers.emplace_back("x-amz-content-sha256", digest);
  HttpRequest request;
  request.method = method;
  request.url = "http://" + to_string(endpoint_) + path + (query.empty() ? "" : "?" + canonical_query(query));
  request.headers = sigv4_sign(signing, {"us-east-1", "s3"}, credentials(), running_->clock.wall());
  request.body = to_bytes(body);
  return running_->http.send(request, 30s, {});
}

HttpResponse S3TestServer::ask(const std::string& method, const std::string& path,
                               const std::vector<std::pair<std::string, std::string>>& query, const std::string& body,
                               const HttpHeaders& headers) {
  auto answer = try_to_ask(method, path, query, body, headers);
  if (!answer) give_up_on(method + " " + path, answer.error().text);
  if (answer->status >= 300) give_up_on(method + " " + path, std::to_string(answer->status) + " " + to_text(answer->body));
  return std::move(*answer);
}

std::string S3TestServer::new_bucket(const HttpHeaders& headers) {
  crypto::SystemEntropy entropy;
  std::string name = "test-" + entropy.hex_id();
  (void)ask("PUT", "/" + name, {}, "", headers);
  return name;
}

AwsCredentials S3TestServer::session(const std::string& policy) {
  const std::string body =
      "Action=AssumeRole&Version=2011-06-15&DurationSeconds=3600&Policy=" + uri_encode(policy, false);
  const HttpHeaders headers = {{"content-type", "application/x-www-form-urlencoded"}};
  const SigV4Request signing{"POST", to_string(endpoint_), "/", {}, headers, to_hex(crypto::sha256(as_bytes(body)))};
  HttpRequest request;
  request.method = "POST";
  request.url = "http://" + to_string(endpoint_) + "/";
  request.headers = sigv4_sign(signing, {"us-east-1", "sts"}, credentials(), running_->clock.wall());
  request.body = to_bytes(body);
  auto answer = running_->http.send(request, 30s, {});
  if (!answer) give_up_on("AssumeRole", answer.error().text);
  auto root = parse_xml(as_text(answer->body));
  const XmlElement* result = root ? root->find("AssumeRoleResult") : nullptr;
  const XmlElement* given = result != nullptr ? result->find("Credentials") : nullptr;
  if (given == nullptr) give_up_on("AssumeRole", to_text(answer->body));
  return {
      given->value("AccessKeyId"), Secret(given->value("SecretAccessKey")), Secret(given->value("SessionToken")), {}};
}

S3Options S3TestServer::options(const std::string& bucket) const {
  S3Options o;
  o.endpoint = "http://" + to_string(endpoint_);
  o.region = "us-east-1";
  o.bucket = bucket;
  o.path_style = true;
  o.retry = {.attempts = 10, .first = 2ms, .first_slow_down = 4ms, .longest = 50ms};
  return o;
}

}  // namespace hf::remote
