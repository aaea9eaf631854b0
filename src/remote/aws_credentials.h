// Who we are to AWS: the chain in which its own tools look, and the first source that is configured counts.
//
//   1 environment   AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN
//   2 web identity  AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN, given to STS (Kubernetes: IRSA)
//   3 profile       AWS_PROFILE, else "default", of the credentials and config files: a role of another profile or of one
//                   of the sources 1, 4, 5 (source_profile, credential_source), keys, a web identity, or a program
//   4 container     AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI (ECS, EKS pod identity)
//   5 instance      the metadata service of EC2, version 2 (with a token) only
//
// A source that is configured and fails is an error: another identity is never taken in its place.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>

#include "io/files.h"
#include "io/process.h"
#include "remote/aws_profile.h"
#include "remote/http.h"
#include "remote/sigv4.h"

namespace hf::remote {

class AwsCredentialSource {
 public:
  virtual ~AwsCredentialSource() = default;
  // Any thread. Good for a while yet. kDenied with a hint where there are none.
  virtual Result<AwsCredentials> get(std::stop_token stop) = 0;
  virtual void forget() = 0;  // the server says that they have expired
};

// What never changes: tests, and a user's keys.
class FixedAwsCredentials final : public AwsCredentialSource {
 public:
  explicit FixedAwsCredentials(AwsCredentials credentials) : credentials_(std::move(credentials)) {}
  Result<AwsCredentials> get(std::stop_token) override { return credentials_; }
  void forget() override {}

 private:
  AwsCredentials credentials_;
};

using Environment = std::map<std::string, std::string>;
std::string environment_value(const Environment& environment, const std::string& name);  // "" if absent

// The profile named (AWS_PROFILE, else "default" where `name` is empty) of both files, credentials over config. A
// profile that was asked for by name and is in neither is kNotFound; an absent default is empty.
Result<AwsSection> read_aws_profile(Files& files, const Environment& environment, const std::string& name);

class AwsCredentialChain final : public AwsCredentialSource {
 public:
  struct Parts {
    Files& files;
    Clock& clock;
    HttpClient& metadata;  // for numeric addresses: containers and instances; no proxy
    HttpClient& internet;  // for STS
    Environment environment;
    std::string profile;  // overrides AWS_PROFILE, and then the environment's keys do not count
    std::string region;   // of STS
    Processes* processes = nullptr;  // for credential_process; none: it is refused
  };
  explicit AwsCredentialChain(Parts parts) : parts_(std::move(parts)) {}
  Result<AwsCredentials> get(std::stop_token stop) override;
  void forget() override;

 private:
  using Found = Result<std::optional<AwsCredentials>>;  // nothing: this source is not configured
  Result<AwsCredentials> look(const std::stop_token& stop);
  Found from_environment() const;
  Found from_web_identity(const std::string& token_file, const std::string& role, const std::string& session,
                          const std::stop_token& stop);
  Found from_profile(const std::string& name, int depth, const std::stop_token& stop);
  Found from_process(const std::string& command, const std::stop_token& stop);
  Result<AwsCredentials> source_of_role(const AwsSection& section, const std::string& name, int depth,
                                        const std::stop_token& stop);
  Result<AwsCredentials> assume_role(const AwsSection& section, const AwsCredentials& source, const std::stop_token& stop);
  std::string sts_endpoint() const;
  Found from_container(const std::stop_token& stop);
  Found from_instance(const std::stop_token& stop);
  Result<std::string> container_token() const;
  std::string variable(const std::string& name) const { return environment_value(parts_.environment, name); }

  Parts parts_;
  std::mutex mutex_;
  std::optional<AwsCredentials> cached_;
};

}  // namespace hf::remote
