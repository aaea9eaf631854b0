#include "vault/store/s3_address.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/nearest.h"
#include "remote/aws_credentials.h"
#include "remote/sigv4.h"

namespace hf::vault {
namespace {

constexpr std::string_view kScheme = "s3://";
constexpr std::size_t kMaxPrefixBytes = 512;  // a key has at most 1024 bytes, an object name 519
constexpr const char* kForm = "Write s3://BUCKET/PREFIX?region=REGION, and endpoint=URL for a store that is not AWS.";
constexpr const char* kOptions =
    "Known are endpoint, region, path_style, profile, ca_file, proxy, encryption, kms_key, storage_class, retain, "
    "retain_mode and single_writer.";
const std::vector<std::string> kOptionNames = {"endpoint", "region",        "path_style", "profile",     "ca_file",
                                               "proxy",    "encryption",    "kms_key",    "retain_mode", "retain",
                                               "storage_class", "single_writer"};

Error wrong(const std::string& text) { return make_error(ErrorKind::kUsage, text).with_hint(kForm); }

bool is_bucket_name(std::string_view name) {
  if (name.size() < 3 || name.size() > 63) return false;
  const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  if (!good(name.front()) || !good(name.back()) || name.find("..") != std::string_view::npos) return false;
  return std::ranges::all_of(name, [&](char c) { return good(c) || c == '-' || c == '.'; });
}

// "a/b/" of "a//b/": every part is a plain word.
Result<std::string> clean_prefix(std::string_view path, const std::string& url) {
  while (path.starts_with('/')) path.remove_prefix(1);
  while (path.ends_with('/')) path.remove_suffix(1);
  if (path.empty()) return std::string();
  for (std::string_view rest = path;;) {
    const std::size_t slash = rest.find('/');
    const std::string_view part = rest.substr(0, slash);
    const bool plain = std::ranges::all_of(
        part, [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.'; });
    if (!plain || part.empty() || part == "." || part == "..") {
      return wrong("the prefix in '" + url + "' has a part that is no plain word: '" + std::string(part) + "'");
    }
    if (slash == std::string_view::npos) break;
    rest.remove_prefix(slash + 1);
  }
  if (path.size() > kMaxPrefixBytes) return wrong("the prefix in '" + url + "' is too long");
  return std::string(path) + "/";
}

Result<bool> parse_bool(const std::string& name, const std::string& value) {
  if (value == "true" || value == "false") return value == "true";
  return make_error(ErrorKind::kUsage, name + "=" + value + " is neither true nor false")
      .with_hint("Write " + name + "=true or leave it out.");
}

Result<std::string> parse_endpoint_url(std::string value) {
  while (value.ends_with('/')) value.pop_back();
  const Error bad = make_error(ErrorKind::kUsage, "the endpoint '" + value + "' is not the address of an object store")
                        .with_hint("Write the scheme, host and port: endpoint=https://minio.example.com:9000.");
  if (!remote::host_of_url(value)) return bad;
  const std::string rest = value.substr(value.find("://") + 3);
  if (rest.find_first_of("/?#@ ") != std::string::npos) return bad;
  return value;
}

Result<std::string> one_of(const std::string& name, const std::string& value, std::initializer_list<const char*> list) {
  std::string all;
  for (const char* one : list) {
    if (value == one) return value;
    all += (all.empty() ? "" : ", ") + std::string(one);
  }
  return make_error(ErrorKind::kUsage, name + "=" + value + " is not known").with_hint("Known are " + all + ".");
}

Error unknown_option(const std::string& name) {
  const auto has = [&](const char* word) { return name.find(word) != std::string::npos; };
  const std::string meant = nearest(name, kOptionNames);
  if (meant.empty() && (has("key") || has("secret") || has("token"))) {
    return make_error(ErrorKind::kUsage, "the address of a vault holds no secrets, as " + name + " is")
        .with_hint("Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.");
  }
  return make_error(ErrorKind::kUsage, "the option '" + name + "' of the vault's address is not known")
      .with_hint(meant.empty() ? kOptions : "Did you mean '" + meant + "'?");
}

Status set_option(S3Address& a, const std::string& name, const std::string& value) {
  if (value.empty()) return make_error(ErrorKind::kUsage, "the option " + name + " has no value").with_hint(kOptions);
  if (name == "endpoint") {
    HF_ASSIGN(a.endpoint, parse_endpoint_url(value));
  } else if (name == "region")
    a.region = value;
  else if (name == "path_style") {
    HF_ASSIGN(a.path_style, parse_bool(name, value));
  } else if (name == "profile")
    a.profile = value;
  else if (name == "ca_file")
    a.ca_file = value;
  else if (name == "proxy") {
    HF_ASSIGN(a.proxy, parse_endpoint_url(value));
  } else if (name == "encryption") {
    HF_ASSIGN(a.encryption, one_of(name, value, {"AES256", "aws:kms"}));
  } else if (name == "kms_key")
    a.kms_key = value;
  else if (name == "storage_class") {
    HF_ASSIGN(a.storage_class, one_of(name, value,
                                      {"STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR",
                                       "GLACIER", "DEEP_ARCHIVE", "REDUCED_REDUNDANCY"}));
  } else if (name == "retain") {
    HF_ASSIGN(a.retain, parse_duration(value));
  } else if (name == "retain_mode") {
    HF_ASSIGN(const std::string mode, one_of(name, value, {"compliance", "governance"}));
    a.governance = mode == "governance";
  } else if (name == "single_writer") {
    HF_ASSIGN(a.single_writer, parse_bool(name, value));
  } else {
    return unknown_option(name);
  }
  return ok();
}

Status parse_options(S3Address& a, std::string_view query) {
  std::vector<std::string> seen;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const std::size_t equals = pair.find('=');
    const std::string name(pair.substr(0, equals));
    auto value = remote::uri_decode(equals == std::string_view::npos ? "" : pair.substr(equals + 1));
    if (!value)
      return make_error(ErrorKind::kUsage, std::move(value).error().text).with_hint("Write a percent sign as %25.");
    if (std::ranges::find(seen, name) != seen.end())
      return wrong("the option " + name + " stands twice in the vault's address");
    seen.push_back(name);
    HF_TRY(set_option(a, name, *value));
  }
  if (a.path_style && !*a.path_style && a.bucket.find('.') != std::string::npos) {
    return wrong("the bucket " + a.bucket + " has a dot, and cannot be a host name under a certificate");
  }
  if (!a.kms_key.empty() && a.encryption != "aws:kms") return wrong("kms_key needs encryption=aws:kms");
  if (a.governance && !a.retain) return wrong("retain_mode needs retain");
  return ok();
}

std::string first_of(const Environment& environment, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (std::string value = remote::environment_value(environment, name); !value.empty()) return value;
  }
  return {};
}

std::string value_of(const remote::AwsSection& section, const char* name) {
  const auto it = section.find(name);
  return it == section.end() ? std::string() : it->second;
}

}  // namespace

std::string S3Address::place() const {
  std::string out = std::string(kScheme) + bucket;
  if (!prefix.empty()) out += "/" + prefix.substr(0, prefix.size() - 1);
  return out;
}

// "s3" in any case, and then as many of ':' and '/' as a hand may have left out or doubled.
bool looks_like_s3(const std::string& url) {
  const std::size_t marks = std::min(url.find_first_not_of(":/", 2), url.size());
  if (url.size() < 3 || (url[0] != 's' && url[0] != 'S') || url[1] != '3') return false;
  return marks > 2 && (url[2] == ':' || marks > 3);
}

Result<S3Address> parse_s3_address(const std::string& url) {
  if (!url.starts_with(kScheme)) {
    const std::string rest = url.substr(std::min(url.find_first_not_of(":/", 2), url.size()));
    return make_error(ErrorKind::kUsage, "'" + url + "' is not the address of a vault: it begins almost like s3://")
        .with_hint("Did you mean '" + std::string(kScheme) + rest + "'? " + kForm);
  }
  const std::string_view rest = std::string_view(url).substr(kScheme.size());
  const std::size_t question = rest.find('?');
  const std::string_view where = rest.substr(0, question);
  S3Address out;
  out.bucket = where.substr(0, where.find('/'));
  if (out.bucket.find('@') != std::string::npos) {
    return make_error(ErrorKind::kUsage, "the address of a vault holds no user and no secrets")
        .with_hint("Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE.");
  }
  if (!is_bucket_name(out.bucket)) {
    return wrong("'" + out.bucket + "' cannot be the name of a bucket (3 to 63 of a-z, 0-9, '-' and '.')");
  }
  if (where.find('/') != std::string_view::npos) {
    HF_ASSIGN(out.prefix, clean_prefix(where.substr(where.find('/')), url));
  }
  if (question != std::string_view::npos) HF_TRY(parse_options(out, rest.substr(question + 1)));
  return out;
}

Result<S3Connection> connection_of(const S3Address& a, Files& files, const Environment& environment) {
  remote::AwsSection profile;
  HF_ASSIGN(profile, remote::read_aws_profile(files, environment, a.profile));
  S3Connection out;
  remote::S3Options& o = out.client;
  std::string endpoint = a.endpoint;
  if (endpoint.empty()) endpoint = first_of(environment, {"AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"});
  if (endpoint.empty()) endpoint = value_of(profile, "endpoint_url");
  o.region = a.region.empty() ? first_of(environment, {"AWS_REGION", "AWS_DEFAULT_REGION"}) : a.region;
  if (o.region.empty()) o.region = value_of(profile, "region");
  const bool aws = endpoint.empty();
  if (o.region.empty() && aws) {
    return make_error(ErrorKind::kUsage, "no region is given for the bucket " + a.bucket)
        .with_hint("Add ?region=REGION to the vault's address, or set AWS_REGION.");
  }
  if (o.region.empty()) o.region = "us-east-1";  // what stores that are not AWS answer to
  if (aws) {
    const char* domain = o.region.starts_with("cn-") ? ".amazonaws.com.cn" : ".amazonaws.com";
    o.endpoint = "https://s3." + o.region + domain;
  } else {
    HF_ASSIGN(o.endpoint, parse_endpoint_url(endpoint));
  }
  // A certificate for *.s3.amazonaws.com covers no bucket with a dot; other stores seldom have names for their buckets.
  o.path_style = a.path_style.value_or(!aws || a.bucket.find('.') != std::string::npos);
  o.bucket = a.bucket;
  o.encryption = a.encryption;
  o.kms_key = a.kms_key;
  out.http.ca_file = a.ca_file.empty() ? first_of(environment, {"AWS_CA_BUNDLE"}) : a.ca_file;
  const bool tls = o.endpoint.starts_with("https://");
  // HTTP_PROXY in capitals is not read: a CGI's client could set it.
  out.http.proxy = !a.proxy.empty() ? a.proxy
                   : tls            ? first_of(environment, {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"})
                                    : first_of(environment, {"http_proxy", "all_proxy", "ALL_PROXY"});
  out.http.no_proxy = first_of(environment, {"no_proxy", "NO_PROXY"});
  return out;
}

}  // namespace hf::vault
