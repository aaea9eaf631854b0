// Each source of credentials: where it is looked for, what counts before it, and that a failing one is never passed by.
#include <gtest/gtest.h>

#include "io/testing_files.h"
#include "remote/aws_credentials.h"
#include "remote/testing_object_store.h"
#include "remote/testing_scripted_http.h"

namespace hf::remote {
namespace {

struct AwsCredentialsTest : ::testing::Test {
  MemoryFiles files;
  JumpingClock clock{*parse_time("2026-05-01T10:00:00Z")};
  ScriptedHttp metadata, internet;
  Environment environment = {{"HOME", "/home/u"}, {"AWS_EC2_METADATA_DISABLED", "true"}};
  std::string profile;

  AwsCredentialChain chain() {
    return AwsCredentialChain({files, clock, metadata, internet, environment, profile, "eu-west-1"});
  }
  void write(const std::string& path, std::string_view text) {
    ASSERT_TRUE(files.make_dirs(parent_path(path)));
    ASSERT_TRUE(write_file_atomic(files, path, as_bytes(text)));
  }
  std::string key() {
    AwsCredentialChain c = chain();
    auto found = c.get({});
    return found ? found->access_key + " " + found->secret_key.reveal_text() + " " + found->session_token.reveal_text()
                 : "error: " + found.error().text;
  }
};

constexpr const char* kJson =
    R"({"Code":"Success","AccessKeyId":"AK","SecretAccessKey":"SK","Token":"T","Expiration":"2026-05-01T16:00:00Z"})";
constexpr const char* kSts =
    "<AssumeRoleWithWebIdentityResponse "
    "xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleWithWebIdentityResult>"
    "<Credentials><AccessKeyId>WK</AccessKeyId><SecretAccessKey>WS</SecretAccessKey><SessionToken>WT</SessionToken>"
    "<Expiration>2026-05-01T11:00:00Z</Expiration></Credentials></AssumeRoleWithWebIdentityResult></"
    "AssumeRoleWithWebIdentityResponse>";

TEST_F(AwsCredentialsTest, EnvironmentFirst) {
  environment["AWS_ACCESS_KEY_ID"] = "EK";
  EXPECT_NE(key().find("only one of"), std::string::npos);
  environment["AWS_SECRET_ACCESS_KEY"] = "ES";
  write("/home/u/.aws/credentials", "[default]\naws_access_key_id = PK\naws_secret_access_key = PS\n");
  EXPECT_EQ(key(), "EK ES ");
  environment["AWS_SESSION_TOKEN"] = "ET";
  EXPECT_EQ(key(), "EK ES ET");
  profile = "default";
  EXPECT_EQ(key(), "PK PS ") << "a profile that the address of the vault names counts before";
}

TEST_F(AwsCredentialsTest, ProfilesOfBothFiles) {
  write("/home/u/.aws/credentials",
        "# a comment\n[default]\naws_access_key_id=DK\naws_secret_access_key=DS\n\n[east]\n"
        "aws_access_key_id = EK\r\naws_secret_access_key = ES==\r\naws_session_token = ET\n");
  write("/home/u/.aws/config",
        "[default]\nregion = r1\ns3 =\n  addressing_style = path\n[profile east]\nregion = r2\n[profile role]\n"
        "role_arn = arn:x\n[profile browser]\nsso_session = s\n");
  EXPECT_EQ(key(), "DK DS ");
  environment["AWS_PROFILE"] = "east";
  EXPECT_EQ(key(), "EK ES== ET");
  EXPECT_EQ((*read_aws_profile(files, environment, ""))["region"], "r2");
  environment["AWS_PROFILE"] = "nobody";
  EXPECT_EQ(key(), "error: there is no AWS profile 'nobody'");
  environment["AWS_PROFILE"] = "role";
  EXPECT_NE(key().find("uses role_arn"), std::string::npos) << "and nobody to assume it";
  environment["AWS_PROFILE"] = "browser";
  EXPECT_NE(key().find("uses sso_session"), std::string::npos);
  environment["AWS_SHARED_CREDENTIALS_FILE"] = "/other";
  environment["AWS_PROFILE"] = "default";
  write("/other", "[default]\naws_access_key_id = OK\naws_secret_access_key = OS\n");
  EXPECT_EQ(key(), "OK OS ");
  for (const char* wrong : {"aws_access_key_id = x", "[a\n", "[a]\nsecret words"}) {
    write("/other", wrong);
    EXPECT_NE(key().find("/other, line "), std::string::npos) << wrong;
    EXPECT_EQ(key().find("secret words"), std::string::npos);
  }
}

TEST_F(AwsCredentialsTest, WebIdentityOfKubernetes) {
  environment["AWS_WEB_IDENTITY_TOKEN_FILE"] = "/token";
  environment["AWS_ROLE_ARN"] = "arn:aws:iam::1:role/x";
  EXPECT_NE(key().find("web identity token"), std::string::npos) << "the file is not there";
  write("/token", "jwt.a+b\n");
  internet.then(200, kSts);
  EXPECT_EQ(key(), "WK WS WT");
  EXPECT_EQ(internet.requests[0].url, "https://sts.eu-west-1.amazonaws.com/");
  EXPECT_EQ(to_text(internet.requests[0].body),
            "Action=AssumeRoleWithWebIdentity&Version=2011-06-15&RoleArn=arn%3Aaws%3Aiam%3A%3A1%3Arole%2Fx&"
            "RoleSessionName=holdfast"
            "&WebIdentityToken=jwt.a%2Bb");
  internet.then(403, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>");
  EXPECT_NE(key().find("403 AccessDenied: no"), std::string::npos);
  internet.then(200, "<x/>");
  EXPECT_NE(key().find("has no credentials"), std::string::npos);
}

TEST_F(AwsCredentialsTest, WebIdentityOnMoto) {
  SystemClock now;
  CurlHttpClient http(now);
  environment = {{"AWS_WEB_IDENTITY_TOKEN_FILE", "/token"},
                 {"AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/holdfast"},
                 {"AWS_ENDPOINT_URL_STS", "http://" + to_string(S3TestServer::get(S3ServerKind::kMoto).endpoint())}};
  write("/token", "a.b.c");
  AwsCredentialChain chain({files, now, metadata, http, environment, "", "us-east-1"});
  auto found = chain.get({});
  ASSERT_TRUE(found) << found.error().text;
  EXPECT_FALSE(found->session_token.empty());
  EXPECT_GT(*found->expires, now.wall());
}

constexpr const char* kRole =
    "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>RK</AccessKeyId><SecretAccessKey>RS</SecretAccessKey>"
    "<SessionToken>RT</SessionToken><Expiration>2026-05-01T11:00:00Z</Expiration></Credentials></AssumeRoleResult>"
    "</AssumeRoleResponse>";

TEST_F(AwsCredentialsTest, ProfilesThatAssumeARoleOfAnother) {
  write("/home/u/.aws/credentials", "[user]\naws_access_key_id = UK\naws_secret_access_key = US\n");
  write("/home/u/.aws/config",
        "[profile one]\nrole_arn = arn:one\nsource_profile = user\nexternal_id = x/y\n[profile two]\nrole_arn = arn:two\n"
        "source_profile = one\n[profile self]\nrole_arn = arn:self\nsource_profile = self\naws_access_key_id = SK\n"
        "aws_secret_access_key = SS\n[profile a]\nrole_arn = arn:a\nsource_profile = b\n[profile b]\nrole_arn = arn:b\n"
        "source_profile = a\n[profile env]\nrole_arn = arn:env\ncredential_source = Environment\n");
  environment["AWS_PROFILE"] = "one";
  internet.then(200, kRole);
  EXPECT_EQ(key(), "RK RS RT");
  EXPECT_EQ(to_text(internet.requests[0].body),
            "Action=AssumeRole&Version=2011-06-15&RoleArn=arn%3Aone&RoleSessionName=holdfast&ExternalId=x%2Fy");
  const auto signed_by = [&](std::size_t i) {
    for (const auto& [name, value] : internet.requests.at(i).headers) {
      if (name == "authorization") return value.substr(0, value.find('/'));
    }
    return std::string("nobody");
  };
  EXPECT_EQ(signed_by(0), "AWS4-HMAC-SHA256 Credential=UK");
  environment["AWS_PROFILE"] = "two";            // through the role of the first
  internet.then(200, kRole);
  internet.then(200, kRole);
  EXPECT_EQ(key(), "RK RS RT");
  EXPECT_EQ(signed_by(1), "AWS4-HMAC-SHA256 Credential=UK");
  EXPECT_EQ(signed_by(2), "AWS4-HMAC-SHA256 Credential=RK");
  environment["AWS_PROFILE"] = "self";
  internet.then(403, "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>");
  EXPECT_NE(key().find("403 AccessDenied: no"), std::string::npos) << "its keys are no way round its role";
  EXPECT_EQ(signed_by(3), "AWS4-HMAC-SHA256 Credential=SK");
  environment["AWS_PROFILE"] = "a";
  EXPECT_NE(key().find("in a circle"), std::string::npos);
  environment["AWS_PROFILE"] = "env";
  EXPECT_NE(key().find("gives no credentials"), std::string::npos);
  environment["AWS_ACCESS_KEY_ID"] = "EK";
  environment["AWS_SECRET_ACCESS_KEY"] = "ES";
  profile = "env";                               // named by the address: the environment's keys do not count before it
  internet.then(200, kRole);
  EXPECT_EQ(key(), "RK RS RT");
  EXPECT_EQ(signed_by(4), "AWS4-HMAC-SHA256 Credential=EK");
  EXPECT_TRUE(internet.done());
}

TEST_F(AwsCredentialsTest, ARoleOfAProfileOnMoto) {
  SystemClock now;
  CurlHttpClient http(now);
  environment = {{"HOME", "/home/u"},
                 {"AWS_PROFILE", "role"},
                 {"AWS_ENDPOINT_URL_STS", "http://" + to_string(S3TestServer::get(S3ServerKind::kMoto).endpoint())}};
  write("/home/u/.aws/config",
        "[profile user]\naws_access_key_id = UK\naws_secret_access_key = US\n[profile role]\n"
        "role_arn = arn:aws:iam::123456789012:role/holdfast\nsource_profile = user\n");
  AwsCredentialChain chain({files, now, metadata, http, environment, "", "us-east-1"});
  auto found = chain.get({});
  ASSERT_TRUE(found) << found.error().text;
  EXPECT_FALSE(found->session_token.empty());
  EXPECT_GT(*found->expires, now.wall());
}

TEST_F(AwsCredentialsTest, AProgramOfTheProfile) {
  SystemClock now;
  PosixProcesses processes(now);
  environment["AWS_PROFILE"] = "p";
  const auto run = [&](const std::string& command) {
    write("/home/u/.aws/config", "[profile p]\ncredential_process = " + command + "\n");
    AwsCredentialChain c({files, now, metadata, internet, environment, profile, "eu-west-1", &processes});
    auto found = c.get({});
    return found ? found->access_key + " " + found->secret_key.reveal_text() + " " + found->session_token.reveal_text()
                 : "error: " + found.error().text;
  };
  EXPECT_EQ(run(R"(echo '{"Version":1,"AccessKeyId":"PK","SecretAccessKey":"PS","SessionToken":"PT"}')"), "PK PS PT");
  EXPECT_NE(run("exit 3").find("exited with 3"), std::string::npos);
  EXPECT_NE(run("echo secret words").find("no JSON"), std::string::npos);
  EXPECT_EQ(run("echo secret words").find("secret"), std::string::npos);
  EXPECT_NE(run(R"(echo '{"Version":2}')").find("no JSON of version 1"), std::string::npos);
  EXPECT_NE(run(R"(echo '{"Version":1}')").find("gives no access key"), std::string::npos);
  EXPECT_NE(key().find("is not done here"), std::string::npos);
}

TEST_F(AwsCredentialsTest, Containers) {
  environment["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"] = "/v2/x";
  metadata.then(200, kJson);
  EXPECT_EQ(key(), "AK SK T");
  EXPECT_EQ(metadata.requests[0].url, "http://169.254.170.2/v2/x");
  environment.erase("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
  environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://localhost:91/c";
  environment["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = "/auth";
  write("/auth", "secret\n");
  metadata.then(200, kJson);
  EXPECT_EQ(key(), "AK SK T");
  EXPECT_EQ(metadata.requests[1].headers, (HttpHeaders{{"Authorization", "secret"}}));
  EXPECT_EQ(metadata.requests[1].connect_to, (Endpoint{"127.0.0.1", 91}));
  metadata.then(500);
  EXPECT_NE(key().find("status 500"), std::string::npos);
  environment["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://evil.test/c";
  EXPECT_NE(key().find("neither this machine"), std::string::npos);
  EXPECT_TRUE(metadata.done());
}

TEST_F(AwsCredentialsTest, InstancesByVersion2AndAgainBeforeTheyExpire) {
  environment.erase("AWS_EC2_METADATA_DISABLED");
  const auto role = [&] {
    metadata.then(200, "token");
    metadata.then(200, "my-role\n");
    metadata.then(200, kJson);
  };
  AwsCredentialChain c = chain();
  role();
  ASSERT_TRUE(c.get({}));
  EXPECT_EQ(metadata.requests[0].method, "PUT");
  EXPECT_EQ(metadata.requests[2].url, "http://169.254.169.254/latest/meta-data/iam/security-credentials/my-role");
  EXPECT_EQ(metadata.requests[2].headers, (HttpHeaders{{"X-aws-ec2-metadata-token", "token"}}));
  ASSERT_TRUE(c.get({}));
  EXPECT_EQ(metadata.requests.size(), 3u) << "kept";
  (void)clock.sleep_until(clock.mono() + std::chrono::minutes(356), {});
  metadata.then(500);
  EXPECT_TRUE(c.get({})) << "the old ones hold four minutes yet";
  role();
  ASSERT_TRUE(c.get({}));
  c.forget();
  role();
  ASSERT_TRUE(c.get({}));
  EXPECT_TRUE(metadata.done());
}

TEST_F(AwsCredentialsTest, NoneAtAll) {
  EXPECT_EQ(key(), "error: no AWS credentials are configured");
  environment.erase("AWS_EC2_METADATA_DISABLED");
  metadata.then_fail(ErrorKind::kTimeout, Effect::kNone);
  metadata.then_fail(ErrorKind::kTimeout, Effect::kNone);
  EXPECT_EQ(key(), "error: no AWS credentials are configured");
  metadata.then(200, "token");
  metadata.then(404);
  EXPECT_EQ(key(), "error: no AWS credentials are configured");
  metadata.then(403);
  EXPECT_NE(key().find("gives no token"), std::string::npos);
}

}  // namespace
}  // namespace hf::remote
