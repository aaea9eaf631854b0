#include "remote/aws_credentials.h"

#include "base/hex.h"
#include "base/json.h"
#include "crypto/hash.h"
#include "remote/xml.h"

namespace hf::remote {
namespace {

constexpr Micros kRefreshBefore = 5min;  // of the end; new ones are there long before
constexpr Micros kMetadataTimeout = 2s;  // on the machine itself or its host
constexpr int kMetadataAttempts = 2;
constexpr Micros kStsTimeout = 20s;
constexpr std::size_t kTokenLimitBytes = 64 << 10;
constexpr Micros kProgramTimeout = 1min;  // it may ask somebody else over the network
constexpr int kMaxRoles = 5;              // of roles assumed through each other: more is a circle
constexpr const char* kInstanceEndpoint = "http://169.254.169.254";
constexpr const char* kContainerEndpoint = "http://169.254.170.2";

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  return text;
}

std::string value_in(const AwsSection& section, const char* key) {
  const auto it = section.find(key);
  return it == section.end() ? std::string() : it->second;
}

AwsCredentials keys_in(const AwsSection& section) {
  return {value_in(section, "aws_access_key_id"), Secret(value_in(section, "aws_secret_access_key")),
          Secret(value_in(section, "aws_session_token")), {}};
}

Error denied(const std::string& text) { return make_error(ErrorKind::kDenied, text); }

Result<AwsCredentials> checked(AwsCredentials c, const std::string& expiration, const std::string& source) {
  if (c.access_key.empty() || c.secret_key.empty()) return denied(source + " gives no access key");
  if (expiration.empty()) return c;
  auto end = parse_time(expiration);
  if (!end) return Error(std::move(end).error()).with_context(source);
  c.expires = *end;
  return c;
}

// What containers and instances answer with.
Result<AwsCredentials> from_json(const HttpResponse& answer, const std::string& source) {
  if (answer.status != 200) return denied(source + " answers with status " + std::to_string(answer.status));
  auto json = parse_json(as_text(answer.body));
  if (!json) return Error(std::move(json).error()).with_context(source);
  AwsCredentials c;
  c.access_key = (*json)["AccessKeyId"].as_string();
  c.secret_key = Secret((*json)["SecretAccessKey"].as_string());
  c.session_token = Secret((*json)["Token"].as_string());
  return checked(std::move(c), (*json)["Expiration"].as_string(), source);
}

// `result`: the element that holds what is given; `hint` for a refusal.
Result<AwsCredentials> from_sts(const HttpResponse& answer, const char* result_name, const char* hint) {
  auto root = parse_xml(as_text(answer.body));
  if (!root) return Error(std::move(root).error()).with_context("the security token service");
  if (answer.status != 200) {
    const XmlElement* error = root->find("Error");
    const XmlElement& at = error == nullptr ? *root : *error;
    return denied("the security token service answers " + std::to_string(answer.status) + " " + at.value("Code") +
                  ": " + at.value("Message"))
        .with_hint(hint);
  }
  const XmlElement* result = root->find(result_name);
  const XmlElement* given = result == nullptr ? nullptr : result->find("Credentials");
  if (given == nullptr) return denied("the security token service's answer has no credentials");
  AwsCredentials c{
      given->value("AccessKeyId"), Secret(given->value("SecretAccessKey")), Secret(given->value("SessionToken")), {}};
  return checked(std::move(c), given->value("Expiration"), "the security token service");
}

// A full address may come from the environment: credentials are asked for only of this machine, its host's link-local
// addresses, or over TLS.
bool may_ask(const std::string& url, const std::string& host) {
  return url.starts_with("https://") || host == "localhost" || host.starts_with("127.") || host == "::1" ||
         host == "169.254.170.2" || host == "169.254.170.23" || host == "fd00:ec2::23";
}

Result<HttpResponse> ask(HttpClient& http, HttpRequest request, const std::stop_token& stop) {
  HF_ASSIGN(const UrlHost host, host_of_url(request.url));
  if (host.host == "localhost") request.connect_to = Endpoint{"127.0.0.1", host.port};
  Result<HttpResponse> answer = http.send(request, kMetadataTimeout, stop);
  for (int attempt = 1; !answer && attempt < kMetadataAttempts; ++attempt)
    answer = http.send(request, kMetadataTimeout, stop);
  return answer;
}

}  // namespace

std::string environment_value(const Environment& environment, const std::string& name) {
  const auto it = environment.find(name);
  return it == environment.end() ? std::string() : it->second;
}

Result<AwsSection> read_aws_profile(Files& files, const Environment& environment, const std::string& name) {
  std::string wanted = name.empty() ? environment_value(environment, "AWS_PROFILE") : name;
  const bool asked = !wanted.empty();
  if (!asked) wanted = "default";
  const std::string home = environment_value(environment, "HOME");
  AwsSection out;
  bool found = false;
  for (const auto& [variable, standard] :
       {std::pair{"AWS_CONFIG_FILE", "/.aws/config"}, std::pair{"AWS_SHARED_CREDENTIALS_FILE", "/.aws/credentials"}}) {
    std::string path = environment_value(environment, variable);
    if (path.empty() && home.empty()) continue;
    if (path.empty()) path = home + standard;
    auto text = read_file(files, path, kAwsFileLimitBytes);
    if (!text && text.error().kind == ErrorKind::kNotFound) continue;
    if (!text) return std::move(text).error();
    HF_ASSIGN(const auto sections, parse_aws_file(as_text(*text), path));
    const auto section = sections.find(wanted);
    if (section == sections.end()) continue;
    found = true;
    for (const auto& [key, value] : section->second) out[key] = value;
  }
  if (!found && asked) {
    return make_error(ErrorKind::kNotFound, "there is no AWS profile '" + wanted + "'")
        .with_hint("See ~/.aws/config and ~/.aws/credentials, and the variable AWS_PROFILE.");
  }
  return out;
}

AwsCredentialChain::Found AwsCredentialChain::from_environment() const {
  AwsCredentials c{variable("AWS_ACCESS_KEY_ID"),
                   Secret(variable("AWS_SECRET_ACCESS_KEY")),
                   Secret(variable("AWS_SESSION_TOKEN")),
                   {}};
  if (c.access_key.empty() && c.secret_key.empty()) return std::nullopt;
  if (!c.access_key.empty() && !c.secret_key.empty()) return c;
  return denied("only one of AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY is set").with_hint("Set both or neither.");
}

AwsCredentialChain::Found AwsCredentialChain::from_web_identity(const std::string& token_file, const std::string& role,
                                                                const std::string& session,
                                                                const std::stop_token& stop) {
  if (token_file.empty() || role.empty()) return std::nullopt;
  auto token = read_file(parts_.files, token_file, kTokenLimitBytes);
  if (!token) return Error(std::move(token).error()).with_context("the web identity token");
  HttpRequest request;
  request.method = "POST";
  request.url = sts_endpoint() + "/";
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.body = to_bytes("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=" + uri_encode(role, false) +
                          "&RoleSessionName=" + uri_encode(session.empty() ? "holdfast" : session, false) +
                          "&WebIdentityToken=" + uri_encode(trimmed(to_text(*token)), false));
  auto answer = parts_.internet.send(request, kStsTimeout, stop);
  if (!answer) return std::move(answer).error();
  HF_ASSIGN(AwsCredentials c,
            from_sts(*answer, "AssumeRoleWithWebIdentityResult",
                     "Check AWS_ROLE_ARN, and that the role trusts the issuer of AWS_WEB_IDENTITY_TOKEN_FILE."));
  return c;
}

std::string AwsCredentialChain::sts_endpoint() const {
  const std::string named = variable("AWS_ENDPOINT_URL_STS");
  return named.empty() ? "https://sts." + parts_.region + ".amazonaws.com" : named;
}

// The program of the profile prints {"Version": 1, "AccessKeyId": ..., ...}. What it writes to stderr may hold secrets.
AwsCredentialChain::Found AwsCredentialChain::from_process(const std::string& command, const std::stop_token& stop) {
  if (parts_.processes == nullptr) return denied("the AWS profile runs a program (credential_process), which is not done here");
  ProcessSpec spec;
  spec.argv = {"/bin/sh", "-c", command};
  auto exit = run_process(*parts_.processes, parts_.clock, spec, kProgramTimeout, stop);
  if (!exit) return Error(std::move(exit).error()).with_context("credential_process of the AWS profile");
  if (exit->code != 0) {
    return denied("credential_process of the AWS profile exited with " + std::to_string(exit->code))
        .with_hint("Run it by hand: it must print JSON with Version, AccessKeyId and SecretAccessKey.");
  }
  auto json = parse_json(exit->output);
  if (!json || (*json)["Version"].as_int() != 1)
    return denied("credential_process of the AWS profile prints no JSON of version 1");
  AwsCredentials c;
  c.access_key = (*json)["AccessKeyId"].as_string();
  c.secret_key = Secret((*json)["SecretAccessKey"].as_string());
  c.session_token = Secret((*json)["SessionToken"].as_string());
  HF_ASSIGN(c, checked(std::move(c), (*json)["Expiration"].as_string(), "credential_process of the AWS profile"));
  return c;
}

Result<AwsCredentials> AwsCredentialChain::assume_role(const AwsSection& section, const AwsCredentials& source,
                                                       const std::stop_token& stop) {
  std::string body = "Action=AssumeRole&Version=2011-06-15";
  const auto add = [&](const char* parameter, const std::string& value) {
    if (!value.empty()) body += std::string("&") + parameter + "=" + uri_encode(value, false);
  };
  const std::string session = value_in(section, "role_session_name");
  add("RoleArn", value_in(section, "role_arn"));
  add("RoleSessionName", session.empty() ? "holdfast" : session);
  add("ExternalId", value_in(section, "external_id"));
  add("DurationSeconds", value_in(section, "duration_seconds"));
  const std::string endpoint = sts_endpoint();
  const HttpHeaders headers = {{"content-type", "application/x-www-form-urlencoded"}};
  const std::size_t scheme = endpoint.find("://");
  const SigV4Request signing{"POST", endpoint.substr(scheme == std::string::npos ? 0 : scheme + 3), "/", {}, headers,
                             to_hex(crypto::sha256(as_bytes(body)))};
  HttpRequest request;
  request.method = "POST";
  request.url = endpoint + "/";
  request.headers = sigv4_sign(signing, {parts_.region, "sts"}, source, parts_.clock.wall());
  request.body = to_bytes(body);
  auto answer = parts_.internet.send(request, kStsTimeout, stop);
  if (!answer) return Error(std::move(answer).error()).with_context("assuming the role of the AWS profile");
  return from_sts(*answer, "AssumeRoleResult",
                  "Check role_arn of the profile, and that the role trusts who its source_profile is.");
}

Result<AwsCredentials> AwsCredentialChain::source_of_role(const AwsSection& section, const std::string& name, int depth,
                                                          const std::stop_token& stop) {
  const std::string source = value_in(section, "source_profile");
  Found found = std::optional<AwsCredentials>();
  const std::string from = source.empty() ? value_in(section, "credential_source") : source;
  if (!source.empty()) {
    if (depth == kMaxRoles) return denied("the AWS profiles assume roles through each other in a circle, at '" + source + "'");
    const bool itself = source == name && !value_in(section, "aws_access_key_id").empty();
    found = itself ? Found(keys_in(section)) : from_profile(source, depth + 1, stop);
  } else if (from == "Environment") {
    found = from_environment();
  } else if (from == "EcsContainer") {
    found = from_container(stop);
  } else if (from == "Ec2InstanceMetadata") {
    found = from_instance(stop);
  }
  if (!found) return std::move(found).error();
  if (*found) return std::move(**found);
  return denied("the AWS profile assumes a role as '" + from + "', which gives no credentials");
}

AwsCredentialChain::Found AwsCredentialChain::from_profile(const std::string& name, int depth,
                                                           const std::stop_token& stop) {
  HF_ASSIGN(const AwsSection section, read_aws_profile(parts_.files, parts_.environment, name));
  const auto value = [&](const char* key) { return value_in(section, key); };
  if (!value("role_arn").empty() && (!value("source_profile").empty() || !value("credential_source").empty())) {
    std::string own = name.empty() ? variable("AWS_PROFILE") : name;
    if (own.empty()) own = "default";
    HF_ASSIGN(const AwsCredentials source, source_of_role(section, own, depth, stop));
    HF_ASSIGN(AwsCredentials role, assume_role(section, source, stop));
    return role;
  }
  AwsCredentials c = keys_in(section);
  if (!c.access_key.empty() && !c.secret_key.empty()) return c;
  HF_ASSIGN(auto web,
            from_web_identity(value("web_identity_token_file"), value("role_arn"), value("role_session_name"), stop));
  if (web) return web;
  if (!value("credential_process").empty()) return from_process(value("credential_process"), stop);
  for (const char* other : {"role_arn", "sso_session", "sso_start_url", "source_profile"}) {
    if (value(other).empty()) continue;
    return denied(std::string("the AWS profile uses ") + other + ", which is not among what is read here")
        .with_hint(
            "Put keys into the environment, for example: eval \"$(aws configure export-credentials --format env)\".");
  }
  return std::nullopt;
}

Result<std::string> AwsCredentialChain::container_token() const {
  const std::string file = variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE");
  if (file.empty()) return variable("AWS_CONTAINER_AUTHORIZATION_TOKEN");
  HF_ASSIGN(const Bytes token, read_file(parts_.files, file, kTokenLimitBytes));
  return trimmed(to_text(token));
}

AwsCredentialChain::Found AwsCredentialChain::from_container(const std::stop_token& stop) {
  const std::string relative = variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  const std::string full = variable("AWS_CONTAINER_CREDENTIALS_FULL_URI");
  if (relative.empty() && full.empty()) return std::nullopt;
  HttpRequest request;
  request.url = relative.empty() ? full : kContainerEndpoint + relative;
  HF_ASSIGN(const UrlHost host, host_of_url(request.url));
  if (!may_ask(request.url, host.host)) {
    return denied("AWS_CONTAINER_CREDENTIALS_FULL_URI names " + host.host +
                  ", which is neither this machine nor reached by TLS");
  }
  HF_ASSIGN(const std::string token, container_token());
  if (token.find_first_of("\r\n") != std::string::npos) return denied("the container's token has more than one line");
  if (!token.empty()) request.headers = {{"Authorization", token}};
  HF_ASSIGN(const HttpResponse answer, ask(parts_.metadata, request, stop));
  HF_ASSIGN(AwsCredentials c, from_json(answer, "the container's credential service"));
  return c;
}

AwsCredentialChain::Found AwsCredentialChain::from_instance(const std::stop_token& stop) {
  if (variable("AWS_EC2_METADATA_DISABLED") == "true") return std::nullopt;
  std::string endpoint = variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
  const bool named = !endpoint.empty();
  if (!named) endpoint = kInstanceEndpoint;
  while (endpoint.ends_with('/')) endpoint.pop_back();
  HttpRequest request;
  request.method = "PUT";
  request.url = endpoint + "/latest/api/token";
  request.headers = {{"X-aws-ec2-metadata-token-ttl-seconds", "300"}};
  auto token = ask(parts_.metadata, request, stop);
  if (!token && !named && token.error().kind != ErrorKind::kCancelled) return std::nullopt;  // not a machine of EC2
  if (!token) return std::move(token).error();
  if (token->status != 200)
    return denied("the instance's metadata service gives no token: status " + std::to_string(token->status));
  request.method = "GET";
  request.headers = {{"X-aws-ec2-metadata-token", trimmed(to_text(token->body))}};
  request.url = endpoint + "/latest/meta-data/iam/security-credentials/";
  HF_ASSIGN(const HttpResponse roles, ask(parts_.metadata, request, stop));
  if (roles.status == 404) return std::nullopt;  // no role for this machine
  if (roles.status != 200) return denied("the instance's metadata service answers " + std::to_string(roles.status));
  const std::string role = to_text(roles.body);
  request.url += uri_encode(trimmed(role.substr(0, role.find('\n'))), false);
  HF_ASSIGN(const HttpResponse answer, ask(parts_.metadata, request, stop));
  HF_ASSIGN(AwsCredentials c, from_json(answer, "the instance's metadata service"));
  return c;
}

Result<AwsCredentials> AwsCredentialChain::look(const std::stop_token& stop) {
  Found found = std::nullopt;
  if (parts_.profile.empty()) found = from_environment();
  if (found && !*found && parts_.profile.empty()) {
    found = from_web_identity(variable("AWS_WEB_IDENTITY_TOKEN_FILE"), variable("AWS_ROLE_ARN"),
                              variable("AWS_ROLE_SESSION_NAME"), stop);
  }
  if (found && !*found) found = from_profile(parts_.profile, 1, stop);
  if (found && !*found) found = from_container(stop);
  if (found && !*found) found = from_instance(stop);
  if (!found) return std::move(found).error();
  if (*found) return std::move(**found);
  return denied("no AWS credentials are configured")
      .with_hint("Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give this machine a role.");
}

Result<AwsCredentials> AwsCredentialChain::get(std::stop_token stop) {
  std::lock_guard lock(mutex_);
  const bool fresh = cached_ && (!cached_->expires || *cached_->expires - kRefreshBefore > parts_.clock.wall());
  if (fresh) return *cached_;
  auto found = look(stop);
  if (found) {
    cached_ = *found;
    return found;
  }
  // What is there may hold a little longer than the service that renews it is away.
  if (cached_ && *cached_->expires > parts_.clock.wall()) return *cached_;
  return found;
}

void AwsCredentialChain::forget() {
  std::lock_guard lock(mutex_);
  cached_.reset();
}

}  // namespace hf::remote
