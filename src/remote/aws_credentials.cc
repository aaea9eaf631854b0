#include "remote/aws_credentials.h"

#include "base/json.h"
#include "remote/xml.h"

namespace hf::remote {
namespace {

constexpr Micros kRefreshBefore = 5min;  // of the end; new ones are there long before
constexpr Micros kMetadataTimeout = 2s;  // on the machine itself or its host
constexpr int kMetadataAttempts = 2;
constexpr Micros kStsTimeout = 20s;
constexpr std::size_t kTokenLimitBytes = 64 << 10;
constexpr const char* kInstanceEndpoint = "http://169.254.169.254";
constexpr const char* kContainerEndpoint = "http://169.254.170.2";

std::string trimmed(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.pop_back();
  return text;
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

Result<AwsCredentials> from_sts(const HttpResponse& answer) {
  auto root = parse_xml(as_text(answer.body));
  if (!root) return Error(std::move(root).error()).with_context("the security token service");
  if (answer.status != 200) {
    const XmlElement* error = root->find("Error");
    const XmlElement& at = error == nullptr ? *root : *error;
    return denied("the security token service answers " + std::to_string(answer.status) + " " + at.value("Code") +
                  ": " + at.value("Message"))
        .with_hint("Check AWS_ROLE_ARN, and that the role trusts the issuer of AWS_WEB_IDENTITY_TOKEN_FILE.");
  }
  const XmlElement* result = root->find("AssumeRoleWithWebIdentityResult");
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
  std::string endpoint = variable("AWS_ENDPOINT_URL_STS");
  if (endpoint.empty()) endpoint = "https://sts." + parts_.region + ".amazonaws.com";
  HttpRequest request;
  request.method = "POST";
  request.url = endpoint + "/";
  request.headers = {{"Content-Type", "application/x-www-form-urlencoded"}};
  request.body = to_bytes("Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=" + uri_encode(role, false) +
                          "&RoleSessionName=" + uri_encode(session.empty() ? "holdfast" : session, false) +
                          "&WebIdentityToken=" + uri_encode(trimmed(to_text(*token)), false));
  auto answer = parts_.internet.send(request, kStsTimeout, stop);
  if (!answer) return std::move(answer).error();
  HF_ASSIGN(AwsCredentials c, from_sts(*answer));
  return c;
}

AwsCredentialChain::Found AwsCredentialChain::from_profile(const std::stop_token& stop) {
  HF_ASSIGN(const AwsSection section, read_aws_profile(parts_.files, parts_.environment, parts_.profile));
  const auto value = [&](const char* name) {
    const auto it = section.find(name);
    return it == section.end() ? std::string() : it->second;
  };
  AwsCredentials c{
      value("aws_access_key_id"), Secret(value("aws_secret_access_key")), Secret(value("aws_session_token")), {}};
  if (!c.access_key.empty() && !c.secret_key.empty()) return c;
  HF_ASSIGN(auto web,
            from_web_identity(value("web_identity_token_file"), value("role_arn"), value("role_session_name"), stop));
  if (web) return web;
  for (const char* other : {"role_arn", "credential_process", "sso_session", "sso_start_url", "source_profile"}) {
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
  if (found && !*found) found = from_profile(stop);
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
